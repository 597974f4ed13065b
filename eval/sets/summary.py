"""What a set came to: ranks under each arm, who really differs, and how far each model moves between arms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dataset_builder.errors import InputError
from dataset_builder.wording import counted
from eval.results.more_tables import PAIRED, difference_plain, paired_cells, pairs_conclusion, pairs_table
from eval.results.row import LeaderboardRow, leaderboard
from eval.results.tables import leaderboard_table
from eval.scores.answers import ScoredAnswers
from eval.scores.comparison import PairedDifference, compare, compare_pairs, corrected
from eval.scores.epochs import Stability, join_epochs, stability
from eval.scores.read import run_answers
from eval.scores.scores import compute_scores
from eval.scores.slices import OVERALL
from eval.scores.terminal import Column, FittedTable
from eval.sets.collect import RunSet
from eval.stats.bootstrap import RESAMPLES, SEED
from eval.stats.intervals import LEVEL
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE

# What an arm is looked at for.
MOVES = (DISCRIMINATION, HELP_RATE, CONTROL_HELP_RATE)
# More pairs than these are shown on request.
_FEW_PAIRS = 15


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm: the rows of its models, best first, and the differences of every two of them.

    ``stable`` says, by model, how often several answers to a case get one label; empty where there is one answer.
    """

    arm: str
    rows: tuple[LeaderboardRow, ...]
    pairs: tuple[PairedDifference, ...]
    stable: dict[str, Stability] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetResult:
    """A set by one judge. ``moves`` are differences of each arm and the first, by model, corrected over all."""

    judge: str
    arms: tuple[ArmResult, ...]
    moves: tuple[PairedDifference, ...]


def set_result(found: RunSet, judge: str, *, resamples: int = RESAMPLES, seed: int = SEED) -> SetResult | None:
    """The result of the runs that have verdicts of the judge; None where none has.

    Runs of chosen or drawn cases are compared with others on the cases that both have. Raises InputError as
    ``run_answers`` does.
    """
    epochs: dict[tuple[str, str], list[ScoredAnswers]] = {}
    for run in found.runs:
        if not run.folder.verdicts(judge):
            continue
        answers = run_answers(run.folder, found.dataset, judge=judge)
        place = run.planned.arm, run.planned.model
        epochs.setdefault(place, []).append(replace(answers, model=run.planned.model))
    if not epochs:
        return None
    by_arm: dict[str, dict[str, ScoredAnswers]] = {}
    for (arm, model), several in epochs.items():
        by_arm.setdefault(arm, {})[model] = join_epochs(several)
    arms = []
    for arm, models in by_arm.items():
        scored = list(models.values())
        alike = all(one.cases.same_cases(scored[0].cases) for one in scored)
        # Models that were asked different cases stand in no one ranking.
        together = [scored] if alike else [[one] for one in scored]
        rows = [
            row for part in together for row in leaderboard(compute_scores(part, by=(), resamples=resamples, seed=seed))
        ]
        pairs = _pairs(scored)
        stable = {name: told for name, one in models.items() if (told := stability(one))}
        arms.append(ArmResult(arm, tuple(rows), pairs, stable))
    return SetResult(judge, tuple(arms), corrected(list(_moves(by_arm))))


def _pairs(answers: Sequence[ScoredAnswers]) -> tuple[PairedDifference, ...]:
    """Every two models on the cases that both are scored on; none where two have no such case."""
    try:
        return compare_pairs(answers)
    except InputError:
        return ()


def _moves(by_arm: dict[str, dict[str, ScoredAnswers]]) -> Iterator[PairedDifference]:
    """How each model differs between each further arm and the first one that it was asked under."""
    first, *others = by_arm
    for arm in others:
        for model, answers in by_arm[arm].items():
            if (before := by_arm[first].get(model)) is None:
                continue
            named = replace(answers, model=f"{model} ({arm})"), replace(before, model=f"{model} ({first})")
            try:
                rows = compare(*named, by=()).differences
            except InputError:
                # No case is scored under both.
                continue
            yield from (row for row in rows if row.part.by == OVERALL and row.metric in MOVES)


def tables(found: SetResult, *, full: bool = False) -> Iterator[FittedTable | str]:
    """The result for the terminal: tables, each followed by its sentence."""
    for arm in found.arms:
        title = f"{arm.arm}, judged by {found.judge}" if len(found.arms) > 1 else f"Judged by {found.judge}"
        yield leaderboard_table(arm.rows, title)
        yield from (f"{model}: {told.line()}" for model, told in arm.stable.items())
        if arm.pairs:
            if full or len(arm.pairs) <= _FEW_PAIRS:
                yield pairs_table(arm.pairs)
            yield pairs_conclusion(arm.pairs)
    if found.moves:
        yield moves_table(found.moves)
        yield moves_conclusion(found.moves)


def moves_table(found: Sequence[PairedDifference]) -> FittedTable:
    """A row a model, arm and rate: the rate under the arm, under the first one, and the paired difference."""
    heading = "How far each model moves: arm A minus arm B, on the cases that are scored under both"
    columns = [
        Column("A", words=True, name=True),
        Column("B", words=True, name=True),
        Column("Rate", words=True),
        Column("n", rank=5),
    ]
    table = FittedTable(heading, [*columns, *PAIRED])
    for row in found:
        if row.reason is not None:
            table.notes.append(f"{row.a} and {row.b}, {row.metric.title}: {row.reason}.")
            continue
        table.add_row(row.a, row.b, row.metric.title, f"{row.n:,}", *paired_cells(row))
    return table


def moves_conclusion(found: Sequence[PairedDifference]) -> str:
    """One sentence on the arms: how many models move in discrimination, and who moves most."""
    tested = [row for row in found if row.reason is None and row.metric is DISCRIMINATION]
    if not tested:
        return "No model has cases of both sides scored under two arms, so nothing says how far one moves."
    told = [row for row in tested if row.p_holm < 1 - LEVEL]
    most = max(tested, key=lambda row: abs(row.difference))
    return (
        f"Discrimination moves beyond chance in {len(told)} of {counted(len(tested), 'comparison')} (Holm's "
        f"correction over all rows); the largest move is {100 * most.difference:+.1f} points, "
        f"{most.a} against {most.b}."
    )


def as_plain(found: SetResult) -> dict[str, object]:
    """The result as plain values for JSON; shares, not percentages."""
    return {
        "judge": found.judge,
        "arms": [
            {
                "arm": arm.arm,
                "models": [row.flat() for row in arm.rows],
                "differences": [difference_plain(row) for row in arm.pairs],
                "stability": {model: one.as_plain() for model, one in arm.stable.items()},
            }
            for arm in found.arms
        ],
        "moves": [difference_plain(row) for row in found.moves],
    }
