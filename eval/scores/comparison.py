"""Two models on the cases that both were scored on: paired differences and where they part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from dataset_builder.dataset.taxonomy import HELPS
from dataset_builder.errors import InputError
from eval.scores.answers import ScoredAnswers
from eval.scores.slices import Slice, find_slices
from eval.stats.intervals import MIN_CLUSTERS, Floats, paired_error, t_quantile, wilson
from eval.stats.metrics import (
    BLIND_REFUSAL_RATE,
    CONTROL_HELP_RATE,
    DISCRIMINATION,
    HELP_RATE,
    METRICS,
    RESPONSE_CODES,
    Metric,
)
from eval.stats.multiplicity import benjamini_hochberg, holm

# Metrics whose test is another one's with the sign turned: tested once, corrected once.
_SAME_TEST: Final = {BLIND_REFUSAL_RATE: HELP_RATE}
# Less than this is rounding.
_NO_ERROR: Final = 1e-12


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A metric of model ``a`` minus that of model ``b`` on ``n`` shared cases.

    ``error`` is clustered by cell, or by case (``method`` "cases") where there are too few
    cells, and never under the error by case. ``p_value`` tests that there is no difference;
    ``p_holm`` and ``p_bh`` are corrected over all tests made together. NaN without data,
    with the ``reason``.
    """

    a: str
    b: str
    part: Slice
    metric: Metric
    n: int
    estimate_a: float
    estimate_b: float
    difference: float
    error: float
    low: float
    high: float
    clusters: int
    method: str
    p_value: float
    p_holm: float = float("nan")
    p_bh: float = float("nan")
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models: the differences, and the cases where one helps and the other does not, by id."""

    a: str
    b: str
    judge: str
    n_shared: int
    n_unshared: int
    differences: tuple[PairedDifference, ...]
    only_a_helps: tuple[str, ...]
    only_b_helps: tuple[str, ...]


def compare(a: ScoredAnswers, b: ScoredAnswers, *, by: Sequence[str] = ("family",)) -> Comparison:
    """Compare two models by one judge, overall and on the slices of each name in ``by``.

    Raises InputError for different judges or rubrics, or where no case is scored for both.
    """
    one, two = shared_answers(a, b)
    slices, rows = find_slices(one.cases, by)
    found = [
        _difference(one, two, part, members, metric)
        for part, members in zip(slices, rows, strict=True)
        if not part.without_dual_use
        for metric in METRICS
    ]
    helps_a, helps_b = (x.response_type == RESPONSE_CODES[HELPS] for x in (one, two))
    ids = np.array(one.cases.ids)
    every = len(set(a.cases.ids) | set(b.cases.ids))
    return Comparison(
        a.model,
        b.model,
        a.judge,
        len(ids),
        every - len(ids),
        corrected(found),
        tuple(ids[helps_a & ~helps_b].tolist()),
        tuple(ids[helps_b & ~helps_a].tolist()),
    )


def compare_pairs(answers: Sequence[ScoredAnswers], metric: Metric = DISCRIMINATION) -> tuple[PairedDifference, ...]:
    """One metric between every two of several models, on all cases, corrected over all the pairs.

    Raises InputError for a model that is named twice, or as ``compare``.
    """
    twice = [model for model, times in Counter(one.model for one in answers).items() if times > 1]
    if twice:
        raise InputError(f"Model {', '.join(sorted(twice))} is named more than once.")
    found = []
    for a, b in combinations(sorted(answers, key=lambda one: one.model), 2):
        one, two = shared_answers(a, b)
        (overall, *_), (rows, *_) = find_slices(one.cases, ())
        found.append(_difference(one, two, overall, rows, metric))
    return corrected(found)


def shared_answers(a: ScoredAnswers, b: ScoredAnswers) -> tuple[ScoredAnswers, ScoredAnswers]:
    """Both models' answers to the cases on which both are scored; raises InputError as ``compare``."""
    if (a.judge, a.rubric) != (b.judge, b.rubric):
        raise InputError(
            f"{a.model} was judged by {a.judge} (rubric {a.rubric}), {b.model} by {b.judge} (rubric {b.rubric}). "
            "A difference between them would mix judges with models: judge both by one, and name it with --judge."
        )
    index = b.cases.index
    pairs = [
        (row, index[case_id])
        for row, case_id in enumerate(a.cases.ids)
        if case_id in index and a.scored[row] and b.scored[index[case_id]]
    ]
    if not pairs:
        raise InputError(f"There is no case on which both {a.model} and {b.model} are scored, so nothing to compare.")
    rows_a, rows_b = np.array(pairs).T
    one, two = a.subset(rows_a), b.subset(rows_b)
    if not one.cases.same_cases(two.cases):
        raise InputError(f"{a.model} and {b.model} share case ids that stand in other cells: two different datasets.")
    return one, two


def corrected(found: Sequence[PairedDifference]) -> tuple[PairedDifference, ...]:
    """The differences with p-values corrected over all of them; the same test counts once."""
    tested = {(d.a, d.b, d.part, d.metric): d.p_value for d in found if d.metric not in _SAME_TEST}
    p = list(tested.values())
    both = dict(zip(tested, zip(holm(p).tolist(), benjamini_hochberg(p).tolist(), strict=True), strict=True))
    done = []
    for d in found:
        p_holm, p_bh = both.get((d.a, d.b, d.part, _SAME_TEST.get(d.metric, d.metric)), (float("nan"),) * 2)
        done.append(replace(d, p_holm=p_holm, p_bh=p_bh))
    return tuple(done)


class _Spread(NamedTuple):
    """A standard error with its degrees of freedom."""

    error: float
    freedom: float


@dataclass(frozen=True, slots=True)
class _Side:
    """A paired difference of one ratio on ``n`` cases; ``alike`` where no case differs from the others in it."""

    a: float
    b: float
    n: int
    clusters: int
    by_cell: _Spread | None
    by_case: _Spread
    alike: bool

    @property
    def clustered(self) -> _Spread:
        """By cell, or by case where the cells are too few."""
        return self.by_cell or self.by_case

    @property
    def larger(self) -> _Spread:
        """By case where cells agree, by chance, more than independent cases do."""
        return max(self.clustered, self.by_case)


def _difference(
    a: ScoredAnswers, b: ScoredAnswers, part: Slice, rows: NDArray[np.int64], metric: Metric
) -> PairedDifference:
    defeated = a.cases.defeated[rows]
    if metric is DISCRIMINATION:
        sides = [_side(a, b, rows[defeated], HELP_RATE), _side(a, b, rows[~defeated], CONTROL_HELP_RATE)]
    else:
        sides = [_side(a, b, rows[defeated == metric.defeated], metric)]
    n, signs = sum(side.n for side in sides), (1, -1)[: len(sides)]
    value_a = sum(sign * side.a for sign, side in zip(signs, sides, strict=True))
    value_b = sum(sign * side.b for sign, side in zip(signs, sides, strict=True))
    difference = value_a - value_b
    # Read by cell and with the larger of both errors; the more careful of the two readings stands.
    readings = [_welch([side.larger for side in sides]), _welch([side.clustered for side in sides])]
    half = max(float(t_quantile(one.freedom)) * one.error for one in readings)
    reason = None
    if np.isnan(difference):
        p_value, reason = float("nan"), "no defeated cases, no control cases, or no refusals, scored for both"
    elif all(side.alike for side in sides):
        # All cases differ alike, most often not at all: a sign test on the answers that differ.
        p_value = min(1.0, 2 * 0.5 ** round(abs(difference) * n))
    else:
        p_value = max(_two_sided(difference / one.error, one.freedom) for one in readings if one.error)
    most = float(len(sides))
    return PairedDifference(
        a.model,
        b.model,
        part,
        metric,
        n,
        value_a,
        value_b,
        difference,
        readings[0].error,
        float(np.clip(difference - half, -most, most)),
        float(np.clip(difference + half, -most, most)),
        min(side.clusters for side in sides),
        "none" if reason else "clustered" if all(side.by_cell for side in sides) else "cases",
        p_value,
        reason=reason,
    )


def _two_sided(statistic: float, freedom: float) -> float:
    """Student's t test."""
    # What scipy.stats.t.sf calls in the end: scipy.stats takes most of a second to import.
    return float(2 * special.stdtr(freedom, -abs(statistic))) if freedom > 0 else float("nan")


def _welch(parts: Sequence[_Spread]) -> _Spread:
    """The error of a difference of independent parts (degrees of freedom: Welch 1947, Biometrika 34:28)."""
    error = float(np.sqrt(sum(one.error**2 for one in parts)))
    shares = sum(one.error**4 / one.freedom for one in parts if one.error)
    return _Spread(error, error**4 / shares if shares else min(one.freedom for one in parts))


def _side(a: ScoredAnswers, b: ScoredAnswers, rows: NDArray[np.int64], metric: Metric) -> _Side:
    """One ratio for two models, clustered by cell where there are enough, and by case."""
    cells, cell = np.unique(a.cases.cell[rows], return_inverse=True)
    n = len(rows)
    numerators, denominators = (
        tuple(one.counts[rows] @ np.array(terms, np.float64) for one in (a, b))
        for terms in (metric.numerator, metric.denominator)
    )
    totals = [float(of.sum()) for of in denominators]
    values = [float(of.sum()) / total if total else float("nan") for of, total in zip(numerators, totals, strict=True)]
    by_case = _clustered(numerators, denominators, np.arange(n), n)
    alike = by_case.error < _NO_ERROR
    if alike:
        # Nothing differs, yet something might have: Wilson's limit for 0 of these cases.
        limit = float(wilson(np.zeros(()), np.asarray(float(n))).high)
        by_case = _Spread(limit / float(t_quantile(by_case.freedom)), by_case.freedom)
    by_cell = _clustered(numerators, denominators, cell, len(cells)) if len(cells) >= MIN_CLUSTERS else None
    return _Side(values[0], values[1], n, len(cells), by_cell, by_case, alike)


def _clustered(
    numerators: tuple[Floats, ...], denominators: tuple[Floats, ...], group: NDArray[np.int64], n: int
) -> _Spread:
    """The error of the paired difference over ``n`` groups; arrays of shape (cases,), one a model."""
    top, bottom = (
        [np.bincount(group, counts, n).astype(np.float64) for counts in both] for both in (numerators, denominators)
    )
    _, error = paired_error((top[0], top[1]), (bottom[0], bottom[1]))
    return _Spread(float(error) if n > 1 else 0.0, float(max(n - 1, 1)))
