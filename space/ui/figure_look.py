"""How every figure looks: colours for a light or a dark ground, axes, and the panel that says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dataset_builder.errors import BlindRefusalError
from space.ui import palette
from space.ui.palette import Shade

# Below this many pixels panels stand under each other.
NARROW: Final = 700
# The width of a character of a label, in pixels, near enough.
CHARACTER: Final = 6.4


@dataclass(frozen=True)
class Look:
    """What the reader's window is like: dark or light, and its width in pixels."""

    dark: bool = False
    width: int = 1200

    @classmethod
    def of(cls, text: object) -> Look:
        """From what the page's script says, such as ``dark 390``; plain where that is anything else."""
        words = str(text or "").split()
        width = int(words[1]) if len(words) == 2 and words[1].isascii() and words[1].isdigit() else 1200
        return cls(bool(words) and words[0] == "dark", min(max(width, 280), 4000))

    def colour(self, shade: Shade) -> str:
        """The shade that fits the ground."""
        return shade.dark if self.dark else shade.light

    @property
    def narrow(self) -> bool:
        """Whether there is room for one panel only."""
        return self.width < NARROW


def or_reason(look: Look, draw: Callable[..., go.Figure], *values: Any, **more: Any) -> go.Figure:
    """The figure, or one of the same size that says in words why it cannot be drawn."""
    try:
        return draw(look, *values, **more)
    except Exception as error:
        why = str(error).splitlines()[0] if isinstance(error, BlindRefusalError) else type(error).__name__
        return reason(look, f"This figure cannot be drawn: {why}.")


def reason(look: Look, text: str) -> go.Figure:
    """A panel with a sentence in it."""
    figure = go.Figure()
    wrapped = "<br>".join(_wrapped(plain(text), max(int(look.width / CHARACTER * 0.8), 30)))
    figure.add_annotation(text=wrapped, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    dress(figure, look, 160)
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def dress(figure: go.Figure, look: Look, height: int) -> None:
    """Ground, type, axes and size, alike for all figures; the height is in pixels."""
    ink, muted, rule = (look.colour(shade) for shade in (palette.INK, palette.MUTED, palette.RULE))
    figure.update_layout(
        template=None,
        height=height,
        font={"family": palette.FONT, "size": 12, "color": ink},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 8, "r": 12, "t": 16, "b": 44},
        showlegend=False,
        dragmode=False,
        hoverlabel={"font": {"family": palette.FONT, "size": 12}},
    )
    axis = {
        "gridcolor": rule, "zeroline": False, "linecolor": rule, "tickfont": {"color": muted}, "fixedrange": True,
        "automargin": True, "title": {"font": {"size": 12, "color": muted}},
    }  # fmt: skip
    figure.update_xaxes(**axis).update_yaxes(**axis)


def transparent(colour: str, alpha: float) -> str:
    """A hex colour (``#rrggbb``) made transparent."""
    if not colour.startswith("#"):
        return colour
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def plain(text: str) -> str:
    """A text that plotly shows as it is: it reads a few HTML tags and entities in every text."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# Where names stand beside their points so that they cover neither each other nor a point.


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


_OPTIONS: Final = tuple(
    Place(sign * far, lift, anchor)
    for lift in _LIFTS
    for far in _DISTANCES
    for anchor, sign in (("left", 1.0), ("right", -1.0))
)
Floats = NDArray[np.float64]


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
        boxes = np.stack([left, y + far[1] - _LINE / 2, left + long, y + far[1] + _LINE / 2], axis=1)
        outside = np.maximum(0, -boxes[:, :2]).sum(axis=1) + np.maximum(0, boxes[:, 2:] - np.array(size)).sum(axis=1)
        cost = 10 * _covered(boxes, taken) + 0.3 * _covered(boxes, crossed) + 100 * outside + reach
        best = int(cost.argmin())
        taken = np.vstack([taken, boxes[best]])
        found.append(_OPTIONS[best])
    return found


def _covered(boxes: Floats, others: Floats) -> Floats:
    """The area of each box, shape (n, 4), that others cover, summed over them."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.maximum(0, high - low).prod(axis=2).sum(axis=1), np.float64)
