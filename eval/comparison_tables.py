"""A comparison for the terminal and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from eval.comparison import Comparison, PairedDifference
from eval.results import number
from eval.score_tables import new_table, percent
from eval.slices import title


def comparison_table(found: Comparison) -> Table:
    """A row a slice and metric that has data."""
    table = new_table(f"{found.a} minus {found.b}: {found.n_shared:,} shared cases, judged by {found.judge}")
    for name in ("Slice", "Metric"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "A", "B", "A - B", "95 % interval", "p (Holm)", "p (BH)"):
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for row in found.differences:
        if row.reason is not None:
            continue
        table.add_row(
            Text("" if row.part == before else title(row.part)),
            row.metric.title,
            f"{row.n:,}",
            percent(row.estimate_a),
            percent(row.estimate_b),
            f"{100 * row.difference:+.1f}",
            f"[{100 * row.low:+.1f}, {100 * row.high:+.1f}]",
            _p_value(row.p_holm),
            _p_value(row.p_bh),
        )
        before = row.part
    return table


def discordant_lines(found: Comparison, limit: int) -> Iterator[Text]:
    """Which cases only one of the two helps with, by id, at most ``limit`` of each."""
    for model, cases in ((found.a, found.only_a_helps), (found.b, found.only_b_helps)):
        yield Text(f"Only {model} helps: {len(cases):,} cases")
        yield from (Text(f"  {case_id}") for case_id in cases[:limit])
        if len(cases) > limit:
            yield Text(f"  and {len(cases) - limit:,} more (--cases {len(cases)} lists them)")


def as_plain(found: Comparison) -> dict[str, Any]:
    """Everything, NaN as None."""
    return {
        "a": found.a,
        "b": found.b,
        "judge": found.judge,
        "n_shared": found.n_shared,
        "n_unshared": found.n_unshared,
        "differences": [difference_plain(row) for row in found.differences],
        "only_a_helps": list(found.only_a_helps),
        "only_b_helps": list(found.only_b_helps),
    }


def difference_plain(row: PairedDifference) -> dict[str, Any]:
    """One difference, NaN as None; ``a`` and ``b`` are the two values."""
    return {
        "models": [row.a, row.b],
        "by": row.part.by,
        "value": row.part.value,
        "metric": row.metric.id,
        "n": row.n,
        "a": number(row.estimate_a),
        "b": number(row.estimate_b),
        "difference": number(row.difference),
        "standard_error": number(row.error),
        "low": number(row.low),
        "high": number(row.high),
        "clusters": row.clusters,
        "method": row.method,
        "p_value": number(row.p_value),
        "p_holm": number(row.p_holm),
        "p_bh": number(row.p_bh),
        "reason": row.reason,
    }


def pairs_table(found: Sequence[PairedDifference]) -> Table:
    """A row for every two models, on one metric."""
    table = new_table(f"{found[0].metric.title}: every two models, on the cases that both are scored on")
    for name in ("A", "B"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "A %", "B %", "A - B", "95 % interval", "p (Holm)", "p (BH)"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found:
        if row.reason is not None:
            table.add_row(Text(row.a), Text(row.b), f"{row.n:,}", "–", "–", "–", row.reason)
            continue
        table.add_row(
            Text(row.a),
            Text(row.b),
            f"{row.n:,}",
            percent(row.estimate_a),
            percent(row.estimate_b),
            f"{100 * row.difference:+.1f}",
            f"[{100 * row.low:+.1f}, {100 * row.high:+.1f}]",
            _p_value(row.p_holm),
            _p_value(row.p_bh),
        )
    return table


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
