"""A sample that is spread evenly over cells, and that anyone can draw again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from dataset_builder.dataset.records import Case
from dataset_builder.errors import InputError

T = TypeVar("T")
# Which cases take part: all, the first few, or a stratified sample that anyone can draw again.
ALL_CASES: Final = "all"
LIMIT: Final = "limit"
STRATIFIED: Final = "stratified"


def stratified(items: Sequence[T], cell_of: Callable[[T], str], size: int, seed: int) -> list[T]:
    """A sample of ``size`` items spread evenly over their cells, in the order of the items.

    Systematic sampling from a list sorted by cell (Cochran, Sampling Techniques, 1977, chapter 8): the
    items are shuffled, sorted by cell and taken at equal steps from a random start. Every item has the
    same chance, so rates over the sample estimate rates over all with no weights; a cell, and a run of
    neighbouring cells such as a family, gets its share rounded down or up.

    The cells of a family are neighbours as ``family:authority`` sorts them. Deterministic in the seed,
    whatever the order of the items.
    """
    if size >= len(items):
        return list(items)
    rng = random.Random(seed)  # noqa: S311 - a draw that must be repeatable
    # Sorted first, so that the draw does not hang on the order in which the items came.
    order = sorted(range(len(items)), key=lambda i: str(_identity(items[i])))
    rng.shuffle(order)
    order.sort(key=lambda i: cell_of(items[i]))
    step = len(items) / size
    start = rng.random() * step
    taken = {order[min(len(order) - 1, int(start + k * step))] for k in range(size)}
    return [item for i, item in enumerate(items) if i in taken]


def _identity(item: Any) -> Any:
    return getattr(item, "case_id", item)


def parse_sample(sample: str | None, limit: int | None) -> str:
    """The name of a sample, as ``run.json`` keeps it: ``all``, ``limit:N`` or ``stratified:N``.

    Raises InputError where ``sample`` is no ``stratified:N``, or both are given.
    """
    if sample is not None and limit is not None:
        raise InputError("--limit and --sample: expected one of them, not both.")
    if limit is not None:
        return f"{LIMIT}:{limit}"
    if sample is None:
        return ALL_CASES
    kind, _, size = sample.partition(":")
    if kind != STRATIFIED or not (size.isascii() and size.isdecimal()) or int(size[:9]) == 0:
        raise InputError(f"--sample {sample!r}: expected stratified:N, for example stratified:100.")
    return f"{STRATIFIED}:{int(size[:9])}"


def draw_labelled(cases: Sequence[Case], size: int, controls: int | None, seed: int) -> list[Case]:
    """A stratified sample for labelling; with ``controls``, that many of them are control cases.

    A judge's error on controls is seen on controls alone, and of a plain sample few are any.
    Raises InputError for more controls than the sample is to have.
    """
    if controls is None:
        return stratified(cases, lambda case: case.cell, size, seed)
    if controls > size:
        raise InputError(f"--controls {controls}: more than the {size} of --sample.")
    parts = ((False, controls), (True, size - controls))
    drawn = {
        case.case_id
        for defeated, part in parts
        for case in stratified([c for c in cases if c.defeated == defeated], lambda case: case.cell, part, seed)
        if part
    }
    return [case for case in cases if case.case_id in drawn]


def draw(cases: Sequence[T], sample: str, seed: int, cell_of: Callable[[T], str]) -> list[T]:
    """The cases of a sample that ``parse_sample`` named."""
    kind, _, size = sample.partition(":")
    if kind == LIMIT:
        return list(cases[: int(size)])
    if kind == STRATIFIED:
        return stratified(cases, cell_of, int(size), seed)
    return list(cases)
