from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.dataset.sample import draw, sample_name, stratified
from dataset_builder.errors import InputError
from tests.support.small_dataset import small_cases

CASES = small_cases()  # 3 families x 8 authorities x 3 cases


def cell(item: str) -> str:
    return item.split("/")[0]


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    share=st.floats(0.01, 1.0),
    seed=st.integers(0, 2**32),
)
def test_every_cell_gets_its_share_rounded_down_or_up(sizes: list[int], share: float, seed: int) -> None:
    items = [f"{c:02}/{i}" for c, n in enumerate(sizes) for i in range(n)]
    size = max(1, int(share * len(items)))
    drawn = stratified(items, cell, size, seed)
    assert len(drawn) == len(set(drawn)) == size
    assert drawn == [i for i in items if i in set(drawn)]
    counts = Counter(map(cell, drawn))
    for name, n in Counter(map(cell, items)).items():
        exact = size * n / len(items)
        # A systematic draw meets an interval of length n in floor or ceil of its share (1e-9 for rounding).
        assert exact - 1 - 1e-9 < counts[name] < exact + 1 + 1e-9


def test_families_get_their_share_too() -> None:
    drawn = stratified(CASES, lambda c: c.cell, 24, seed=5)
    assert Counter(c.defeat_family for c in drawn) == {"content_defeat": 8, "application_defeat": 8, "control": 8}
    # As many as there are cells: one of each.
    assert len({c.cell for c in drawn}) == 24


def test_the_draw_hangs_on_the_seed_and_not_on_the_order() -> None:
    def ids(cases: list, seed: int) -> set[str]:  # type: ignore[type-arg]
        return {c.case_id for c in stratified(cases, lambda c: c.cell, 20, seed)}

    assert ids(CASES, 1) == ids(CASES, 1) == ids(CASES[::-1], 1)
    assert ids(CASES, 1) != ids(CASES, 2)


def test_every_item_has_the_same_chance() -> None:
    items = [f"{c}/{i}" for c, n in (("a", 1), ("b", 6), ("c", 3)) for i in range(n)]
    drawn = Counter(item for seed in range(4000) for item in stratified(items, cell, 3, seed))
    # 4,000 draws of 3 in 10: 1,200 each, with a standard deviation of at most 29.
    assert all(abs(drawn[item] - 1200) < 150 for item in items)


def test_more_than_there_are_is_all() -> None:
    assert stratified(CASES, lambda c: c.cell, 1000, 0) == CASES


@pytest.mark.parametrize(
    ("sample", "limit", "name", "size"),
    [(None, None, "all", 72), (None, 5, "limit:5", 5), (12, None, "stratified:12", 12)],
)
def test_the_name_of_a_sample_draws_it(sample: int | None, limit: int | None, name: str, size: int) -> None:
    assert sample_name(sample, limit) == name
    assert len(draw(CASES, name, 0, lambda c: c.cell)) == size


@pytest.mark.parametrize("sample", [0, -3, "stratified:3", "half"])
def test_a_sample_that_is_none(sample: Any) -> None:
    with pytest.raises(InputError, match="expected a number of cases, for example 100"):
        sample_name(sample, None)
