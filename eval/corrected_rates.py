"""The help rates corrected for the judge's errors, beside the raw ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eval.agreement import confusion
from eval.correction import Corrected, ppi_mean, rogan_gladen_by_judge, share_covariance
from eval.intervals import Floats
from eval.label_source import FIELDS, AnswerKey, LabelSource
from eval.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE, RESPONSE_CODES, Metric
from eval.scored import ScoredAnswers

ROGAN_GLADEN, PPI = "rogan_gladen", "ppi++"
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

    ``human`` labels a sample of what ``judge``, the judge of ``answers``, labels whole. The
    study drew its samples with so many of each of the judge's labels, so both methods count
    each labelled answer by how rare its label is. Rogan-Gladen uses the whole sample,
    whatever model answered, and assumes that the judge errs alike on all; PPI++ uses only
    the labelled answers of these models.
    """
    keys = sorted(set(judge.labels) & set(human.labels))
    sample = confusion(
        [human.labels[key].response_type for key in keys], [judge.labels[key].response_type for key in keys], _LABELS
    )
    everywhere = np.bincount(
        [_LABELS.index(one.response_type) for one in judge.labels.values()], minlength=len(_LABELS)
    )
    base = everywhere / everywhere.sum()
    found = []
    sides: dict[bool, tuple[Floats, Floats]] = {}
    for metric in (HELP_RATE, CONTROL_HELP_RATE):
        shares, covariance = share_covariance(_counts(answers, bool(metric.defeated)))
        sides[bool(metric.defeated)] = shares, covariance
        found.append(
            _row(metric, ROGAN_GLADEN, shares[_HELPS], rogan_gladen_by_judge(sample, base, shares, covariance), human)
        )
    apart = sides[True][0] - sides[False][0]
    gap = rogan_gladen_by_judge(sample, base, apart, sides[True][1] + sides[False][1])
    found.append(_row(DISCRIMINATION, ROGAN_GLADEN, apart[_HELPS], gap, human))
    for metric in (HELP_RATE, CONTROL_HELP_RATE):
        raw = sides[bool(metric.defeated)][0][_HELPS]
        found.append(_row(metric, PPI, raw, _ppi(answers, human, bool(metric.defeated)), human))
    return found


def _counts(answers: Sequence[ScoredAnswers], defeated: bool) -> Floats:
    """Labels by cell, pooled over models: (cells, labels)."""
    counts = np.zeros((len(answers[0].cases.cells), len(RESPONSE_CODES)))
    for one in answers:
        rows = one.scored & (one.cases.defeated == defeated)
        np.add.at(counts, (one.cases.cell[rows], one.response_type[rows].astype(np.int64)), 1)
    return counts


def _ppi(answers: Sequence[ScoredAnswers], human: LabelSource, defeated: bool) -> Corrected:
    """Whether answers help, by the humans where they labelled and by the judge everywhere."""
    truth, labelled, others = [], [], []
    for one in answers:
        for row in np.flatnonzero(one.scored & (one.cases.defeated == defeated)):
            key = AnswerKey(one.model, one.cases.ids[row])
            if key in human.labels:
                truth.append(human.labels[key].response_type == _LABELS[_HELPS])
                labelled.append(int(one.response_type[row]))
            else:
                others.append(int(one.response_type[row]))
    codes = np.array(labelled, np.int64)
    everywhere = np.bincount(labelled + others, minlength=len(_LABELS))
    drawn = np.bincount(codes, minlength=len(_LABELS))
    weights = everywhere[codes] / drawn[codes]
    return ppi_mean(
        np.array(truth, np.float64),
        (codes == _HELPS).astype(np.float64),
        (np.array(others, np.int64) == _HELPS).astype(np.float64),
        weights,
    )


def _row(metric: Metric, method: str, raw: float, corrected: Corrected, human: LabelSource) -> CorrectedRate:
    limits = (corrected.estimate, corrected.error, corrected.low, corrected.high)
    # Rogan-Gladen gives all labels, PPI++ the one rate.
    estimate, error, low, high = (float(np.atleast_1d(value)[_HELPS]) for value in limits)
    sample = human.name, corrected.n_labelled
    return CorrectedRate(metric, method, float(raw), estimate, error, low, high, *sample, corrected.reason)
