"""Two models on the cases that both were scored on: paired differences and where they part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

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


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A metric of model ``a`` minus that of model ``b`` on ``n`` shared cases.

    ``error`` is clustered by cell, or by case (``method`` "cases") where there are too few
    cells. ``p_value`` tests that there is no difference; ``p_holm`` and ``p_bh`` are
    corrected over all tests made together. NaN without data, with the ``reason``.
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


@dataclass(frozen=True, slots=True)
class _Side:
    """A paired difference of one ratio."""

    a: float
    b: float
    error: float
    freedom: float
    clusters: int
    by_cell: bool


def _difference(
    a: ScoredAnswers, b: ScoredAnswers, part: Slice, rows: NDArray[np.int64], metric: Metric
) -> PairedDifference:
    defeated = a.cases.defeated[rows]
    if metric is DISCRIMINATION:
        sides = [_side(a, b, rows[defeated], HELP_RATE), _side(a, b, rows[~defeated], CONTROL_HELP_RATE)]
        n = len(rows)
    else:
        members = rows[defeated == metric.defeated]
        sides, n = [_side(a, b, members, metric)], len(members)
    signs = (1, -1)[: len(sides)]
    value_a = sum(sign * side.a for sign, side in zip(signs, sides, strict=True))
    value_b = sum(sign * side.b for sign, side in zip(signs, sides, strict=True))
    difference = value_a - value_b
    error = float(np.sqrt(sum(side.error**2 for side in sides)))
    parts = sum(side.error**4 / side.freedom for side in sides if side.error)
    freedom = error**4 / parts if parts else min(side.freedom for side in sides)
    half = float(t_quantile(freedom)) * error
    reason = None
    if np.isnan(difference):
        p_value, reason = float("nan"), "no defeated cases, no control cases, or no refusals, scored for both"
    elif error:
        p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
    else:
        # All cells differ alike, most often not at all: a sign test on the answers that differ.
        p_value = min(1.0, 2 * 0.5 ** round(abs(difference) * n))
        half = float(wilson(np.zeros(()), np.asarray(float(n))).high)
    return PairedDifference(
        a.model,
        b.model,
        part,
        metric,
        n,
        value_a,
        value_b,
        difference,
        error,
        max(-2.0 if metric is DISCRIMINATION else -1.0, difference - half),
        min(2.0 if metric is DISCRIMINATION else 1.0, difference + half),
        min(side.clusters for side in sides),
        "none" if reason else "clustered" if all(side.by_cell for side in sides) else "cases",
        p_value,
        reason=reason,
    )


def _side(a: ScoredAnswers, b: ScoredAnswers, rows: NDArray[np.int64], metric: Metric) -> _Side:
    """One ratio for two models, clustered by cell, or by case where the cells are too few."""
    cells, cell = np.unique(a.cases.cell[rows], return_inverse=True)
    by_cell = len(cells) >= MIN_CLUSTERS
    groups, n = (cell, len(cells)) if by_cell else (np.arange(len(rows)), len(rows))
    numerators: list[Floats] = []
    denominators: list[Floats] = []
    values = []
    for one in (a, b):
        counts = one.counts[rows]
        for terms, found in ((metric.numerator, numerators), (metric.denominator, denominators)):
            found.append(np.bincount(groups, counts @ np.array(terms, float), n).astype(np.float64))
        total = float(denominators[-1].sum())
        values.append(float(numerators[-1].sum()) / total if total else float("nan"))
    _, error = paired_error((numerators[0], numerators[1]), (denominators[0], denominators[1]))
    return _Side(values[0], values[1], float(error) if n > 1 else 0.0, max(n - 1, 1), len(cells), by_cell)
