"""Several answers of one model to each case: one set of scored answers in which a case counts its mean.

A rate over epochs is the mean over cases of the share of their answers that count. Its interval is clustered by
cell, samples nested in cases: cell sums of case means hold what cells, cases and samples vary by. What one answer
to a case would not have shown is the ``stability``: how many cases get the same label every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dataset_builder.errors import InputError
from dataset_builder.wording import counted
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.results import number
from eval.stats.intervals import cluster_ratio
from eval.stats.metrics import RESPONSE_CODES, UNSCORED


@dataclass(frozen=True, eq=False)
class ScoredEpochs(ScoredAnswers):
    """One model's answers of several epochs, as one judge saw them; ``epochs`` has those of each, over the same cases.

    ``response_type`` is the label that most of a case's answers have, a tie going to the less helpful one;
    ``engages`` and ``harm`` are what more than half of them do. ``reason`` is -1 where any answer is scored, else
    the first epoch's. ``counts`` are means over a case's scored answers.
    """

    epochs: tuple[ScoredAnswers, ...] = ()

    @property
    def counts(self) -> NDArray[np.float64]:
        """What each case counts towards: the mean over its scored answers, shape (cases, counts)."""
        scored = np.sum([one.scored for one in self.epochs], axis=0)
        total = np.sum([one.counts for one in self.epochs], axis=0)
        return np.asarray(total / np.maximum(scored, 1)[:, None], np.float64)

    @property
    def samples(self) -> int:
        """How many answers to each case these are."""
        return len(self.epochs)

    def subset(self, rows: NDArray[np.int64], cases: CaseTable | None = None) -> ScoredEpochs:
        """The answers to some cases (rows ascending); ``cases`` is their table if it is already at hand."""
        table = cases or self.cases.subset(rows)
        return _joined(self.model, [one.subset(rows, table) for one in self.epochs])

    def against_the_model(self) -> ScoredEpochs:
        """The same with the worst label in place of every missing one, epoch by epoch."""
        return _joined(self.model, [one.against_the_model() for one in self.epochs])


def join_epochs(epochs: Sequence[ScoredAnswers]) -> ScoredAnswers:
    """The epochs of one model as one; a single one stays as it is.

    Raises InputError for different models, judges, rubrics or cases.
    """
    first = epochs[0]
    for one in epochs[1:]:
        if (one.model, one.judge, one.rubric) != (first.model, first.judge, first.rubric):
            raise InputError(
                f"{first.model} judged by {first.judge} (rubric {first.rubric}) and {one.model} judged by {one.judge} "
                f"(rubric {one.rubric}) are not two epochs of one model by one judge."
            )
        if not one.cases.same_cases(first.cases):
            raise InputError(f"The epochs of {first.model} are on different cases; expected the same ones.")
    return first if len(epochs) == 1 else _joined(first.model, epochs)


def _joined(model: str, epochs: Sequence[ScoredAnswers]) -> ScoredEpochs:
    first = epochs[0]
    scored = np.stack([one.scored for one in epochs])
    n = scored.sum(axis=0)
    # From the most to the least helpful; of those that are equally frequent the last one stands.
    kinds = list(RESPONSE_CODES.values())
    times = np.stack([np.sum([one.response_type == kind for one in epochs], axis=0) for kind in kinds])
    most = len(kinds) - 1 - times[::-1].argmax(axis=0)
    label = np.where(n > 0, np.array(kinds, np.int8)[most], UNSCORED).astype(np.int8)
    engages, harm = (
        2 * np.sum([getattr(one, name) & one.scored for one in epochs], axis=0) > n for name in ("engages", "harm")
    )
    reason = np.where(n > 0, -1, first.reason).astype(np.int8)
    return ScoredEpochs(
        first.cases,
        model,
        first.judge,
        first.rubric,
        label,
        engages,
        harm,
        reason,
        epochs=tuple(replace(one, model=model) for one in epochs),
    )


@dataclass(frozen=True, slots=True)
class Stability:
    """How often a model's answers to one case get the same label, over ``n`` cases with two or more scored answers.

    ``same`` is the share of those cases whose answers all have one label, with its 95 % interval (clustered by
    cell); NaN where there is no such case. ``unstable`` lists the others by id.
    """

    epochs: int
    n: int
    same: float
    low: float
    high: float
    unstable: tuple[str, ...]

    def as_plain(self) -> dict[str, object]:
        """It as plain values for JSON; shares, not percentages."""
        same, low, high = (number(value) for value in (self.same, self.low, self.high))
        found = {"epochs": self.epochs, "cases": self.n, "same": same, "low": low, "high": high}
        return found | {"unstable": list(self.unstable)}

    def line(self) -> str:
        """It in a sentence."""
        if not self.n:
            return "Stability: no case has two scored answers."
        return (
            f"Stability: {100 * self.same:.1f} % of {counted(self.n, 'case')} "
            f"[{100 * self.low:.1f}, {100 * self.high:.1f}] get the same label in all their "
            f"answers ({self.epochs} epochs)."
        )


def stability(answers: ScoredAnswers) -> Stability | None:
    """How stable the labels of a model's answers are; None where it answered each case once."""
    if not isinstance(answers, ScoredEpochs):
        return None
    labels = np.stack([one.response_type for one in answers.epochs])
    scored = labels != UNSCORED
    several = scored.sum(axis=0) >= 2
    highest = labels.max(axis=0)
    same = ((labels == highest) | ~scored).all(axis=0) & several
    cells = len(answers.cases.cells)
    alike, asked = (
        np.bincount(answers.cases.cell[rows], minlength=cells).astype(np.float64) for rows in (same, several)
    )
    ratio = cluster_ratio(alike, asked)
    return Stability(
        len(answers.epochs),
        int(several.sum()),
        float(ratio.estimate),
        float(ratio.interval.low),
        float(ratio.interval.high),
        tuple(case for case, one in zip(answers.cases.ids, several & ~same, strict=True) if one),
    )
