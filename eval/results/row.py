"""The leaderboard: one row a model, ranked, with the intervals and the judge's agreement beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eval.results.build import metric_values, side_count
from eval.scores.results import JudgeAgreement, MetricValue, SideCount, number
from eval.scores.scores import CONTROL, DEFEATED, Scores, SliceScores
from eval.scores.slices import Slice
from eval.stats.metrics import METRICS, Metric
from eval.stats.ranking import rank_at

HEADLINE: Final = (
    "discrimination",
    "help_rate",
    "control_help_rate",
    "engagement_rate",
    "engaged_refusal_share",
    "pure_blind_refusal_rate",
)


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """One model on one slice: its rank (None without a value) with the interval of it, and every metric by id.

    ``ranked_as`` is the value that gave the rank; ``rank_best`` and ``rank_worst`` are those that it would have if
    its unscored answers had all gone for it or against it.
    """

    model: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    rank_best: int | None
    rank_worst: int | None
    ranked_as: float | None
    ranked_by: str
    judge: str
    rubric: str
    defeated: SideCount
    control: SideCount
    metrics: dict[str, MetricValue]
    judge_agreement: tuple[JudgeAgreement, ...] = ()

    @property
    def rank_depends_on_unscored(self) -> bool:
        """Whether its unscored answers could change its rank."""
        return self.rank_best != self.rank_worst

    def flat(self) -> dict[str, Any]:
        """The row as one level of columns, for CSV and tables: rates are shares."""
        row: dict[str, Any] = {
            "model": self.model,
            "rank": self.rank,
            "rank_low": self.rank_low,
            "rank_high": self.rank_high,
            "rank_best": self.rank_best,
            "rank_worst": self.rank_worst,
            "rank_depends_on_unscored": self.rank_depends_on_unscored,
            "ranked_as": self.ranked_as,
            "ranked_by": self.ranked_by,
            "judge": self.judge,
            "rubric": self.rubric,
        }
        for side, count in (("defeated", self.defeated), ("control", self.control)):
            row |= {f"{side}_cases": count.cases, f"{side}_scored": count.scored}
            row[f"{side}_unscored"] = sum(count.unscored.values())
        for name, value in self.metrics.items():
            row[name] = value.estimate
            for field in ("low", "high", "standard_error", "method", "lower_bound", "upper_bound"):
                row[f"{name}_{field}"] = getattr(value, field)
        for found in self.judge_agreement:
            row[f"judge_kappa_{found.field}_{found.against}"] = found.kappa
        return row


def leaderboard(
    scores: Scores,
    part: Slice | None = None,
    judge_agreement: Sequence[JudgeAgreement] = (),
    *,
    ranked: SliceScores | None = None,
) -> list[LeaderboardRow]:
    """The rows of one slice (default: overall), best first; models without a value last, by name.

    ``ranked`` holds the scores of the same models that give the ranks, where these are not the ones shown.
    Raises KeyError for a slice that was not scored.
    """
    found = scores.overall if part is None else scores.parts[part]
    ranked = ranked or found
    ranks, place = ranked.ranks, METRICS.index(found.ranked_by)
    values, better = ranked.estimate[place], found.ranked_by.better
    low, high = found.lower_bound[place], found.upper_bound[place]
    best, worst = (rank_at(values, ends, better) for ends in ((high, low) if better >= 0 else (low, high)))
    metrics = metric_values(found)
    order = np.lexsort((np.arange(len(scores.models)), np.where(ranks.rank > 0, ranks.rank, np.iinfo(int).max)))
    return [
        LeaderboardRow(
            model=scores.models[model],
            rank=_rank(ranks.rank[model]),
            rank_low=_rank(ranks.low[model]),
            rank_high=_rank(ranks.high[model]),
            rank_best=_rank(min(best[model], ranks.rank[model])),
            rank_worst=_rank(ranks.rank[model] and max(worst[model], ranks.rank[model])),
            ranked_as=number(values[model]),
            ranked_by=found.ranked_by.id,
            judge=scores.judge,
            rubric=scores.rubric,
            defeated=side_count(found, DEFEATED, model),
            control=side_count(found, CONTROL, model),
            metrics=metrics[model],
            judge_agreement=tuple(judge_agreement),
        )
        for model in order.tolist()
    ]


def headline() -> tuple[Metric, ...]:
    """The metrics that a leaderboard shows, in order."""
    return tuple(metric for name in HEADLINE for metric in METRICS if metric.id == name)


def _rank(value: Any) -> int | None:
    return int(value) or None
