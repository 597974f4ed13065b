"""The help rates corrected for the judge's errors, beside the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eval.scores.answers import ScoredAnswers
from eval.scores.labels import FIELDS, AnswerKey, LabelSource
from eval.stats.agreement import confusion
from eval.stats.correction import (
    MIN_LABELLED,
    Corrected,
    difference,
    never_certain,
    not_enough,
    ppi_mean,
    rogan_gladen_by_judge,
    share_covariance,
)
from eval.stats.intervals import Floats
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE, RESPONSE_CODES, Metric

ROGAN_GLADEN, PPI = "rogan_gladen", "ppi++"
METHOD_TITLES = {ROGAN_GLADEN: "Rogan-Gladen", PPI: "PPI++"}
_LABELS: Final = FIELDS["response_type"]
_HELPS: Final = 0


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """A corrected rate with its raw value and the sample that it rests on; NaN with a ``reason``."""

    metric: Metric
    method: str
    raw: float
    estimate: float
    error: float
    low: float
    high: float
    # Whose labels, and on how many answers.
    against: str
    n_labelled: int
    reason: str | None = None


def corrected_rates(answers: Sequence[ScoredAnswers], judge: LabelSource, human: LabelSource) -> list[CorrectedRate]:
    """Help on both sides and discrimination, over the answers of one model or of several pooled.

    ``human`` labels a sample of what ``judge``, the judge of ``answers``, labels whole. Each side is
    corrected by its own labels, as a judge may err otherwise on controls; discrimination is the
    difference of the two. The study drew its samples with so many of each of the judge's labels, so
    both methods count each labelled answer by how rare its label is. Rogan-Gladen uses all labels of
    a side, whatever model answered, and assumes that the judge errs alike on all models; PPI++ uses
    only those on answers of these models, its errors clustered by cell.
    """
    found = []
    for method, correct in ((ROGAN_GLADEN, _rogan_gladen), (PPI, _ppi)):
        raw = {side: share_covariance(_counts(answers, side))[0][_HELPS] for side in (True, False)}
        rates = {side: correct(answers, judge, human, side) for side in (True, False)}
        found.append(_row(HELP_RATE, method, raw[True], rates[True], human))
        found.append(_row(CONTROL_HELP_RATE, method, raw[False], rates[False], human))
        found.append(_row(DISCRIMINATION, method, raw[True] - raw[False], difference(rates[True], rates[False]), human))
    return found


def _rogan_gladen(
    answers: Sequence[ScoredAnswers], judge: LabelSource, human: LabelSource, defeated: bool
) -> Corrected:
    """The shares of all labels on one side."""
    cases = answers[0].cases
    side = frozenset(case_id for case_id, on in zip(cases.ids, cases.defeated, strict=True) if on == defeated)
    n, sample, everywhere = _on_a_side(judge, human, side)
    if n < MIN_LABELLED:
        return not_enough(n, len(_LABELS))
    counts = _counts(answers, defeated)
    found = rogan_gladen_by_judge(sample, everywhere / everywhere.sum(), *share_covariance(counts))
    return never_certain(found, counts)


# The same for every model whose rates are corrected.
@lru_cache(maxsize=4)
def _on_a_side(
    judge: LabelSource, human: LabelSource, side: frozenset[str]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """How many answers both labelled, what each said of those, and how often the judge gave each label at all."""
    keys = sorted(key for key in judge.labels.keys() & human.labels.keys() if key.case_id in side)
    sample = confusion(
        [human.labels[key].response_type for key in keys], [judge.labels[key].response_type for key in keys], _LABELS
    )
    everywhere = np.bincount(
        [_LABELS.index(one.response_type) for key, one in judge.labels.items() if key.case_id in side],
        minlength=len(_LABELS),
    )
    return len(keys), sample, everywhere


def _counts(answers: Sequence[ScoredAnswers], defeated: bool) -> Floats:
    """Labels by cell, pooled over models: (cells, labels)."""
    counts = np.zeros((len(answers[0].cases.cells), len(RESPONSE_CODES)))
    for one in answers:
        rows = one.scored & (one.cases.defeated == defeated)
        np.add.at(counts, (one.cases.cell[rows], one.response_type[rows].astype(np.int64)), 1)
    return counts


def _ppi(answers: Sequence[ScoredAnswers], judge: LabelSource, human: LabelSource, defeated: bool) -> Corrected:
    """Whether answers help, by the humans where they labelled and by the judge everywhere."""
    truth: list[bool] = []
    known: list[int] = []
    everyone: list[int] = []
    cells: list[int] = []
    for one in answers:
        for row in np.flatnonzero(one.scored & (one.cases.defeated == defeated)):
            key = AnswerKey(one.model, one.cases.ids[row])
            if key in human.labels:
                truth.append(human.labels[key].response_type == _LABELS[_HELPS])
                known.append(len(everyone))
            everyone.append(int(one.response_type[row]))
            cells.append(int(one.cases.cell[row]))
    codes, cell, at = np.array(everyone, np.int64), np.array(cells, np.int64), np.array(known, np.int64)
    everywhere, drawn = (np.bincount(some, minlength=len(_LABELS)) for some in (codes, codes[at]))
    helps = (codes == _HELPS).astype(np.float64)
    # The weighted labels stand for all answers, so all of them are "the others": without the labelled ones these
    # would have other shares of the judge's labels, as so many of each were drawn.
    weights = everywhere[codes[at]] / drawn[codes[at]]
    return ppi_mean(np.array(truth, np.float64), helps[at], helps, weights, cells=(cell[at], cell))


def _row(metric: Metric, method: str, raw: float, corrected: Corrected, human: LabelSource) -> CorrectedRate:
    limits = (corrected.estimate, corrected.error, corrected.low, corrected.high)
    # Rogan-Gladen gives all labels, PPI++ the one rate.
    estimate, error, low, high = (float(np.atleast_1d(value)[_HELPS]) for value in limits)
    sample = human.name, corrected.n_labelled
    return CorrectedRate(metric, method, float(raw), estimate, error, low, high, *sample, corrected.reason)
