"""Every metric of every model on every slice, with its intervals, in one pass.

All is computed from counts by cell: a rate is a sum of counts over a sum of counts, its
clustered error comes from the cells' residuals, and its bootstrap from one product with the
matrix of resample weights that all models share.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from dataset_builder.wording import counted
from eval.scores.answers import REASON_CODES, ScoredAnswers, check_comparable
from eval.scores.cases import CaseTable
from eval.scores.slices import Slice, find_slices
from eval.stats.bootstrap import RESAMPLES, SEED, cell_weights, percentile_limits, resample_ratios, stretched, tail
from eval.stats.intervals import (
    MIN_BOOTSTRAP_CLUSTERS,
    Floats,
    Interval,
    Ratio,
    Squares,
    bounds,
    cluster_ratio,
    difference,
    join,
    minimum_detectable_difference,
    pick,
    widest,
)
from eval.stats.metrics import (
    BLIND_REFUSAL_RATE,
    CONTROL_HELP_RATE,
    COUNTS,
    DENOMINATORS,
    DISCRIMINATION,
    HELP_RATE,
    METRICS,
    N_DEFEATED,
    NUMERATORS,
    RATIOS,
    Metric,
)
from eval.stats.ranking import Ranks, rank_models

DEFEATED, CONTROL = 0, 1
SIDES: Final = ("defeated", "control")
# How an interval was made. "mixed": the two sides of a difference were made differently.
METHODS: Final = ("none", "wilson", "mixed", "clustered")
_RATIOS_OF: Final = (slice(0, N_DEFEATED), slice(N_DEFEATED, None))
_BLIND, _HELP_METRIC = METRICS.index(BLIND_REFUSAL_RATE), METRICS.index(HELP_RATE)
# Which ratios of each side are resampled: the complement of the help rate has its limits mirrored.
_DRAWN: Final = tuple(
    np.array([place for place, m in enumerate(RATIOS) if m.defeated == (side == DEFEATED) and m != BLIND_REFUSAL_RATE])
    for side in (DEFEATED, CONTROL)
)
# Where the two help rates stand among the ratios of their side.
_HELP, _CONTROL_HELP = RATIOS.index(HELP_RATE), RATIOS.index(CONTROL_HELP_RATE) - N_DEFEATED
_SCORED = COUNTS.index("scored")
_METRIC_SIDES: Final = tuple(
    (DEFEATED, CONTROL) if m is DISCRIMINATION else (DEFEATED,) if m.defeated else (CONTROL,) for m in METRICS
)


@dataclass(frozen=True, eq=False)
class SliceScores:
    """All metrics of all models on one slice; arrays of shape (metrics, models) in the order of METRICS.

    Rates are shares from 0 to 1, NaN without data. ``unscored`` has shape
    (sides, models, reasons), ``n_cases`` (sides,), ``n_scored`` (sides, models).
    ``ranked_by`` is the metric that ``ranks`` (arrays of shape (models,)) orders.
    """

    n_cases: NDArray[np.int64]
    n_scored: NDArray[np.int64]
    unscored: NDArray[np.int64]
    denominator: NDArray[np.int64]
    estimate: Floats
    error: Floats
    freedom: Floats
    clusters: NDArray[np.int64]
    method: NDArray[np.int8]
    low: Floats
    high: Floats
    bootstrap_low: Floats
    bootstrap_high: Floats
    lower_bound: Floats
    upper_bound: Floats
    minimum_detectable_difference: Floats
    ranked_by: Metric
    ranks: Ranks

    def missing(self, metric: int, model: int) -> str | None:
        """Why a metric has no value for a model; None where it has one."""
        if not np.isnan(self.estimate[metric, model]):
            return None
        for side in _METRIC_SIDES[metric]:
            if not self.n_cases[side]:
                return f"no {SIDES[side]} cases in this slice"
            if not self.n_scored[side, model]:
                return f"no answer on {SIDES[side]} cases is scored, of {self.n_cases[side]}"
        return "no refusals"

    def bootstrap_missing(self, metric: int, model: int) -> str | None:
        """Why a metric has no bootstrap interval for a model; None where it has one."""
        if not np.isnan(self.bootstrap_low[metric, model]):
            return None
        why = f"{counted(self.clusters[metric, model], 'cell')} with data; a bootstrap needs {MIN_BOOTSTRAP_CLUSTERS}"
        return self.missing(metric, model) or why


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of some models, by one judge, on the same cases."""

    cases: CaseTable
    models: tuple[str, ...]
    judge: str
    rubric: str
    resamples: int
    seed: int
    parts: dict[Slice, SliceScores]

    @property
    def overall(self) -> SliceScores:
        """The scores on all cases."""
        return next(iter(self.parts.values()))


def compute_scores(
    answers: Sequence[ScoredAnswers],
    *,
    by: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    threads: int | None = None,
) -> Scores:
    """Score models on the same cases by the same judge, overall and by each name in ``by`` (default: all).

    Models and cases are sorted first, so their order decides nothing; the same seed gives
    the same numbers. Each of the ``threads`` (default: as many as processors) takes memory for all
    models. Raises InputError as ``check_comparable`` and ``find_slices`` do.
    """
    check_comparable(answers)
    answers = sorted(answers, key=lambda one: one.model)
    cases = answers[0].cases
    slices, rows = find_slices(cases, by)
    counts = np.stack([one.counts for one in answers], axis=1)
    reasons = np.stack([one.reason for one in answers], axis=1)
    by_cell = _counts_by_cell(cases, rows, counts)
    squares = _squares_by_slice(cases, rows, counts, max(one.samples for one in answers))
    weights = cell_weights(cases.defeated_cells, resamples=resamples, seed=seed)

    local = threading.local()

    def score(number: int) -> SliceScores:
        if not hasattr(local, "scratch"):
            local.scratch = [np.empty((2 * len(some) * len(answers), resamples), np.float32) for some in _DRAWN]
        members = rows[number]
        return _score_slice(
            by_cell[number], squares[number], weights, cases, cases.defeated[members], reasons[members], local.scratch
        )

    # Threads over slices, one thread within a product: at these sizes two threads inside
    # the product spend their time waiting for each other.
    with threadpool_limits(1), ThreadPoolExecutor(threads or min(os.cpu_count() or 1, 8)) as pool:
        parts = dict(zip(slices, pool.map(score, range(len(slices))), strict=True))
    models = tuple(one.model for one in answers)
    return Scores(cases, models, answers[0].judge, answers[0].rubric, resamples, seed, parts)


def _counts_by_cell(cases: CaseTable, rows: Sequence[NDArray[np.int64]], counts: Floats) -> Floats:
    """Counts (cases, models, counts) summed to (slices, cells, models, counts)."""
    n_cells = len(cases.cells)
    members = np.concatenate(rows)
    target = np.concatenate([number * n_cells + cases.cell[part] for number, part in enumerate(rows)])
    shape = (len(rows) * n_cells, len(cases))
    gather = sparse.csr_array((np.ones(len(members)), (target, members)), shape=shape)
    flat = gather @ counts.reshape(len(cases), -1)
    return np.asarray(flat).reshape(len(rows), n_cells, *counts.shape[1:])


def _squares_by_slice(
    cases: CaseTable, rows: Sequence[NDArray[np.int64]], counts: Floats, samples: int
) -> Sequence[Squares | None]:
    """How much cases vary, by slice: arrays of shape (ratios, models); None where every case was answered once.

    Of one answer the counts are 0 and 1, and the squares say nothing new.
    """
    if samples == 1:
        return [None] * len(rows)
    # (cases, models, ratios); a ratio of one side counts no case of the other.
    sides = np.stack([m.defeated == cases.defeated for m in RATIOS], axis=-1)[:, None]
    tops, bottoms = counts @ NUMERATORS.T * sides, counts @ DENOMINATORS.T * sides
    found = []
    for part in rows:
        # (models, ratios) -> (ratios, models)
        top, bottom = tops[part], bottoms[part]
        squared, product, below = (
            np.einsum("cmr,cmr->rm", one, other) for one, other in ((top, top), (top, bottom), (bottom, bottom))
        )
        found.append(Squares(squared, product, below, samples))
    return found


def _score_slice(
    by_cell: Floats,
    squares: Squares | None,
    weights: NDArray[np.float32],
    cases: CaseTable,
    defeated: NDArray[np.bool_],
    reasons: NDArray[np.int8],
    scratch: Sequence[NDArray[np.float32]],
) -> SliceScores:
    side_of_cell = (cases.defeated_cells, ~cases.defeated_cells)
    unscored = np.stack([_reason_counts(reasons[defeated == (side == DEFEATED)]) for side in (DEFEATED, CONTROL)])
    n_scored = np.stack([by_cell[cells][..., _SCORED].sum(axis=0) for cells in side_of_cell]).astype(np.int64)
    n_unscored = unscored.sum(axis=2)

    ratios: list[Ratio] = []
    ends: list[Interval] = []
    denominators: list[Floats] = []
    active: list[NDArray[np.int64]] = []
    for side, cells in enumerate(side_of_cell):
        active.append(np.flatnonzero(cells & (by_cell[..., _SCORED].sum(axis=1) > 0)))
        # (cells, models, counts) @ (counts, ratios) -> (cells, ratios, models)
        numerator = (by_cell[active[side]] @ NUMERATORS[_RATIOS_OF[side]].T).swapaxes(1, 2)
        denominator = (by_cell[active[side]] @ DENOMINATORS[_RATIOS_OF[side]].T).swapaxes(1, 2)
        ratios.append(cluster_ratio(numerator, denominator, _on_side(squares, side)))
        denominators.append(denominator.sum(axis=0))
        ends.append(bounds(numerator.sum(axis=0), denominators[side], n_unscored[side]))
    gap = difference(pick(ratios[DEFEATED], _HELP), pick(ratios[CONTROL], _CONTROL_HELP))
    all_ = join([gap, *ratios])
    gap_ends = Interval(
        ends[DEFEATED].low[_HELP] - ends[CONTROL].high[_CONTROL_HELP],
        ends[DEFEATED].high[_HELP] - ends[CONTROL].low[_CONTROL_HELP],
    )
    sides_clustered = ratios[DEFEATED].clustered[_HELP].astype(np.int8) + ratios[CONTROL].clustered[_CONTROL_HELP]
    method = np.where(all_.clustered, 3, 1)
    method[0] = 1 + sides_clustered
    has = [len(cells) > 0 for cells in active]
    ranked_by = DISCRIMINATION if all(has) else HELP_RATE if has[DEFEATED] else CONTROL_HELP_RATE
    place = METRICS.index(ranked_by)
    limits, rank_draws = _bootstrap(by_cell, weights, active, all_, place, scratch)
    return SliceScores(
        n_cases=np.array([defeated.sum(), (~defeated).sum()], np.int64),
        n_scored=n_scored,
        unscored=unscored,
        denominator=np.rint(np.vstack([n_scored.sum(axis=0), *denominators])).astype(np.int64),
        estimate=all_.estimate,
        error=all_.error,
        freedom=all_.freedom,
        clusters=all_.clusters,
        method=np.where(np.isnan(all_.estimate), 0, method).astype(np.int8),
        low=all_.interval.low,
        high=all_.interval.high,
        bootstrap_low=limits.low,
        bootstrap_high=limits.high,
        lower_bound=np.vstack([gap_ends.low, *(end.low for end in ends)]),
        upper_bound=np.vstack([gap_ends.high, *(end.high for end in ends)]),
        minimum_detectable_difference=minimum_detectable_difference(all_),
        ranked_by=ranked_by,
        ranks=rank_models(all_.estimate[place], rank_draws, ranked_by.better),
    )


def _on_side(squares: Squares | None, side: int) -> Squares | None:
    if squares is None:
        return None
    part = _RATIOS_OF[side]
    return Squares(squares.numerator[part], squares.product[part], squares.denominator[part], squares.answers)


def _reason_counts(reasons: NDArray[np.int8]) -> NDArray[np.int64]:
    """(cases, models) reason codes -> (models, reasons) counts."""
    return np.asarray((reasons[..., None] == np.arange(len(REASON_CODES))).sum(axis=0), np.int64)


def _bootstrap(
    by_cell: Floats,
    weights: NDArray[np.float32],
    active: Sequence[NDArray[np.int64]],
    ratio: Ratio,
    place: int,
    scratch: Sequence[NDArray[np.float32]],
) -> tuple[Interval, NDArray[np.float32] | None]:
    """Percentile limits of every metric, and the resampled values of the one to rank by."""
    enough = ratio.clusters >= MIN_BOOTSTRAP_CLUSTERS
    tails = np.where(enough, tail(ratio.freedom), np.nan)
    limits = Interval(np.full(tails.shape, np.nan), np.full(tails.shape, np.nan))
    draws: list[NDArray[np.float32] | None] = []
    for side, cells in enumerate(active):
        if len(cells) < MIN_BOOTSTRAP_CLUSTERS:
            draws.append(None)
            continue
        terms = NUMERATORS[_DRAWN[side]], DENOMINATORS[_DRAWN[side]]
        draws.append(resample_ratios(by_cell[cells], *terms, weights[cells], scratch[side]))
    ranking: NDArray[np.float32] | None = None
    defeated, control = draws
    if defeated is not None and control is not None:
        gap = defeated[_HELP] - control[_CONTROL_HELP]
        ranking = gap.copy() if place == 0 else None
        limits.low[0], limits.high[0] = percentile_limits(gap, tails[0])
    elif place:
        chosen = defeated[_HELP] if defeated is not None else control[_CONTROL_HELP] if control is not None else None
        ranking = None if chosen is None else chosen.copy()
    for side, values in enumerate(draws):
        if values is not None:
            # Discrimination stands before the ratios.
            at = 1 + _DRAWN[side]
            limits.low[at], limits.high[at] = percentile_limits(values, tails[at])
    limits.low[_BLIND], limits.high[_BLIND] = 1 - limits.high[_HELP_METRIC], 1 - limits.low[_HELP_METRIC]
    # Resampled cells that agree by chance do not differ: never narrower than independent answers.
    wide = widest(limits, ratio.independent)
    limits = Interval(*(np.where(np.isnan(limits.low), np.nan, end) for end in wide))
    return limits, None if ranking is None else stretched(
        ranking, ratio.estimate[place], ratio.independent_error[place]
    )
