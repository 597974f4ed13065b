"""The reproduced figures for the terminal and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.metrics import METRIC_BY_ID
from eval.reproduction import AGREES, BROKEN_DOWN, DIFFERS, EXPLAINED, NOT_AT_HAND, ReproducedFigure
from eval.results import number
from eval.score_tables import new_table

_GROUPS = {"family": "By family", "authority": "By authority", "dual_use": "By dual use", "model": "By model"}


def reproduction_tables(figures: Sequence[ReproducedFigure]) -> Iterator[Table | Text]:
    """The figures of the paper, the notes on those that differ, the breakdowns, and a count."""
    stated = [figure for figure in figures if figure.paper is not None]
    table = new_table("Figures of the paper")
    for name in ("Figure", "Where"):
        table.add_column(name)
    for name in ("Paper", "Recomputed", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in stated:
        table.add_row(figure.title, figure.where, figure.paper, figure.shown, f"{figure.n:,}", figure.status)
    yield table
    for figure in stated:
        if figure.note:
            yield Text(f"{figure.title}: {figure.note}")
    for group, heading in _GROUPS.items():
        yield _breakdown([figure for figure in figures if figure.group == group], heading)
    counts = Counter(figure.status for figure in figures)
    yield Text(
        f"{counts[AGREES]} figures agree, {counts[EXPLAINED]} differ for a known reason, {counts[DIFFERS]} differ; "
        f"{counts[NOT_AT_HAND]} rates stand without the paper's value, which is not available here."
    )


def as_plain(figures: Sequence[ReproducedFigure]) -> list[dict[str, Any]]:
    """Every figure as plain values, NaN as None."""
    return [
        {
            "group": figure.group,
            "title": figure.title,
            "where": figure.where,
            "paper": figure.paper,
            "recomputed": number(figure.recomputed),
            "n": figure.n,
            "status": figure.status,
            "note": figure.note,
        }
        for figure in figures
    ]


def _breakdown(figures: Sequence[ReproducedFigure], heading: str) -> Table:
    """A row a label, a column a metric."""
    pairs = []
    for figure in figures:
        name, _, metric = figure.title.rpartition(": ")
        pairs.append((name, metric, figure))
    table = new_table(f"{heading}, recomputed ({NOT_AT_HAND})")
    table.add_column("", no_wrap=True)
    found = {metric for _, metric, _ in pairs}
    columns = [title for title in (METRIC_BY_ID[name].title for name in BROKEN_DOWN) if title in found]
    for metric in columns:
        table.add_column(metric, justify="right")
    by_name: dict[str, dict[str, ReproducedFigure]] = {}
    for name, metric, figure in pairs:
        by_name.setdefault(name, {})[metric] = figure
    for name, row in by_name.items():
        table.add_row(Text(name), *(f"{row[m].shown} of {row[m].n:,}" if m in row else "" for m in columns))
    return table
