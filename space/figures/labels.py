"""Where names stand beside their points, so that they cover neither each other nor a point; no plotly here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# The width of a character of a label, in pixels, near enough.
CHARACTER: Final = 6.4
LINE_HEIGHT: Final = 14.0
_CLOSE: Final = 10.0
_DISTANCES: Final = (_CLOSE, 34.0, 70.0, 120.0, 180.0, 250.0)
_LIFTS: Final = tuple(step * LINE_HEIGHT * 0.75 for step in range(-14, 15))
_DOT: Final = 5.0


class Place(NamedTuple):
    """Shift from the point in pixels (right and up are positive), and the end of the name that stands there."""

    dx: float
    dy: float
    anchor: str


_OPTIONS: Final = tuple(
    Place(sign * far, lift, anchor)
    for lift in _LIFTS
    for far in _DISTANCES
    for anchor, sign in (("left", 1.0), ("right", -1.0))
)
# How wide some letters are beside the average one, in the widest of the typefaces that readers have.
_NARROW, _WIDE = frozenset("fijlrtI.,:;'|!()[]/- "), frozenset("mwMW@%")
_CAPITAL: Final = 1.25
Floats = NDArray[np.float64]


def width_of(name: str, character: float = CHARACTER) -> float:
    """How wide a name is, near enough, where an average letter is so wide; never too little."""
    return character * sum(
        0.68 if one in _NARROW else 1.75 if one in _WIDE else _CAPITAL if one.isupper() or one.isdigit() else 1.12
        for one in name
    )


def fitting(name: str, room: float, character: float = CHARACTER) -> str:
    """A name in so many pixels: the whole of it, or its beginning and its end, which tells more."""
    long = width_of(name, character)
    kept = len(name) if long <= room else int(len(name) * room / long)
    shown = name
    while width_of(shown, character) > room and kept > 2:
        kept -= 1
        shown = f"{name[: kept // 3]}…{name[len(name) - kept + kept // 3 :]}"
    return shown


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
    crossed = np.array([(left, low - 1, right + 1, high + 1) for left, low, right, high in lines]).reshape(-1, 4)
    taken = np.array([(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in spots]).reshape(-1, 4)
    far = np.array([place.dx for place in _OPTIONS]), np.array([place.dy for place in _OPTIONS])
    at_left = np.array([place.anchor == "left" for place in _OPTIONS])
    reach = np.abs(far[0]) + 1.5 * np.abs(far[1]) + ~at_left
    found = []
    for x, y, long in points:
        left = x + far[0] - np.where(at_left, 0.0, long)
        boxes = np.stack([left, y + far[1] - LINE_HEIGHT / 2, left + long, y + far[1] + LINE_HEIGHT / 2], axis=1)
        outside = np.maximum(0, -boxes[:, :2]).sum(axis=1) + np.maximum(0, boxes[:, 2:] - np.array(size)).sum(axis=1)
        cost = 10 * _covered(boxes, taken) + 0.3 * _covered(boxes, crossed) + 100 * outside + reach
        best = int(cost.argmin())
        taken = np.vstack([taken, boxes[best]])
        found.append(_OPTIONS[best])
    return found


def boxes_of(
    points: Sequence[tuple[float, float, float]], places: Sequence[Place]
) -> list[tuple[float, float, float, float]]:
    """The box of each name in its place: left, low, right, high, in pixels, y upwards."""
    found = []
    for (x, y, long), place in zip(points, places, strict=True):
        left = x + place.dx - (long if place.anchor == "right" else 0.0)
        found.append((left, y + place.dy - LINE_HEIGHT / 2, left + long, y + place.dy + LINE_HEIGHT / 2))
    return found


def _covered(boxes: Floats, others: Floats) -> Floats:
    """The area of each box, shape (n, 4), that others cover, summed over them."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(0, high - low).prod(axis=2).sum(axis=1), np.float64)
