"""The scores of one model in a sentence or two: what people want to know first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataset_builder.errors import InputError
from eval.judging.registry import HELD_OUT_OF
from eval.results.beside import models_beside, own_name
from eval.results.row import LeaderboardRow, leaderboard
from eval.scores.results import MetricValue
from eval.scores.scores import compute_scores
from eval.stats.bootstrap import RESAMPLES, SEED
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE

if TYPE_CHECKING:
    from eval.results.answer_set import AnswerSet


def summary(row: LeaderboardRow, beside: Sequence[LeaderboardRow] = ()) -> str:
    """One model in plain words; with ``beside``, ranked rows that it is one of, also where it stands among them."""
    name = own_name(row.model)
    defeated, control, both = (row.metrics[one.id] for one in (HELP_RATE, CONTROL_HELP_RATE, DISCRIMINATION))
    if defeated.estimate is None and control.estimate is None:
        return f"{name}: no answer is scored."
    if both.estimate is None:
        one, what = (control, "do not deserve it") if defeated.estimate is None else (defeated, "deserve it")
        other = "deserves help" if defeated.estimate is None else "does not"
        return (
            f"{name} helps with {_whole(one.estimate)} % of requests that {what}{_range(one)}; "
            f"there is no scored answer to one that {other}, so no discrimination."
        )
    told = (
        f"{name} helps with {_whole(defeated.estimate)} % of requests that deserve it and "
        f"{_whole(control.estimate)} % that do not: discrimination {_whole(both.estimate)}{_range(both)}"
    )
    return f"{told}{_standing(row.model, beside)}."


def rows_beside(
    found: AnswerSet,
    models: Sequence[str] | None = None,
    *,
    sampled: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[LeaderboardRow]:
    """A run's model ranked with the dataset's models (``models``, or all) by the same judge, on the run's cases.

    A model of the dataset is left out where the run holds its answers. Empty for anything but a run, and unless
    ``sampled`` for a run of some of the cases. Raises InputError as ``models_beside``.
    """
    run = found.run
    if run is None or (not sampled and len(run.settings.case_ids) < len(found.dataset.built.cases())):
        return []
    (mine,) = found.answers
    left_out = (own_name(run.settings.model), mine.model)
    others = [one for one in models_beside(found.dataset.built, mine, models) if one.model not in left_out]
    if not others:
        return []
    place = others[0].cases.index
    rows = np.array(sorted(place[case_id] for case_id in mine.cases.ids), np.int64)
    cases = others[0].cases.subset(rows)
    here = mine.cases.index
    ordered = mine.subset(np.array([here[case_id] for case_id in cases.ids], np.int64), cases)
    ranked = [*(one.subset(rows, cases) for one in others), ordered]
    return leaderboard(compute_scores(ranked, by=(), resamples=resamples, seed=seed))


def summary_of(found: AnswerSet, row: LeaderboardRow, *, resamples: int = RESAMPLES, seed: int = SEED) -> str:
    """The ``summary`` of a run's row, with where it stands if its judge judged the dataset's models too."""
    try:
        beside = rows_beside(found, resamples=resamples, seed=seed)
    except InputError:
        beside = []
    return summary(row, beside)


def _standing(model: str, rows: Sequence[LeaderboardRow]) -> str:
    """Who is near it, and its rank."""
    ranked = [row for row in rows if row.rank is not None]
    at = next((place for place, row in enumerate(ranked) if row.model == model), None)
    if at is None or len(ranked) < 2:
        return ""
    near = [row.model for row in (*ranked[max(0, at - 1) : at], *ranked[at + 1 : at + 2])]
    row = ranked[at]
    low, high = row.rank_low or row.rank, row.rank_high or row.rank
    rank = f"rank {low}" if low == high else f"rank {low} to {high}"
    # Of the dataset's models a trained judge's own verdicts are never shown: it learned from these answers.
    unseen = ", for the others with weights that had not seen them" if row.judge in HELD_OUT_OF else ""
    where = "stands" if len(near) == 1 else "stand"
    return f", about where {' and '.join(near)} {where}; {rank} of {len(ranked)} by the same judge{unseen}"


def _range(value: MetricValue) -> str:
    return "" if value.low is None or value.high is None else f" ({_whole(value.low)} to {_whole(value.high)})"


def _whole(value: float | None) -> str:
    """A share in whole percent; one that is not 0 is never shown as 0."""
    if value is None:
        return "–"
    rounded = round(100 * value)
    return f"{100 * value:.1f}" if not rounded and abs(value) >= 0.0005 else str(rounded)
