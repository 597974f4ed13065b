from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.dataset.opened import RESPONSES, BuiltDataset
from dataset_builder.dataset.taxonomy import CONTROL, HELPS
from space.figures.labels import width_of
from space.figures.scatter import NARROW, WIDE, Mark, Point, Size, marks_of, scatter
from tests.support.hostile import strings

NAN = float("nan")
SHARES = st.floats(0, 1)


def boxes(marks: list[Mark], size: Size) -> list[tuple[float, float, float, float]]:
    """The boxes of the names that are drawn: left, upper, right and lower ends."""
    found = []
    for mark in marks:
        if mark.name is not None:
            x, y, anchor = mark.name
            long = width_of(mark.said, size.character)
            left = x - (long if anchor == "end" else 0)
            found.append((left, y - 6, left + long, y + 6))
    return found


def overlapping(some: list[tuple[float, float, float, float]]) -> int:
    return sum(
        min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01
        for a, b in combinations(some, 2)
    )


@pytest.mark.parametrize(
    ("name", "measured"),
    # In pixels, as Chromium draws them at 12 pixels in DejaVu Sans, the widest typeface that readers commonly have.
    [
        ("Grok 4 Fast", 67.9),
        ("Gemini 3.1 Flash-Lite", 127.7),
        ("Nemotron 3 Super", 111.1),
        ("GLM-5", 38.4),
        ("Qwen3.5 397B", 88.6),
        ("GPT-5.4 (thinking)", 108.5),
    ],
)
def test_a_name_is_taken_for_no_less_wide_than_it_is(name: str, measured: float) -> None:
    assert measured <= width_of(name, WIDE.character) <= measured * 1.12


def test_a_point_stands_where_its_rates_are() -> None:
    # The right end is the interval's, 50 %; the upper one 40 % + 4. The frame is 34 to 632 across, 18 to 390 down.
    (mark,), right, top = marks_of([Point("a", 0.25, 0.1, 0.5, 0.22, 0.2, 0.4)], WIDE)
    assert (right, top) == pytest.approx((0.5, 0.44))
    assert (mark.x, mark.y) == pytest.approx((34 + 598 / 2, 18 + 372 / 2))
    assert mark.across == pytest.approx((34 + 598 / 5, 632))


def test_a_name_that_is_too_long_shows_its_beginning_and_its_end() -> None:
    # In the middle of the narrow drawing, 282 pixels wide, no name of 40 letters has room on either side.
    points = [Point("python:models.py:one_that_thinks_for_long", 0.5, 0.5, 0.9, 0.5, 0.5, 0.9)]
    (narrow,), (wide,) = (marks_of(points, size)[0] for size in (NARROW, WIDE))
    assert narrow.name is not None
    assert narrow.said.startswith("pyth")
    assert narrow.said.endswith("for_long")
    assert "…" in narrow.said
    assert wide.said == points[0].name
    assert narrow.said in scatter(points)


@settings(max_examples=40)
@given(st.lists(st.tuples(SHARES, SHARES, st.integers(1, 24)), min_size=1, max_size=14))
def test_names_never_cover_each_other(some: list[tuple[float, float, int]]) -> None:
    points = [Point("m" * long, x, x, x, y, y, y) for x, y, long in some]
    for size in (WIDE, NARROW):
        found = boxes(marks_of(points, size)[0], size)
        assert overlapping(found) == 0
        assert all(box[0] >= 32 and box[2] <= size.width and box[3] <= size.height - 32 for box in found)


@pytest.mark.study
def test_all_models_of_the_study_have_their_names(study_dataset: Path) -> None:
    rates: dict[str, dict[bool, list[bool]]] = {}
    built = BuiltDataset.open(study_dataset)
    for split in built.splits(RESPONSES):
        for row in built.table(RESPONSES, split, ["model", "defeat_family", "response_type"]).to_pylist():
            sides = rates.setdefault(row["model"], {True: [], False: []})
            sides[row["defeat_family"] != CONTROL].append(row["response_type"] == HELPS)
    points = []
    for model, sides in rates.items():
        x, y = (sum(sides[side]) / len(sides[side]) for side in (False, True))
        points.append(Point(model, x, NAN, NAN, y, NAN, NAN))
    assert len(points) == 18
    for size in (WIDE, NARROW):
        found = boxes(marks_of(points, size)[0], size)
        assert len(found) == 18, size.id
        assert overlapping(found) == 0


def test_a_picture_is_well_formed_whatever_a_model_is_called() -> None:
    points = [Point(name, 0.1, 0.0, 0.2, 0.5, NAN, NAN, href='m?"<x>') for name in strings()]
    for one in str(scatter(points)).split("</svg>")[:-1]:
        drawing = ET.fromstring(one + "</svg>")
        links = drawing.findall("a")
        assert len(links) == len(points)
        assert {link.get("href") for link in links} == {'m?"<x>'}
        assert all(link.find("title") is not None for link in links)


def test_models_without_one_of_the_rates_are_no_points() -> None:
    assert "nothing to draw" in scatter([Point("a", NAN, NAN, NAN, 0.5, 0.4, 0.6)])
    assert "<svg" not in scatter([])
