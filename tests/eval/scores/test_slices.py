from __future__ import annotations

import pytest

from dataset_builder.errors import InputError
from eval.scores.cases import SLICE_FIELDS, CaseTable
from eval.scores.slices import Slice, find_slices, title
from tests.support.answers import make_case

CASES = CaseTable.from_cases(
    [
        make_case("a", "control", "school"),
        make_case("b", "content_defeat", "school", dual_use=True, dual_use_category="cybersecurity"),
        make_case("c", "content_defeat", "club", dual_use=None),
        make_case("d", "exception_justified", "club"),
    ]
)


def test_overall_is_first_and_values_stand_in_taxonomy_order():
    slices, rows = find_slices(CASES, ["family", "authority"])
    whole = [part for part in slices if not part.without_dual_use]
    assert [part.value for part in whole] == [
        "overall",
        "control",
        "content_defeat",
        "exception_justified",
        "school",
        "club",
    ]
    assert [members.tolist() for members in rows[:4]] == [[0, 1, 2, 3], [0], [1, 2], [3]]


def test_without_dual_use_keeps_only_cases_assessed_as_unflagged():
    slices, rows = find_slices(CASES, ["family"])
    found = {part: members.tolist() for part, members in zip(slices, rows, strict=True)}
    assert found[Slice("overall", "overall", without_dual_use=True)] == [0, 3]
    assert Slice("family", "content_defeat", without_dual_use=True) not in found  # nothing is left of it


def test_dual_use_has_three_values_and_no_slice_of_itself():
    slices, rows = find_slices(CASES, ["dual_use", "dual_use_category"])
    found = [(p.by, p.value, r.tolist()) for p, r in zip(slices, rows, strict=True) if p.by != "overall"]
    assert found == [
        ("dual_use", "not_flagged", [0, 3]),
        ("dual_use", "flagged", [1]),
        ("dual_use", "not_assessed", [2]),
        ("dual_use_category", "cybersecurity", [1]),
    ]


def test_every_name_has_slices_and_an_unknown_one_is_an_error():
    assert {part.by for part in find_slices(CASES)[0]} == {"overall", *SLICE_FIELDS} - {"origin", "batch", "language"}
    with pytest.raises(InputError, match="no slice by colour; there are: family, subtype"):
        find_slices(CASES, ["family", "colour"])


def test_an_extended_dataset_is_sliced_by_origin_batch_and_language():
    new = make_case("e", "content_defeat", "club", origin="generated", batch="de-1", language="de")
    cases = CaseTable.from_cases([*(make_case(name, "control", "school") for name in "ab"), new])
    slices, rows = find_slices(cases)
    found = {(part.by, part.value): members.tolist() for part, members in zip(slices, rows, strict=True)}
    assert found["origin", "study"] == [0, 1]
    assert found["origin", "generated"] == [2]
    # The study's cases are of no batch.
    assert [value for by, value in found if by == "batch"] == ["de-1"]
    assert found["language", "de"] == [2]
    # Asked for, a name is shown even where it tells nothing apart.
    assert [part.value for part in find_slices(CASES, ["language"])[0] if part.by == "language"] == ["en"] * 2


def test_titles():
    assert title(Slice("family", "content_defeat")) == "Defeated by its content"
    assert title(Slice("legality", "private_rule", without_dual_use=True)) == "Private rule, no dual use"
    assert title(Slice("overall", "overall")) == "overall"
