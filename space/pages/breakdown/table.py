"""Rates by every label of the cases: what the breakdown shows, as frames and as HTML, without gradio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from dataset_builder.dataset.taxonomy import (
    AUTHORITY_GROUPS,
    AUTHORITY_TYPES,
    DIMENSIONS,
    FAMILIES,
    IMPLAUSIBLE_CELLS,
    cell,
    is_defeated,
)
from eval.repository.leaderboard import Board, BoardRow
from eval.scores.slices import OVERALL, Slice
from eval.scores.slices import title as slice_title
from eval.stats.intervals import wilson
from space.data.data import Cell, Key, SliceTable, Snapshot, pooled
from space.data.snapshot import row_key
from space.figures.plots import Bar
from space.ui.templates import template

# Fewer answers than this, and a rate is greyed: one answer more or less moves it by ten points.
FEW: Final = 10
BY: Final = {
    "family": "Defeat family",
    "subtype": "Subtype",
    "authority": "Authority",
    "authority_group": "Authority group",
    "dual_use": "Dual use",
    "dual_use_category": "Dual-use category",
    **{dimension.id: dimension.title for dimension in DIMENSIONS},
    "origin": "Where the case is from",
    "batch": "Batch of generated cases",
    "language": "Language",
}
MAX_MODELS: Final = 4
CELLS: Final = "family_authority"
fill = template("pages/breakdown/page.html.j2")


def rows_of(board: Board | None) -> dict[str, BoardRow]:
    """The rows of a board by their keys, best first."""
    return {row_key(row): row for row in board.rows} if board else {}


def table_of(now: Snapshot, row: BoardRow) -> SliceTable | None:
    """A row's slices; None where it has no results file."""
    return now.slices.get(row.results or "")


def labels_of(tables: Sequence[SliceTable], by: str, metric: str, *, without_dual_use: bool) -> list[str]:
    """The labels on which some model has data for a metric, in the taxonomy's order."""
    found: dict[str, None] = {}
    for table in tables:
        for value in table.values(by, without_dual_use=without_dual_use):
            if table.cell(Key(by, value, without_dual_use), metric).n:
                found.setdefault(value)
    return list(found)


def title_of(by: str, value: str) -> str:
    """What a label is called."""
    return slice_title(Slice(by, value))


def bars_of(table: SliceTable, by: str, labels: Sequence[str], metric: str, *, without_dual_use: bool) -> list[Bar]:
    """One bar a label, the overall rate first."""
    keys = [
        Key(OVERALL, OVERALL, without_dual_use),
        *(Key(by, value, without_dual_use and not by.startswith("dual_use")) for value in labels),
    ]
    names = ["All cases", *(title_of(by, value) for value in labels)]
    return [_bar(name, table.cell(key, metric)) for name, key in zip(names, keys, strict=True)]


def breakdown_frame(models: Mapping[str, SliceTable], by: str, metric: str, *, without_dual_use: bool) -> pd.DataFrame:
    """A row a label (the overall one first), and for each model its share, limits, answers and detectable difference.

    Columns are pairs of model and ``share``, ``low``, ``high``, ``n`` and ``detectable``.
    """
    labels = labels_of(list(models.values()), by, metric, without_dual_use=without_dual_use)
    keys = [Key(OVERALL, OVERALL, without_dual_use), *(Key(by, value, without_dual_use) for value in labels)]
    names = ["All cases", *(title_of(by, value) for value in labels)]
    columns: dict[tuple[str, str], list[float]] = {}
    for model, table in models.items():
        cells = [table.cell(key, metric) for key in keys]
        columns |= {
            (model, "share"): [c.estimate for c in cells],
            (model, "low"): [c.low for c in cells],
            (model, "high"): [c.high for c in cells],
            (model, "n"): [c.n for c in cells],
            (model, "detectable"): [c.detectable for c in cells],
        }
    return pd.DataFrame(columns, index=pd.Index(names, name=BY.get(by, by)))


def heat_cells(tables: Sequence[SliceTable], *, without_dual_use: bool) -> dict[tuple[str, str], Cell]:
    """Help by family and authority over some models together; ``n`` is cases a model, so a pool never looks large.

    The interval is Wilson's for that many answers: as if the models said the same of each case, so never too narrow.
    """
    found = {}
    for family in FAMILIES:
        metric = "help_rate" if is_defeated(family.id) else "control_help_rate"
        for authority in AUTHORITY_TYPES:
            key = Key(CELLS, cell(family.id, authority.id), without_dual_use)
            one = pooled([table.cell(key, metric) for table in tables])
            if one.n:
                n = max(table.cell(key, metric).n for table in tables)
                limits = wilson(np.array(one.estimate * n), np.array(float(n)))
                found[family.id, authority.id] = one._replace(n=n, low=float(limits.low), high=float(limits.high))
    return found


def heat_map(cells: Mapping[tuple[str, str], Cell], href: Callable[[str, str], str]) -> Markup:
    """Family across, authority down; each cell is a link to its transcripts, with its share of help, interval and n."""
    return fill(
        "heat_map",
        cells=cells,
        families=FAMILIES,
        groups=AUTHORITY_GROUPS,
        authorities=AUTHORITY_TYPES,
        implausible=IMPLAUSIBLE_CELLS,
        few=FEW,
        href=href,
    )


def figures_table(frame: pd.DataFrame) -> Markup:
    """The numbers of the bars: a row a label, for each model share, interval, n and detectable difference."""
    models = list(dict.fromkeys(frame.columns.get_level_values(0)))
    by_model = [frame[model].to_dict("records") for model in models]
    rows = zip(frame.index, zip(*by_model, strict=True), strict=True)
    return fill("figures_table", models=models, label=frame.index.name, rows=rows)


def _bar(name: str, one: Cell) -> Bar:
    return Bar(name, one.estimate, one.low, one.high, one.n, few=one.n < FEW)
