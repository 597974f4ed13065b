"""How every figure looks: colours for a light or a dark ground, axes, and the panel that says why there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dataset_builder.errors import BlindRefusalError
from space.figures.labels import CHARACTER
from space.figures.look import Look
from space.ui import palette

if TYPE_CHECKING:
    import plotly.graph_objects as go


def or_reason(look: Look, draw: Callable[..., go.Figure], *values: Any, **more: Any) -> go.Figure:
    """The figure, or one of the same size that says in words why it cannot be drawn."""
    try:
        return draw(look, *values, **more)
    except Exception as error:
        why = str(error).splitlines()[0] if isinstance(error, BlindRefusalError) else type(error).__name__
        return reason(look, f"This figure cannot be drawn: {why}.")


def reason(look: Look, text: str) -> go.Figure:
    """A panel with a sentence in it."""
    import plotly.graph_objects as go

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
