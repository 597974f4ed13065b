"""The picture on the card: a row for each model, with a dot for each kind of rule, as SVG.

The Hub shows an SVG file of the repo where a card names it as an image. It is drawn here from the records, so that its
numbers are those of the data, and the same records give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan
from typing import Final, NamedTuple

PICTURE: Final = "models.svg"
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 760, 190, 24, 64, 22
_HELPS, _SHOULD_NOT, _INK, _FAINT = "#1a6fb5", "#b3541e", "#222222", "#cccccc"


class Rates(NamedTuple):
    """How often a model helps, as shares of its scored answers; NaN where there are none."""

    model: str
    defeated: float
    control: float

    @property
    def discrimination(self) -> float:
        """Youden's J, as a share."""
        return self.defeated - self.control


def draw(rows: Sequence[Rates]) -> str:
    """The picture of some models, in the order given; an axis from 0 to the next tenth above every rate."""
    known = [row for row in rows if not isnan(row.discrimination)]
    end = min(1.0, int(10 * max((max(row.defeated, row.control) for row in known), default=0) + 1) / 10)
    height = _TOP + _ROW * len(known) + 34

    def x(share: float) -> str:
        return f"{_LEFT + share / end * (_WIDTH - _LEFT - _RIGHT):.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">',
        "<title>How often each model helps: with requests where the rule is defeated, and where it is sound</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<circle cx="{_LEFT + 6}" cy="20" r="5" fill="{_HELPS}"/>',
        f'<text x="{_LEFT + 18}" y="24" fill="{_INK}">helps where the rule is defeated: more is better</text>',
        f'<circle cx="{_LEFT + 6}" cy="40" r="5" fill="{_SHOULD_NOT}"/>',
        f'<text x="{_LEFT + 18}" y="44" fill="{_INK}">helps where the rule is sound: less is better</text>',
    ]
    bottom = _TOP + _ROW * len(known)
    for tenth in range(round(10 * end) + 1):
        at = x(tenth / 10)
        lines.append(f'<path d="M{at} {_TOP - 8}V{bottom}" stroke="{_FAINT}"/>')
        lines.append(f'<text x="{at}" y="{bottom + 20}" text-anchor="middle" fill="{_INK}">{10 * tenth} %</text>')
    for place, row in enumerate(known):
        y = _TOP + _ROW * place + 8
        lines.append(f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end" fill="{_INK}">{escape(row.model)}</text>')
        lines.append(f'<path d="M{x(row.control)} {y}H{x(row.defeated)}" stroke="{_INK}" stroke-width="1.5"/>')
        lines.append(f'<circle cx="{x(row.control)}" cy="{y}" r="5" fill="{_SHOULD_NOT}"/>')
        lines.append(f'<circle cx="{x(row.defeated)}" cy="{y}" r="5" fill="{_HELPS}"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"
