"""A comparison for the terminal and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.text import Text

from dataset_builder.wording import counted
from eval.results.reproduction import AGREES, BROKEN_DOWN, DIFFERS, EXPLAINED, NOT_AT_HAND, ReproducedFigure
from eval.results.row import headline
from eval.results.tables import FEW
from eval.scores.comparison import Comparison, PairedDifference
from eval.scores.results import number
from eval.scores.slices import OVERALL, title
from eval.scores.terminal import Cell, Column, FittedTable, Value, percent
from eval.stats.intervals import LEVEL
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE, METRIC_BY_ID

# Of a slice, unless all is asked for; overall there are the rates that a score begins with.
_OF_A_SLICE: Final = frozenset({DISCRIMINATION.id, HELP_RATE.id, CONTROL_HELP_RATE.id})


def comparison_table(found: Comparison, *, full: bool = False) -> FittedTable:
    """A row a slice and metric that has data: all of them, or those that say who helps where."""
    columns = [Column("Slice", words=True), Column("Metric", words=True), Column("n", rank=5), *PAIRED]
    heading = f"{found.a} minus {found.b}: {found.n_shared:,} shared cases, judged by {found.judge}"
    overall = [metric.id for metric in headline()[:FEW]]
    rows = [row for row in found.differences if row.reason is None]
    of_all = [row for row in rows if row.part.by == OVERALL and row.metric.id in overall]
    of_slices = [row for row in rows if row.part.by != OVERALL and row.metric.id in _OF_A_SLICE]
    shown = rows if full else [*sorted(of_all, key=lambda row: overall.index(row.metric.id)), *of_slices]
    hidden = counted(len(rows) - len(shown), "more row") if len(shown) < len(rows) else ""
    table = FittedTable(heading, columns, more=hidden)
    before = None
    for row in shown:
        table.add_row("" if row.part == before else title(row.part), row.metric.title, f"{row.n:,}", *paired_cells(row))
        before = row.part
    return table


# A paired difference: hidden first is the p-value for screening, then the values themselves.
PAIRED = (
    Column("A", rank=2),
    Column("B", rank=3),
    Column("A - B [95%]"),
    Column("p (Holm)", rank=1),
    Column("p (BH)", rank=4),
)


def paired_cells(row: PairedDifference) -> tuple[Cell, ...]:
    """The cells of ``PAIRED``."""
    difference = Value(f"{100 * row.difference:+.1f}", f"[{100 * row.low:+.1f}, {100 * row.high:+.1f}]")
    values = percent(row.estimate_a), percent(row.estimate_b)
    return *values, difference, _p_value(row.p_holm), _p_value(row.p_bh)


def discordant_lines(found: Comparison, limit: int) -> Iterator[Text]:
    """Which cases only one of the two helps with, by id, at most ``limit`` of each."""
    for model, cases in ((found.a, found.only_a_helps), (found.b, found.only_b_helps)):
        yield Text(f"Only {model} helps: {counted(len(cases), 'case')}")
        yield from (Text(f"  {case_id}") for case_id in cases[:limit])
        if len(cases) > limit:
            yield Text(f"  and {len(cases) - limit:,} more (--cases {len(cases)} lists them)")


def conclusion(found: Comparison) -> str:
    """One sentence on the whole: who helps more where help is due, by how much, and whether that differs from zero.

    Help where it is due is discrimination, or the help rate on defeated rules where no control is shared. The test
    is that of this one difference, which was not picked from several.
    """
    overall = {row.metric: row for row in found.differences if row.part.by == OVERALL and row.reason is None}
    row = overall.get(DISCRIMINATION) or overall.get(HELP_RATE)
    if row is None:
        return f"{found.a} and {found.b} share no case with a defeated rule, so nothing says who helps where it is due."
    gap, low, high = (100 * value for value in (row.difference, row.low, row.high))
    ahead = found.a if gap >= 0 else found.b
    if gap < 0:
        gap, low, high = -gap, -high, -low
    what = {
        DISCRIMINATION: "help on defeated rules less help on controls",
        HELP_RATE: "help on defeated rules",
    }[row.metric]
    limits = f"95 % interval {low:+.1f} to {high:+.1f}, p {_p_text(row.p_value)}"
    if f"{gap:.1f}" == "0.0":
        return f"{found.a} and {found.b} help equally where help is due: no difference can be told ({limits})."
    if row.p_value < 1 - LEVEL and low > 0:
        return (
            f"{ahead} helps more where help is due, by {gap:.1f} points ({what}), "
            f"and the difference can be told from zero ({limits})."
        )
    return (
        f"{ahead} helps more where help is due, by {gap:.1f} points ({what}), "
        f"but the difference cannot be told from zero ({limits})."
    )


def pairs_conclusion(found: Sequence[PairedDifference]) -> str:
    """One sentence on every two models: how many differences can be told from zero, and the largest of these."""
    tested = [row for row in found if row.reason is None]
    told = [row for row in tested if row.p_holm < 1 - LEVEL]
    name = found[0].metric.title
    if not told:
        return f"{name}: none of the {len(tested)} differences can be told from zero (Holm's correction over all)."
    most = max(told, key=lambda row: abs(row.difference))
    ahead, behind = (most.a, most.b) if most.difference > 0 else (most.b, most.a)
    return (
        f"{name}: {len(told)} of {len(tested)} differences can be told from zero (Holm's correction over all); "
        f"the largest is {ahead} over {behind}, by {100 * abs(most.difference):.1f} points."
    )


def _p_text(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def as_plain(found: Comparison) -> dict[str, Any]:
    """Everything, NaN as None."""
    return {
        "a": found.a,
        "b": found.b,
        "judge": found.judge,
        "n_shared": found.n_shared,
        "n_unshared": found.n_unshared,
        "conclusion": conclusion(found),
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


def pairs_table(found: Sequence[PairedDifference]) -> FittedTable:
    """A row for every two models, on one metric."""
    heading = f"{found[0].metric.title}: every two models, on the cases that both are scored on"
    columns = [
        Column("Model A", words=True, name=True),
        Column("Model B", words=True, name=True),
        Column("n", rank=5),
        *PAIRED,
    ]
    table = FittedTable(heading, columns)
    for row in found:
        if row.reason is not None:
            table.add_row(row.a, row.b, f"{row.n:,}", *["–"] * len(PAIRED))
            table.notes.append(f"{row.a} and {row.b}: {row.reason}.")
            continue
        table.add_row(row.a, row.b, f"{row.n:,}", *paired_cells(row))
    return table


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


# The reproduced figures for the terminal and as plain values.


_GROUPS = {"family": "By family", "authority": "By authority", "dual_use": "By dual use", "model": "By model"}


def reproduction_tables(figures: Sequence[ReproducedFigure]) -> Iterator[FittedTable | Text]:
    """The figures of the paper, the notes on those that differ, the breakdowns, and a count."""
    stated = [figure for figure in figures if figure.paper is not None]
    columns = [
        Column("Figure", words=True),
        Column("Where", rank=3, words=True),
        Column("Paper"),
        Column("Recomputed"),
        Column("n", rank=2),
        Column("Result", rank=1, words=True),
    ]
    table = FittedTable("Figures of the paper", columns)
    for figure in stated:
        table.add_row(
            figure.title, figure.where or "", figure.paper or "", figure.shown, f"{figure.n:,}", figure.status
        )
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


def figures_as_plain(figures: Sequence[ReproducedFigure]) -> list[dict[str, Any]]:
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


def _breakdown(figures: Sequence[ReproducedFigure], heading: str) -> FittedTable:
    """A row a label, a column a metric."""
    pairs = []
    for figure in figures:
        name, _, metric = figure.title.rpartition(": ")
        pairs.append((name, metric, figure))
    found = {metric for _, metric, _ in pairs}
    shown = [title for title in (METRIC_BY_ID[name].title for name in BROKEN_DOWN) if title in found]
    columns = [Column("Label", words=True), *(Column(metric, rank=1) for metric in shown)]
    table = FittedTable(f"{heading}, recomputed ({NOT_AT_HAND})", columns, split=True)
    by_name: dict[str, dict[str, ReproducedFigure]] = {}
    for name, metric, figure in pairs:
        by_name.setdefault(name, {})[metric] = figure
    for name, row in by_name.items():
        table.add_row(name, *(Value(row[m].shown, f"of {row[m].n:,}") if m in row else "" for m in shown))
    return table
