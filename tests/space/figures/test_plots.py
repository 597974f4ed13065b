from __future__ import annotations

import json
from itertools import combinations
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from space.figures.labels import place_names
from space.figures.look import Look
from space.figures.plot_look import or_reason, plain, reason
from space.figures.plots import Bar, Difference, bars, differences, signature
from space.figures.scatter import Point
from space.ui import palette

LIGHT, DARK, NARROW = Look(), Look(dark=True), Look(width=390)
POINTS = [
    Point("alpha", 0.02, 0.0, 0.05, 0.40, 0.35, 0.45),
    Point("beta", 0.30, 0.25, 0.35, 0.60, 0.55, 0.65, faint=True),
    Point("gamma", nan, nan, nan, 0.5, 0.4, 0.6),
]


def drawn(figure: Any) -> dict[str, Any]:
    """The figure as the browser gets it."""
    return dict(json.loads(figure.to_json()))


def texts(figure: Any) -> list[str]:
    return [str(note["text"]) for note in drawn(figure)["layout"].get("annotations", [])]


def test_the_signature_plot_has_points_intervals_line_and_corner() -> None:
    figure = drawn(signature(LIGHT, POINTS))
    faint, clear = figure["data"]
    assert (clear["x"], clear["y"]) == ([2.0], [40.0])
    assert clear["error_x"]["arrayminus"] == pytest.approx([2.0])
    assert clear["error_y"]["array"] == pytest.approx([5.0])
    assert faint["x"] == [30.0]
    (line,) = figure["layout"]["shapes"]
    assert (line["x0"], line["y0"]) == (0, 0)
    assert line["x1"] == line["y1"]
    said = texts(signature(LIGHT, POINTS))
    assert "alpha" in said
    assert "beta" not in said
    assert any("target" in text for text in said)


def test_a_model_without_controls_is_not_a_point_at_zero() -> None:
    figure = drawn(signature(LIGHT, POINTS[2:]))
    assert figure["data"] == []
    assert "both defeated rules and controls" in " ".join(texts(signature(LIGHT, POINTS[2:]))).replace("<br>", " ")


def test_bars_keep_gaps_and_grey_few() -> None:
    some = [Bar("All", 0.5, 0.4, 0.6, 100), Bar("Few", 0.2, 0.0, 0.4, 3, few=True), Bar("None", nan, nan, nan, 0)]
    (trace,) = drawn(bars(LIGHT, [("m", some)], "help_rate", "Help (%)"))["data"]
    assert trace["x"] == [50.0, 20.0, None]
    assert trace["y"] == ["All", "Few", "None"]
    strong, pale, _ = trace["marker"]["color"]
    assert strong == palette.ANSWER_STYLES["helps"].shade.light
    assert pale.startswith("rgba")
    assert trace["error_x"]["array"] == pytest.approx([10.0, 20.0, 0.0])


def test_panels_stand_under_each_other_where_it_is_narrow() -> None:
    panels = [("a", [Bar("x", 0.5, 0.4, 0.6, 9)]), ("b", [Bar("x", 0.5, 0.4, 0.6, 9)])]
    wide, narrow = (drawn(bars(look, panels, "help_rate", "Help")) for look in (LIGHT, NARROW))
    assert narrow["layout"]["height"] > wide["layout"]["height"]
    assert wide["layout"]["xaxis2"]["domain"][0] > 0.5
    assert narrow["layout"]["xaxis2"]["domain"][0] == 0


def test_significant_differences_are_filled_and_the_axis_is_even() -> None:
    rows = [Difference("a", 0.3, 0.2, 0.4, True), Difference("b", -0.1, -0.3, 0.1, False)]
    figure = drawn(differences(LIGHT, rows, "one", "two"))
    filled, hollow = figure["data"]
    assert (filled["x"], hollow["x"]) == ([30.0], [-10.0])
    assert filled["marker"]["color"] != hollow["marker"]["color"]
    low, high = figure["layout"]["xaxis"]["range"]
    assert low == -high


def test_dark_and_light_differ_in_colour_alone() -> None:
    light, dark = drawn(signature(LIGHT, POINTS)), drawn(signature(DARK, POINTS))
    assert light["data"][1]["x"] == dark["data"][1]["x"]
    assert light["data"][1]["marker"]["color"] == palette.ACCENT.light
    assert dark["data"][1]["marker"]["color"] == palette.ACCENT.dark


def test_a_figure_that_fails_says_why() -> None:
    def user(look: Look) -> Any:
        raise InputError("no verdicts here\nmore")

    def bug(look: Look) -> Any:
        raise KeyError("secret")

    assert "no verdicts here" in " ".join(texts(or_reason(LIGHT, user)))
    assert "KeyError" in " ".join(texts(or_reason(LIGHT, bug)))
    assert "secret" not in str(drawn(or_reason(LIGHT, bug)))
    assert drawn(reason(NARROW, "word " * 40))["data"] == []


def test_nothing_to_draw_is_a_panel() -> None:
    for figure in (signature(LIGHT, []), bars(LIGHT, [], "m", "t"), differences(LIGHT, [], "a", "b")):
        assert len(texts(figure)) == 1


def test_a_name_is_text_and_no_markup_of_plotly() -> None:
    point = Point("<b>x</b><a href='javascript:1'>&amp;", 0.1, 0.0, 0.2, 0.3, 0.2, 0.4)
    for text in texts(signature(LIGHT, [point])):
        assert "<a" not in text
    assert plain("a<b>&") == "a&lt;b&gt;&amp;"
    assert plain("a\u202eb\x00") == "a?b?"


@pytest.mark.parametrize(
    ("said", "look"),
    [
        ("dark 390", Look(True, 390)),
        ("light 1400", Look(False, 1400)),
        ("light 99999", Look(False, 4000)),
        ("dark", Look(True, 1200)),
        (None, Look()),
        ("dark ٣٩٠", Look(True, 1200)),
        ("<script> 1", Look(False, 280)),
    ],
)
def test_the_window_is_read_and_doubted(said: object, look: Look) -> None:
    assert Look.of(said) == look


NUMBERS = st.floats(20, 480, allow_nan=False)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.floats(20, 110)), max_size=8))
def test_names_stay_inside_the_drawing(points: list[tuple[float, float, float]]) -> None:
    size = (500.0, 500.0)
    for (x, y, long), place in zip(points, place_names(points, [], [], size), strict=True):
        left = x + place.dx - (long if place.anchor == "right" else 0)
        assert left >= -1
        assert left + long <= size[0] + 1
        assert -1 <= y + place.dy <= size[1] + 1


def test_names_of_a_crowd_do_not_cover_each_other() -> None:
    points = [(100.0 + 3 * n, 100.0 + 2 * n, 80.0) for n in range(6)]
    places = place_names(points, [(x, y) for x, y, _ in points], [], (500, 500))
    boxes = []
    for (x, y, long), place in zip(points, places, strict=True):
        left = x + place.dx - (long if place.anchor == "right" else 0)
        boxes.append((left, y + place.dy - 6.5, left + long, y + place.dy + 6.5))
    for a, b in combinations(boxes, 2):
        assert min(a[2], b[2]) <= max(a[0], b[0]) + 0.01 or min(a[3], b[3]) <= max(a[1], b[1]) + 0.01
