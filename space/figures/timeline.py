"""Models by when they came out, as inline SVG: discrimination upwards, time to the right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from markupsafe import Markup

from space.figures.labels import boxes_of, fitting, place_names, width_of
from space.figures.scatter import NARROW, WIDE, Size
from space.ui.templates import template


class Moment(NamedTuple):
    """A model with the day that it came out, and a share with the limits of its interval (NaN without).

    ``said_by`` is who states the day, where that is not the model's maker.
    """

    name: str
    day: date
    value: float
    low: float
    high: float
    href: str | None = None
    said_by: str | None = None


class Spot(NamedTuple):
    """A model as it is drawn: its dot, its interval, and where its name stands, if there is room.

    ``said`` is the name as it stands there, cut where it is too long.
    """

    moment: Moment
    x: float
    y: float
    up: tuple[float, float] | None
    name: tuple[float, float, str] | None
    said: str


_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 18, 24
# Between a dot and the nearest place of its name.
_BESIDE: Final = 11
_MARGIN: Final = timedelta(days=20)
_fill = template("figures/timeline.html.j2")


def timeline(moments: Sequence[Moment]) -> Markup:
    """The picture in both sizes; nothing where fewer than two days are known."""
    known = [one for one in moments if one.value == one.value]
    if len({one.day for one in known}) < 2:
        return Markup()
    return Markup().join(_drawing(known, size) for size in (WIDE, NARROW))


def spots_of(moments: Sequence[Moment], size: Size) -> list[Spot]:
    """Where everything stands in a drawing."""
    first, last, bottom, top = _ends(moments)
    wide, high = size.width - _LEFT - _RIGHT, size.height - _TOP - _BOTTOM

    def at(day: date, value: float) -> tuple[float, float]:
        return _LEFT + (day - first) / (last - first) * wide, _TOP + (top - value) / (top - bottom) * high

    ordered = sorted(range(len(moments)), key=lambda n: -moments[n].value)
    inside = [(at(one.day, one.value)[0] - _LEFT, size.height - _BOTTOM - at(one.day, one.value)[1]) for one in moments]
    said = [
        fitting(one.name, max(x, wide - x) - _BESIDE, size.character)
        for one, (x, _) in zip(moments, inside, strict=True)
    ]
    named = [(*inside[n], width_of(said[n], size.character)) for n in ordered]
    places = place_names(named, inside, [], (wide, high))
    names: dict[int, tuple[float, float, str]] = {}
    taken: list[tuple[float, float, float, float]] = []
    for n, place, box in zip(ordered, places, boxes_of(named, places), strict=True):
        is_free = all(min(box[2], b[2]) <= max(box[0], b[0]) or min(box[3], b[3]) <= max(box[1], b[1]) for b in taken)
        if is_free and min(box[:2]) >= -1 and box[2] <= wide + 1 and box[3] <= high + 1:
            x, y = at(moments[n].day, moments[n].value)
            names[n] = (x + place.dx, y - place.dy, "start" if place.anchor == "left" else "end")
            taken.append(box)
    spots = []
    for n, one in enumerate(moments):
        x, y = at(one.day, one.value)
        up = (
            (at(one.day, one.low)[1], at(one.day, one.high)[1]) if one.low == one.low and one.high == one.high else None
        )
        spots.append(Spot(one, x, y, up, names.get(n), said[n]))
    return spots


def _ends(moments: Sequence[Moment]) -> tuple[date, date, float, float]:
    """The days and the shares at which the drawing ends."""
    highs = [one.high if one.high == one.high else one.value for one in moments]
    lows = [one.low if one.low == one.low else one.value for one in moments]
    days = [one.day for one in moments]
    return min(days) - _MARGIN, max(days) + _MARGIN, min(0.0, *lows), max(0.2, max(highs) + 0.03)


def _drawing(moments: Sequence[Moment], size: Size) -> Markup:
    first, last, bottom, top = _ends(moments)
    wide, high = size.width - _LEFT - _RIGHT, size.height - _TOP - _BOTTOM
    months = [
        (day, _LEFT + (day - first) / (last - first) * wide)
        for year in range(first.year, last.year + 1)
        for month in (1, 4, 7, 10)
        if first <= (day := date(year, month, 1)) <= last
    ]
    steps = [n * 0.1 for n in range(int(bottom * 10) - 1, int(top * 10) + 1) if bottom <= n * 0.1 <= top]
    return _fill(
        "drawing",
        size=size,
        spots=spots_of(moments, size),
        columns=[(day, x) for n, (day, x) in enumerate(months) if len(months) <= 6 or n % 2 == 0],
        rows=[(share, _TOP + (top - share) / (top - bottom) * high) for share in steps],
        frame=(_LEFT, _TOP, size.width - _RIGHT, size.height - _BOTTOM),
    )
