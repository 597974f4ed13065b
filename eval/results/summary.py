"""The scores of one model in a sentence or two: what people want to know first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from dataset_builder.dataset.opened import published_models
from dataset_builder.errors import InputError
from eval.judging.registry import EMBEDDED
from eval.results.row import LeaderboardRow, leaderboard
from eval.runs.published import PREFIX, is_published
from eval.runs.verdict import PUBLISHED
from eval.scores.answers import ScoredAnswers
from eval.scores.read import heldout_answers, published_answers
from eval.scores.results import MetricValue
from eval.scores.scores import compute_scores
from eval.stats.bootstrap import RESAMPLES, SEED
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE

if TYPE_CHECKING:
    from eval.results.answer_set import AnswerSet

_HELDOUT: Final = "heldout"


def summary(row: LeaderboardRow, beside: Sequence[LeaderboardRow] = ()) -> str:
    """One model in plain words; with ``beside``, ranked rows that it is one of, also where it stands among them."""
    name = row.model.removeprefix(PREFIX)
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


def rows_beside(found: AnswerSet, *, resamples: int = RESAMPLES, seed: int = SEED) -> list[LeaderboardRow]:
    """A run's model ranked with the dataset's models by the same judge; empty where that judge judged no others.

    The run has to have answers to all of the dataset's cases. A model of the dataset is left out where the run
    holds its answers.
    """
    if found.run is None or len(found.run.settings.case_ids) < len(found.dataset.built.cases()):
        return []
    (mine,) = found.answers
    settings = found.run.settings
    own = settings.model.removeprefix(PREFIX) if is_published(settings.model) else settings.model
    others = [one for one in _others(found, mine) if one.model not in (own, mine.model)]
    if not others:
        return []
    # The same cases in the order of the others.
    place = mine.cases.index
    ordered = mine.subset(np.array([place[case_id] for case_id in others[0].cases.ids], np.int64))
    return leaderboard(compute_scores([*others, ordered], by=(), resamples=resamples, seed=seed))


def _others(found: AnswerSet, mine: ScoredAnswers) -> list[ScoredAnswers]:
    """The dataset's models by the judge of a run, under its very rubric."""
    built = found.dataset.built
    if not published_models(built):
        return []
    try:
        if mine.judge == _HELDOUT:
            others = heldout_answers(built)
        elif mine.judge == EMBEDDED and not is_published(str(found.run and found.run.settings.model)):
            # Its own verdicts on the dataset's models are on answers that it learned from.
            others = [replace(one, rubric=mine.rubric) for one in heldout_answers(built)]
        elif mine.rubric == PUBLISHED:
            others = published_answers(built)
        else:
            return []
    except InputError:
        return []
    # The published verdicts have one name in a run and their judge's own in the dataset.
    same = [one for one in others if one.rubric == mine.rubric]
    return [replace(one, judge=mine.judge) for one in same]


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
    # Of the dataset's models the offline judge's own verdicts are never shown: it learned from these answers.
    unseen = ", for the others with weights that had not seen them" if row.judge == EMBEDDED else ""
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
