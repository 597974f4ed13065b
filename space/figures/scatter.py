"""The signature picture as inline SVG: help where it is due against help where it is not.

It comes with the page's HTML, in two sizes of which the style sheet shows one, so it is there as soon as the page is
and needs no script. Colours are those of the page's style sheet, light or dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from space.figures.labels import Place, boxes_of, fitting, place_names, width_of
from space.prose.rates import rate_name
from space.ui.templates import template


class Point(NamedTuple):
    """A model in the signature plot; shares, with the limits of their intervals. ``faint`` where filtered out.

    ``href`` is where its page is.
    """

    name: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    faint: bool = False
    href: str | None = None


class Size(NamedTuple):
    """A drawing: its name in the style sheet, its size in pixels, and the width of a character of a name."""

    id: str
    width: int
    height: int
    character: float


class Mark(NamedTuple):
    """A point as it is drawn: where its dot and its intervals are, and where its name stands, if it has a place.

    ``said`` is the name as it stands there, cut where it is too long.
    """

    point: Point
    x: float
    y: float
    across: tuple[float, float] | None
    up: tuple[float, float] | None
    name: tuple[float, float, str] | None
    said: str


WIDE: Final = Size("wide", 640, 430, 6.7)
NARROW: Final = Size("narrow", 324, 470, 6.9)
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 8, 18, 40
# Between a dot and the nearest place of its name.
_BESIDE: Final = 11
_STEPS: Final = (0.05, 0.1, 0.2, 0.25)
_fill = template("figures/scatter.html.j2", rate_name=rate_name)


def scatter(points: Sequence[Point]) -> Markup:
    """The picture in both sizes; a sentence where no point has both rates."""
    known = [p for p in points if p.x == p.x and p.y == p.y]
    if not known:
        return _fill("nothing")
    return Markup().join(_drawing(known, size) for size in (WIDE, NARROW))


def marks_of(points: Sequence[Point], size: Size) -> tuple[list[Mark], float, float]:
    """Where everything stands in a drawing, and the shares at its right and upper ends."""
    right = min(1.0, max(0.3, *(p.x + 0.04 for p in points), *(p.x_high for p in points if p.x_high == p.x_high)))
    top = min(1.0, max(0.4, *(p.y + 0.04 for p in points), *(p.y_high + 0.04 for p in points if p.y_high == p.y_high)))

    def at(x: float, y: float) -> tuple[float, float]:
        wide, high = size.width - _LEFT - _RIGHT, size.height - _TOP - _BOTTOM
        return _LEFT + x / right * wide, _TOP + (1 - y / top) * high

    said = [_said(p.name, at(p.x, p.y)[0], size) for p in points]
    named = _named(points, said, size, at)
    marks = []
    for n, p in enumerate(points):
        x, y = at(p.x, p.y)
        across = (at(p.x_low, p.y)[0], at(p.x_high, p.y)[0]) if p.x_low == p.x_low and p.x_high == p.x_high else None
        up = (at(p.x, p.y_low)[1], at(p.x, p.y_high)[1]) if p.y_low == p.y_low and p.y_high == p.y_high else None
        place = named.get(n)
        name = None if place is None else (x + place.dx, y - place.dy, "start" if place.anchor == "left" else "end")
        marks.append(Mark(p, x, y, across, up, name, said[n]))
    return marks, right, top


def _said(name: str, x: float, size: Size) -> str:
    """A name as it has room at one side of its point."""
    return fitting(name, max(x - _LEFT, size.width - _RIGHT - x) - _BESIDE, size.character)


def _named(
    points: Sequence[Point],
    said: Sequence[str],
    size: Size,
    at: Callable[[float, float], tuple[float, float]],
) -> dict[int, Place]:
    """The places of the names that have room; those that would cover another are told by the point's title alone.

    The places are by the numbers of the points.
    """
    shown = sorted((n for n, p in enumerate(points) if not p.faint), key=lambda n: points[n].x - points[n].y)
    wide, high = size.width - _LEFT - _RIGHT, size.height - _TOP - _BOTTOM

    def inside(p: Point) -> tuple[float, float]:
        x, y = at(p.x, p.y)
        return x - _LEFT, size.height - _BOTTOM - y

    # In pixels of the frame, upwards: names stand inside it, where no figure of an axis is.
    named = [(*inside(points[n]), width_of(said[n], size.character)) for n in shown]
    places = place_names(named, [inside(p) for p in points], [], (wide, high))
    kept: dict[int, Place] = {}
    taken: list[tuple[float, float, float, float]] = []
    for n, place, box in zip(shown, places, boxes_of(named, places), strict=True):
        is_free = all(min(box[2], b[2]) <= max(box[0], b[0]) or min(box[3], b[3]) <= max(box[1], b[1]) for b in taken)
        if is_free and min(box[:2]) >= -1 and box[2] <= wide + 1 and box[3] <= high + 1:
            kept[n] = place
            taken.append(box)
    return kept


def _drawing(points: Sequence[Point], size: Size) -> Markup:
    marks, right, top = marks_of(points, size)
    wide, high = size.width - _LEFT - _RIGHT, size.height - _TOP - _BOTTOM
    end = min(right, top)
    return _fill(
        "drawing",
        size=size,
        marks=marks,
        columns=[(share, _LEFT + share / right * wide) for share in _ticks(right)],
        rows=[(share, _TOP + (1 - share / top) * high) for share in _ticks(top)],
        frame=(_LEFT, _TOP, size.width - _RIGHT, size.height - _BOTTOM),
        even=(_LEFT + end / right * wide, _TOP + (1 - end / top) * high),
    )


def _ticks(end: float) -> list[float]:
    step = next((step for step in _STEPS if end / step <= 6.5), _STEPS[-1])
    return [n * step for n in range(int(end / step + 1e-9) + 1)]
