"""Scores as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dataset_builder.dataset.taxonomy import UNSCORED_REASONS
from dataset_builder.wording import counted
from eval.results.row import LeaderboardRow, headline
from eval.scores.results import JudgeAgreement, SideCount
from eval.scores.terminal import Column, FittedTable, Value, bounds, interval, percent
from eval.stats.metrics import METRIC_BY_ID, METRICS, Metric

# Metrics of a leaderboard under shorter names than their own.
_SHORT = {
    "engagement_rate": "Engages",
    "engaged_refusal_share": "Engaged refusals",
    "pure_blind_refusal_rate": "Pure blind",
}
# Metrics of one model that are shown unless all are asked for.
# Rates that a score begins with.
FEW = 5
_REASONS = {reason.id: reason.title.lower() for reason in UNSCORED_REASONS}


def rank(row: LeaderboardRow) -> Value:
    """A rank with its interval."""
    if row.rank is None:
        return Value("–")
    return Value(f"{row.rank}", "" if row.rank_low is None else f"[{row.rank_low}–{row.rank_high}]")


def account(sides: Iterable[SideCount], of: str = "answer") -> str:
    """One line that accounts for every case; ``of`` is what is counted: cases, where each has several answers."""
    cases, scored, reasons = 0, 0, dict[str, int]()
    for side in sides:
        cases, scored = cases + side.cases, scored + side.scored
        for reason, n in side.unscored.items():
            reasons[reason] = reasons.get(reason, 0) + n
    listed = ", ".join(
        f"{n:,} {_REASONS[reason]}" for reason, n in sorted(reasons.items(), key=lambda x: (-x[1], x[0]))
    )
    return f"{counted(cases, of)}: {scored:,} scored, {cases - scored:,} unscored" + (f" ({listed})" if listed else "")


def leaderboard_table(rows: Sequence[LeaderboardRow], title: str) -> FittedTable:
    """One slice, a row a model: the first three metrics with intervals, the others without."""
    shown = [metric for metric in headline() if any(row.metrics[metric.id].estimate is not None for row in rows)]
    columns = [Column(_SHORT.get(metric.id, metric.title), rank=place) for place, metric in enumerate(shown)]
    unscored = Column("Unscored", rank=len(shown))
    table = FittedTable(title, [Column("Rank"), Column("Model", words=True, name=True), *columns, unscored])
    moved: list[str] = []
    for row in rows:
        values = [row.metrics[metric.id] for metric in shown]
        cells = [interval(value) if place < 3 else percent(value.estimate) for place, value in enumerate(values)]
        place_of_row = rank(row)
        if row.rank_depends_on_unscored:
            place_of_row = place_of_row._replace(shown=f"{place_of_row.shown}*")
            moved.append(f"{row.model} from {row.rank_best} to {row.rank_worst}")
        table.add_row(place_of_row, row.model, *cells, f"{_unscored(row):,}")
    if moved:
        table.notes.append(f"* Unscored answers could change this rank: {'; '.join(moved)}.")
    return table


def metrics_table(row: LeaderboardRow, title: str, *, full: bool = False) -> FittedTable:
    """The headline metrics of one model on one slice, or all."""
    shown = METRICS if full else headline()[:FEW]
    columns = [
        Column("Metric", words=True),
        Column("Value [95%]"),
        Column("Of", rank=1),
        Column("Bootstrap", rank=2, full=True),
        Column("With unscored", rank=3, full=True),
        Column("Cells", rank=4, full=True),
        Column("Detectable", rank=5, full=True),
        Column("Interval by", rank=6, words=True, full=True),
    ]
    table = FittedTable(title, columns, more=f"{len(METRICS) - len(shown)} more rates")
    for metric in shown:
        value = row.metrics[metric.id]
        if value.estimate is None:
            table.add_row(metric.title, "–", *[""] * 6)
            table.notes.append(f"{metric.title}: {value.reason}.")
            continue
        table.add_row(
            metric.title,
            interval(value),
            f"{value.denominator:,}",
            bounds(value.bootstrap_low, value.bootstrap_high),
            "" if value.lower_bound == value.upper_bound else bounds(value.lower_bound, value.upper_bound),
            str(value.clusters),
            percent(value.minimum_detectable_difference),
            value.method or "",
        )
    return table


def slices_table(rows: Sequence[tuple[str, LeaderboardRow]], title: str) -> FittedTable:
    """One model, a row a slice: what it holds, help on both sides, discrimination, what could be detected."""
    shown = [METRIC_BY_ID[name] for name in ("discrimination", "help_rate", "control_help_rate")]
    columns = [
        Column("Slice", words=True),
        Column("Defeated", rank=3),
        Column("Control", rank=4),
        Column("Unscored", rank=5),
        *(Column(metric.title, rank=place) for place, metric in enumerate(shown)),
        Column("Detectable", rank=6, full=True),
    ]
    table = FittedTable(title, columns)
    for name, row in rows:
        table.add_row(
            name,
            f"{row.defeated.scored:,}",
            f"{row.control.scored:,}",
            f"{_unscored(row):,}",
            *(interval(row.metrics[metric.id]) for metric in shown),
            percent(row.metrics[row.ranked_by].minimum_detectable_difference),
        )
    return table


def matrix_table(columns: Sequence[tuple[str, Sequence[LeaderboardRow]]], metric: Metric, title: str) -> FittedTable:
    """Several models on several slices: one metric with its interval, a row a model, a column a slice."""
    by_model = [{row.model: row for row in rows} for _, rows in columns]
    slices = [Column(name, rank=1) for name, _ in columns]
    table = FittedTable(f"{title}: {metric.title}", [Column("Model", words=True, name=True), *slices], split=True)
    for model in sorted(by_model[0]):
        table.add_row(model, *(interval(rows[model].metrics[metric.id]) for rows in by_model))
    return table


def _unscored(row: LeaderboardRow) -> int:
    return sum(sum(side.unscored.values()) for side in (row.defeated, row.control))


def agreement_line(judge: str, found: JudgeAgreement) -> str:
    """How a judge agrees with someone on one field, in one line."""
    kappa = "not defined" if found.kappa is None else f"{found.kappa:.3f}"
    limits = "" if found.kappa_low is None else f" [{found.kappa_low:.3f}, {found.kappa_high:.3f}]"
    field = found.field.replace("_", " ")
    return f"{judge} against {found.against} on the {field} of {counted(found.n, 'answer')}: kappa {kappa}{limits}"
