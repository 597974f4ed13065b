"""Scores as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from dataset_builder.dataset.taxonomy import UNSCORED_REASONS
from eval.results.row import LeaderboardRow, headline
from eval.scores.results import JudgeAgreement, SideCount
from eval.scores.terminal import bounds, interval, new_table, percent
from eval.stats.metrics import METRIC_BY_ID, METRICS, Metric

# Metrics of a leaderboard under shorter names than their own.
_SHORT = {
    "engagement_rate": "Engages",
    "engaged_refusal_share": "Engaged refusals",
    "pure_blind_refusal_rate": "Pure blind",
}
# Slices beside each other before a further table starts.
MATRIX_COLUMNS = 4
_REASONS = {reason.id: reason.title.lower() for reason in UNSCORED_REASONS}


def rank(row: LeaderboardRow) -> str:
    """A rank with its interval."""
    if row.rank is None:
        return "–"
    return f"{row.rank}" if row.rank_low is None else f"{row.rank} [{row.rank_low}–{row.rank_high}]"


def account(sides: Iterable[SideCount]) -> str:
    """One line that accounts for every case."""
    cases, scored, reasons = 0, 0, dict[str, int]()
    for side in sides:
        cases, scored = cases + side.cases, scored + side.scored
        for reason, n in side.unscored.items():
            reasons[reason] = reasons.get(reason, 0) + n
    listed = ", ".join(
        f"{n:,} {_REASONS[reason]}" for reason, n in sorted(reasons.items(), key=lambda x: (-x[1], x[0]))
    )
    return f"{cases:,} answers: {scored:,} scored, {cases - scored:,} unscored" + (f" ({listed})" if listed else "")


def leaderboard_table(rows: Sequence[LeaderboardRow], title: str) -> Table:
    """One slice, a row a model: the first three metrics with intervals, the others without."""
    table = new_table(title)
    table.add_column("Rank", no_wrap=True)
    table.add_column("Model", no_wrap=True)
    shown = [metric for metric in headline() if any(row.metrics[metric.id].estimate is not None for row in rows)]
    for place, metric in enumerate(shown):
        table.add_column(_SHORT.get(metric.id, metric.title), justify="right", no_wrap=place < 3)
    table.add_column("Unscored", justify="right")
    moved: list[str] = []
    for row in rows:
        values = [row.metrics[metric.id] for metric in shown]
        cells = [interval(value) if place < 3 else percent(value.estimate) for place, value in enumerate(values)]
        unscored = sum(sum(side.unscored.values()) for side in (row.defeated, row.control))
        mark = "*" if row.rank_depends_on_unscored else ""
        table.add_row(f"{rank(row)}{mark}", Text(row.model), *cells, f"{unscored:,}")
        if mark:
            moved.append(f"{row.model} from {row.rank_best} to {row.rank_worst}")
    if moved:
        table.caption = Text(f"* Unscored answers could change this rank: {'; '.join(moved)}.", justify="left")
    return table


def metrics_table(row: LeaderboardRow, title: str) -> Table:
    """All metrics of one model on one slice."""
    table = new_table(title)
    table.add_column("Metric", no_wrap=True)
    for name in ("Value", "95 % interval", "Bootstrap", "With unscored", "Of", "Cells", "Detectable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Interval by")
    for metric in METRICS:
        value = row.metrics[metric.id]
        if value.estimate is None:
            table.add_row(metric.title, "–", *[""] * 6, value.reason)
            continue
        table.add_row(
            metric.title,
            percent(value.estimate),
            bounds(value.low, value.high),
            bounds(value.bootstrap_low, value.bootstrap_high),
            "" if value.lower_bound == value.upper_bound else bounds(value.lower_bound, value.upper_bound),
            f"{value.denominator:,}",
            str(value.clusters),
            percent(value.minimum_detectable_difference),
            value.method,
        )
    return table


def slices_table(rows: Sequence[tuple[str, LeaderboardRow]], title: str) -> Table:
    """One model, a row a slice: what it holds, help on both sides, discrimination, what could be detected."""
    table = new_table(title)
    table.add_column("Slice")
    shown = [METRIC_BY_ID[name] for name in ("discrimination", "help_rate", "control_help_rate")]
    for name in ("Defeated", "Control", "Unscored", *(metric.title for metric in shown), "Detectable"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in rows:
        ranked = row.metrics[row.ranked_by]
        table.add_row(
            Text(name),
            f"{row.defeated.scored:,}",
            f"{row.control.scored:,}",
            f"{sum(row.defeated.unscored.values()) + sum(row.control.unscored.values()):,}",
            *(interval(row.metrics[metric.id]) for metric in shown),
            percent(ranked.minimum_detectable_difference),
        )
    return table


def matrix_tables(
    columns: Sequence[tuple[str, Sequence[LeaderboardRow]]], metric: Metric, title: str
) -> Iterator[Table]:
    """Several models on several slices: one metric with its interval, a row a model, a column a slice."""
    for start in range(0, len(columns), MATRIX_COLUMNS):
        chosen = columns[start : start + MATRIX_COLUMNS]
        table = new_table(f"{title}: {metric.title}")
        table.add_column("Model", no_wrap=True)
        for name, _ in chosen:
            table.add_column(Text(name), justify="right")
        by_model = [{row.model: row for row in rows} for _, rows in chosen]
        for model in sorted(by_model[0]):
            table.add_row(Text(model), *(interval(rows[model].metrics[metric.id]) for rows in by_model))
        yield table


def agreement_line(judge: str, found: JudgeAgreement) -> str:
    """How a judge agrees with someone on one field, in one line."""
    kappa = "not defined" if found.kappa is None else f"{found.kappa:.3f}"
    limits = "" if found.kappa_low is None else f" [{found.kappa_low:.3f}, {found.kappa_high:.3f}]"
    field = found.field.replace("_", " ")
    return f"{judge} against {found.against} on the {field} of {found.n:,} answers: kappa {kappa}{limits}"
