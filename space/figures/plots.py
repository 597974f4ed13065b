"""The figures, as plotly figures: pure functions from numbers to a picture.

Plotly is imported with the first figure, not before: a start of the Space should not wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dataset_builder.dataset.taxonomy import DEFLECTS, HARD_REFUSAL, HELPS
from space.figures.labels import fitting, place_names, width_of
from space.figures.look import Look
from space.figures.plot_look import dress, plain, reason, transparent
from space.figures.scatter import Point
from space.prose.rates import rate_name
from space.ui import palette
from space.ui.palette import ANSWER_STYLES

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BAR: Final = 26
_TOP: Final = 34
_BOTTOM: Final = 44
# Metrics about one answer type wear its colour everywhere; all others the accent.
_SHADES: Final = {
    "help_rate": ANSWER_STYLES[HELPS].shade,
    "control_help_rate": ANSWER_STYLES[HELPS].shade,
    "hard_refusal_rate": ANSWER_STYLES[HARD_REFUSAL].shade,
    "control_hard_refusal_rate": ANSWER_STYLES[HARD_REFUSAL].shade,
    "deflection_rate": ANSWER_STYLES[DEFLECTS].shade,
    "control_deflection_rate": ANSWER_STYLES[DEFLECTS].shade,
}


class Bar(NamedTuple):
    """One bar: shares, NaN without data; ``few`` where it rests on too few answers to be read alone."""

    label: str
    value: float
    low: float
    high: float
    n: int
    few: bool = False


class Difference(NamedTuple):
    """A paired difference with its interval, and whether it is significant after correction."""

    label: str
    value: float
    low: float
    high: float
    significant: bool


def signature(look: Look, points: Sequence[Point]) -> go.Figure:
    """Help on controls (x) against help on defeated rules (y), with intervals and the line of no discrimination."""
    known = [p for p in points if p.x == p.x and p.y == p.y]
    if not known:
        return reason(look, "No model here has answers to both defeated rules and controls.")
    right = min(1.0, max(0.3, *(p.x + 0.1 for p in known), *(p.x_high for p in known if p.x_high == p.x_high)))
    top = min(1.0, max(0.4, *(p.y + 0.1 for p in known), *(p.y_high + 0.06 for p in known if p.y_high == p.y_high)))
    muted, accent, end = look.colour(palette.MUTED), look.colour(palette.ACCENT), 100 * min(right, top)
    import plotly.graph_objects as go

    figure = go.Figure()
    for faint in (True, False):
        some = [p for p in known if p.faint is faint]
        figure.add_trace(_points(some, transparent(muted, 0.35) if faint else accent, look))
    line = {"type": "line", "x0": 0, "y0": 0, "x1": end, "y1": end}
    height = 420 if look.narrow else 540
    notes: list[dict[str, Any]] = [
        {
            "x": end, "y": end, "text": "no discrimination", "showarrow": False, "xanchor": "right",
            "yanchor": "bottom", "font": {"size": 11, "color": muted},
        },
        {
            "x": 0, "y": 100 * top, "text": "<b>↖</b> target: 0 across, 100 up", "showarrow": False, "xanchor": "left",
            "yanchor": "top", "font": {"size": 12, "color": accent},
        },
        *_names(look, known, (right, top), (look.width - (70 if look.narrow else 120), height - 76)),
    ]  # fmt: skip
    # All at once: plotly copies the whole layout for every one that is added.
    figure.update_layout(shapes=[line | {"line": {"color": muted, "width": 1, "dash": "dot"}}], annotations=notes)
    dress(figure, look, height)
    figure.update_xaxes(title_text=f"{rate_name('control_help_rate')} (%)", range=[-1, 100 * right])
    figure.update_yaxes(title_text=f"{rate_name('help_rate')} (%)", range=[0, 100 * top])
    return figure


def _names(
    look: Look, points: Sequence[Point], ends: tuple[float, float], size: tuple[float, float]
) -> list[dict[str, Any]]:
    """The names of the points that are not faint, the best discriminating first; few of them where it is narrow."""

    def at(x: float, y: float) -> tuple[float, float]:
        return x / ends[0] * size[0], y / ends[1] * size[1]

    shown = sorted((p for p in points if not p.faint), key=lambda p: p.x - p.y)[: 6 if look.narrow else 40]
    lines = [
        (*at(a, c), *at(b, d))
        for p in points
        for a, c, b, d in ((p.x_low, p.y, p.x_high, p.y), (p.x, p.y_low, p.x, p.y_high))
        if a == a and b == b and c == c and d == d
    ]
    places = place_names(
        [(*at(p.x, p.y), width_of(p.name)) for p in shown], [at(p.x, p.y) for p in points], lines, size
    )
    thin = transparent(look.colour(palette.MUTED), 0.6)
    return [
        {
            "x": 100 * p.x, "y": 100 * p.y, "text": plain(p.name), "ax": dx, "ay": -dy, "xanchor": anchor,
            "yanchor": "middle", "showarrow": True, "arrowhead": 0, "arrowwidth": 0.7, "arrowcolor": thin,
            "standoff": 4, "font": {"size": 11, "color": look.colour(palette.INK)}, "borderpad": 0,
        }
        for p, (dx, dy, anchor) in zip(shown, places, strict=True)
    ]  # fmt: skip


def bars(look: Look, panels: Sequence[tuple[str, Sequence[Bar]]], metric: str, title: str) -> go.Figure:
    """A panel a model, a bar a label, with intervals; side by side, or under each other where it is narrow."""
    if not panels or not any(bar.value == bar.value for _, some in panels for bar in some):
        return reason(look, "There is no data for this choice.")
    columns = 1 if look.narrow else len(panels)
    rows = len(panels) if look.narrow else 1
    # Of a name above its panel there is room for so much.
    names = [fitting(plain(name), 170 if look.narrow else 1000 / columns) for name, _ in panels]
    count = max(len(some) for _, some in panels)
    height = rows * (count * _BAR + _TOP + _BOTTOM) + 30
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=rows, cols=columns, shared_yaxes=not look.narrow, subplot_titles=names, horizontal_spacing=0.02,
        # Room for the figures below one panel and the name above the next.
        vertical_spacing=min((_TOP + _BOTTOM - 16) / (height - _TOP - _BOTTOM), 0.9 / rows),
    )  # fmt: skip
    colour = look.colour(_SHADES.get(metric, palette.ACCENT))
    every = [bar for _, some in panels for bar in some]
    low = min([0.0, *(bar.low for bar in every if bar.low == bar.low), *(b.value for b in every if b.value == b.value)])
    for place, (_, some) in enumerate(panels):
        at = {"row": place + 1, "col": 1} if look.narrow else {"row": 1, "col": place + 1}
        figure.add_trace(_bars(some, colour, look), **at)
    dress(figure, look, height)
    figure.update_layout(bargap=0.5, margin={"l": 8, "r": 12, "t": _TOP, "b": _BOTTOM})
    figure.update_xaxes(range=[100 * low * 1.05, 104], dtick=25)
    figure.update_xaxes(title_text=title, row=rows)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False, ticks="")
    figure.update_annotations(font={"size": 13, "color": look.colour(palette.INK)})
    return figure


def differences(look: Look, rows: Sequence[Difference], left: str, right: str) -> go.Figure:
    """Paired differences of two models with their intervals around the line of none; hollow if not significant."""
    known = [row for row in rows if row.value == row.value]
    if not known:
        return reason(look, "There is no case that both models have a verdict on.")
    ink, accent = look.colour(palette.INK), look.colour(palette.ACCENT)
    import plotly.graph_objects as go

    figure = go.Figure()
    for significant in (True, False):
        some = [row for row in known if row.significant is significant]
        figure.add_trace(
            go.Scatter(
                x=[100 * row.value for row in some],
                y=[row.label for row in some],
                error_x=_error(some, transparent(accent, 0.55)),
                mode="markers",
                marker={
                    "size": 9,
                    "color": accent if significant else look.colour(palette.PAPER),
                    "line": {"color": accent, "width": 1.5},
                },
                name="significant after correction" if significant else "not significant",
                hovertemplate="%{y}: %{x:.1f} points<extra></extra>",
                showlegend=True,
            )
        )
    most = max(100 * max(abs(row.low), abs(row.high), abs(row.value)) for row in known) * 1.05
    figure.add_vline(x=0, line={"color": ink, "width": 1})
    dress(figure, look, len(known) * 30 + 110)
    # Both names do not fit where it is narrow; there the models are A and B as in the controls.
    lead, tail = ("A", "B") if look.narrow else (_shortened(plain(left)), _shortened(plain(right)))
    title = f"← {tail}   points   {lead} →" if look.narrow else f"← {tail} higher   (points)   {lead} higher →"
    figure.update_xaxes(title_text=title, range=[-most, most])
    figure.update_yaxes(
        autorange="reversed", automargin=True, categoryorder="array", categoryarray=[row.label for row in known]
    )
    return figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}, margin={"t": 40}
    )


def _points(some: Sequence[Point], colour: str, look: Look) -> go.Scatter:
    def half(name: str, sign: int) -> list[float]:
        ends = [(getattr(p, name), getattr(p, f"{name}_{'high' if sign > 0 else 'low'}")) for p in some]
        return [100 * abs(end - value) if end == end else 0.0 for value, end in ends]

    def error(name: str) -> dict[str, Any]:
        return {
            "type": "data", "symmetric": False, "array": half(name, 1), "arrayminus": half(name, -1),
            "color": transparent(colour, 0.4), "thickness": 1, "width": 0,
        }  # fmt: skip

    import plotly.graph_objects as go

    return go.Scatter(
        x=[100 * p.x for p in some],
        y=[100 * p.y for p in some],
        text=[plain(p.name) for p in some],
        customdata=[[100 * (p.y - p.x)] for p in some],
        error_x=error("x"),
        error_y=error("y"),
        mode="markers",
        marker={"size": 8, "color": colour, "line": {"width": 1, "color": look.colour(palette.PAPER)}},
        hovertemplate="%{text}<br>defeated %{y:.1f} %, control %{x:.1f} %<br>discrimination %{customdata[0]:.1f}"
        "<extra></extra>",
    )


def _bars(some: Sequence[Bar], colour: str, look: Look) -> go.Bar:
    def share(value: float) -> float | None:
        return 100 * value if value == value else None

    import plotly.graph_objects as go

    return go.Bar(
        x=[share(bar.value) for bar in some],
        y=[plain(bar.label) for bar in some],
        orientation="h",
        error_x=_error(some, transparent(look.colour(palette.INK), 0.55)),
        marker={"color": [transparent(colour, 0.28) if bar.few else colour for bar in some]},
        customdata=[[bar.n, 100 * bar.low, 100 * bar.high] for bar in some],
        hovertemplate="%{y}: %{x:.1f} % [%{customdata[1]:.1f}, %{customdata[2]:.1f}] of %{customdata[0]:,} answers"
        "<extra></extra>",
    )


def _error(some: Sequence[Any], colour: str) -> dict[str, Any]:
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": 1.2, "width": 3,
        "array": [100 * (one.high - one.value) if one.high == one.high else 0.0 for one in some],
        "arrayminus": [100 * (one.value - one.low) if one.low == one.low else 0.0 for one in some],
    }  # fmt: skip


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
