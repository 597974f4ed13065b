"""Where names stand beside their points so that they cover neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_LINE: Final = 13.0
_CLOSE: Final = 10.0
_DISTANCES: Final = (_CLOSE, 34.0, 70.0, 120.0)
_LIFTS: Final = tuple(step * _LINE * 0.75 for step in range(-8, 9))
_DOT: Final = 5.0


class Place(NamedTuple):
    """Shift from the point in pixels (right and up are positive), and the end of the name that stands there."""

    dx: float
    dy: float
    anchor: str


class _Box(NamedTuple):
    left: float
    low: float
    right: float
    high: float


def place_names(
    points: Sequence[tuple[float, float, float]],
    spots: Sequence[tuple[float, float]],
    lines: Sequence[tuple[float, float, float, float]],
    size: tuple[float, float],
) -> list[Place]:
    """A place for the name of each point, greedily in the order given.

    ``points`` hold x, y and the name's length in pixels, y upwards; ``spots`` are all marks that no
    name should cover, ``lines`` (left, low, right, high) what it had better not, ``size`` is the
    width and height of the drawing.
    """
    crossed = [_Box(left, low - 1, right + 1, high + 1) for left, low, right, high in lines]
    taken = [_Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in spots]
    found = []
    for x, y, long in points:
        options = [
            (_cost(box, taken, crossed, size, Place(dx, lift, anchor)), Place(dx, lift, anchor), box)
            for lift in _LIFTS
            for far in _DISTANCES
            for anchor, dx in (("left", far), ("right", -far))
            for box in [_box(x + dx, y + lift, long, anchor)]
        ]
        _, place, box = min(options, key=lambda option: option[0])
        taken.append(box)
        found.append(place)
    return found


def _box(x: float, y: float, long: float, anchor: str) -> _Box:
    left = x if anchor == "left" else x - long
    return _Box(left, y - _LINE / 2, left + long, y + _LINE / 2)


def _cost(box: _Box, taken: Sequence[_Box], crossed: Sequence[_Box], size: tuple[float, float], place: Place) -> float:
    outside = max(0.0, -box.left) + max(0.0, box.right - size[0]) + max(0.0, -box.low) + max(0.0, box.high - size[1])
    covered = sum(_overlap(box, other) for other in taken)
    struck = sum(_overlap(box, other) for other in crossed)
    return 10 * covered + 0.3 * struck + 100 * outside + abs(place.dx) + 1.5 * abs(place.dy) + (place.anchor == "right")


def _overlap(a: _Box, b: _Box) -> float:
    across = min(a.right, b.right) - max(a.left, b.left)
    up = min(a.high, b.high) - max(a.low, b.low)
    return across * up if across > 0 and up > 0 else 0.0
