from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from itertools import combinations

from space.figures.labels import width_of
from space.figures.scatter import NARROW, WIDE
from space.figures.timeline import Moment, spots_of, timeline
from tests.support.hostile import strings

NAN = float("nan")


def moment(name: str, day: date, value: float, href: str | None = None) -> Moment:
    return Moment(name, day, value, value - 0.05, value + 0.05, href)


SOME = [
    moment("early", date(2025, 7, 1), 0.1),
    moment("late", date(2026, 3, 1), 0.3, "model?model=late"),
    *(moment(f"crowded-model-{n}", date(2026, 2, 10 + n), 0.2) for n in range(8)),
]


def test_later_stands_to_the_right_and_more_stands_higher() -> None:
    for size in (WIDE, NARROW):
        early, late, *crowd = spots_of(SOME, size)
        assert early.x < min(one.x for one in crowd) < late.x < size.width
        assert late.y < crowd[0].y < early.y < size.height
        # Days are apart in proportion: 243 of them from the first to the last.
        assert round((crowd[1].x - crowd[0].x) / (late.x - early.x), 4) == round(1 / 243, 4)


def test_names_cover_neither_each_other_nor_the_edge() -> None:
    for size in (WIDE, NARROW):
        boxes = []
        for spot in spots_of(SOME, size):
            if spot.name is not None:
                x, y, anchor = spot.name
                long = width_of(spot.said, size.character)
                left = x if anchor == "start" else x - long
                boxes.append((left, y - 7, left + long, y + 7))
                assert left >= 30
                assert left + long <= size.width
        assert len(boxes) >= 6
        for one, other in combinations(boxes, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_one_day_is_no_timeline() -> None:
    assert timeline([]) == ""
    assert timeline([moment("a", date(2026, 1, 1), 0.1), moment("b", date(2026, 1, 1), 0.2)]) == ""
    assert timeline([moment("a", date(2026, 1, 1), 0.1), moment("b", date(2026, 2, 1), NAN)]) == ""


def test_each_point_is_a_link_with_a_name_for_readers_of_a_screen() -> None:
    drawing = timeline(SOME)
    assert drawing.count('href="model?model=late"') == 2
    assert "<title>late, 2026-03-01: discrimination 30.0</title>" in drawing


def test_a_day_that_its_maker_does_not_state_is_a_hollow_point_and_says_who_does() -> None:
    first, *others = SOME
    drawing = timeline([first._replace(said_by="wiki.example"), *others])
    assert f"<title>{first.name}, {first.day.isoformat()} according to wiki.example: discrimination" in drawing
    # Once in each size.
    assert drawing.count("br-hollow") == 2
    assert "br-hollow" not in timeline(SOME)


def test_hostile_names_do_nothing() -> None:
    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in ("svg", "g", "a", "path", "text", "title", "circle")
            assert not any(name.startswith("on") for name, _ in attrs)

    for text in strings():
        Tags().feed(timeline([moment(text, date(2026, 1, 1), 0.1), moment("b", date(2026, 2, 1), 0.2)]))
