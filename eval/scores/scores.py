"""Every metric of every model on every slice, with its intervals, in one pass.

All is computed from counts by cell: a rate is a sum of counts over a sum of counts, its
clustered error comes from the cells' residuals, and its bootstrap from one product with the
matrix of resample weights that all models share.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
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
_HELP_ROW, _CONTROL_ROW = slice(_HELP, _HELP + 1), slice(_CONTROL_HELP, _CONTROL_HELP + 1)
# So many pairs of a cell and a model are looked at in one step, some 4 MB for each of its arrays; and so many of a
# slice and a model are resampled in one product.
_MOST_AT_ONCE: Final = 30_000
_RESAMPLED_AT_ONCE: Final = 18
# Of more models than this some are resampled after the others, so that the memory of it does not grow with them.
_MODELS_AT_ONCE: Final = 18
# Into how many parts the work of each thread is cut, so that none of them waits long for the others.
_PARTS_OF_A_THREAD: Final = 6
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


@lru_cache
def too_few_cells(n: int) -> str:
    """Why there is no bootstrap interval where there is data, in so many cells."""
    return f"{counted(n, 'cell')} with data; a bootstrap needs {MIN_BOOTSTRAP_CLUSTERS}"


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
    ranked: bool = True,
) -> Scores:
    """Score models on the same cases by the same judge, overall and by each name in ``by`` (default: all).

    Models and cases are sorted first, so their order decides nothing; the same seed gives
    the same numbers. Each of the ``threads`` (default: as many as processors) takes memory of its own.
    Without ``ranked`` it is left out how far resampling moves ranks, and what else is said of a
    model does not hang on the others.
    Raises InputError as ``check_comparable`` and ``find_slices`` do.
    """
    check_comparable(answers)
    answers = sorted(answers, key=lambda one: one.model)
    cases = answers[0].cases
    slices, rows = find_slices(cases, by)
    # Drawing needs no lock of Python's, so that counting goes on meanwhile.
    with ThreadPoolExecutor(1) as beside:
        drawn_cells = beside.submit(cell_weights, cases.defeated_cells, resamples=resamples, seed=seed)
        by_cell, squares = _counted(answers, rows)
        reasons = np.stack([one.reason for one in answers], axis=1)
        unscored = np.stack([_unscored(cases.defeated[part], reasons[part]) for part in rows])
        weights = drawn_cells.result()

    # Few models on many slices are resampled as many models on one slice are. Means over several answers are
    # no whole numbers, so their sums may hang on what is summed with them: a slice at a time then.
    together = max(1, _RESAMPLED_AT_ONCE // len(answers)) if squares is None else 1
    local = threading.local()

    def score(some: slice) -> list[SliceScores]:
        if not hasattr(local, "scratch"):
            height = 2 * min(len(answers), _MODELS_AT_ONCE) * together
            local.scratch = [np.empty((height * len(part), resamples), np.float32) for part in _DRAWN]
        rates = _rates(by_cell[some], cases.defeated_cells, unscored[some], _of_slices(squares, some))
        places = range(len(by_cell[some]))
        drawn: list[_Draws] = []
        for first in places[::together]:
            block = places[first : first + together]
            drawn += _bootstrap(rates, block, weights, cases.defeated_cells, local.scratch, ranked=ranked)
        limits = _limits(rates, drawn)
        return [
            _slice_scores(rates, place, _cases_by_side(cases, part), limits, drawn[place].ranks)
            for place, part in enumerate(rows[some])
        ]

    # Threads over slices, one thread within a product: at these sizes two threads inside the product spend their time
    # waiting for each other. All that is no resampling is done for several slices at once, as it is many small steps.
    threads = threads or min(os.cpu_count() or 1, 8)
    step = max(1, _MOST_AT_ONCE // (len(cases.cells) * len(answers)))
    step = min(step, max(4 * together, len(slices) // (threads * _PARTS_OF_A_THREAD)))
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        found = pool.map(score, [slice(start, start + step) for start in range(0, len(slices), step)])
        parts = dict(zip(slices, itertools.chain.from_iterable(found), strict=True))
    models = tuple(one.model for one in answers)
    return Scores(cases, models, answers[0].judge, answers[0].rubric, resamples, seed, parts)


def _cases_by_side(cases: CaseTable, rows: NDArray[np.int64]) -> tuple[int, int]:
    defeated = int(cases.defeated[rows].sum())
    return defeated, len(rows) - defeated


def _counted(answers: Sequence[ScoredAnswers], rows: Sequence[NDArray[np.int64]]) -> tuple[Floats, Squares | None]:
    """What is counted of each slice: by cell (slices, cells, models, counts), and how much cases vary.

    Counts by case are the largest of all arrays, so only those of a few models are there at once.
    """
    cases, samples = answers[0].cases, max(one.samples for one in answers)
    cells: list[Floats] = []
    squares: list[Squares | None] = []
    for first in range(0, len(answers), _MODELS_AT_ONCE):
        # (cases, models, counts)
        counts = np.stack([one.counts for one in answers[first : first + _MODELS_AT_ONCE]], axis=1)
        cells.append(_counts_by_cell(cases, rows, counts))
        squares.append(_squares_by_slice(cases, rows, counts, samples))
    known = [one for one in squares if one is not None]
    if len(cells) == 1 or not known:
        return cells[0] if len(cells) == 1 else np.concatenate(cells, axis=2), squares[0]
    numerator, product, denominator = (
        np.concatenate(parts, axis=2) for parts in zip(*(s[:3] for s in known), strict=True)
    )
    return np.concatenate(cells, axis=2), Squares(numerator, product, denominator, samples)


def _counts_by_cell(cases: CaseTable, rows: Sequence[NDArray[np.int64]], counts: Floats) -> Floats:
    """Counts (cases, models, counts) summed to (slices, cells, models, counts)."""
    found = np.zeros((len(rows), len(cases.cells), *counts.shape[1:]))
    for number, part in enumerate(rows):
        order = part[np.argsort(cases.cell[part], kind="stable")]
        there, first = np.unique(cases.cell[order], return_index=True)
        found[number, there] = np.add.reduceat(counts[order], first, axis=0)
    return found


def _squares_by_slice(
    cases: CaseTable, rows: Sequence[NDArray[np.int64]], counts: Floats, samples: int
) -> Squares | None:
    """How much cases vary: arrays of shape (ratios, slices, models); None where every case was answered once.

    Of one answer the counts are 0 and 1, and the squares say nothing new.
    """
    if samples == 1:
        return None
    # (cases, models, ratios); a ratio of one side counts no case of the other.
    sides = np.stack([m.defeated == cases.defeated for m in RATIOS], axis=-1)[:, None]
    tops, bottoms = counts @ NUMERATORS.T * sides, counts @ DENOMINATORS.T * sides
    found = np.empty((3, len(RATIOS), len(rows), counts.shape[1]))
    for number, part in enumerate(rows):
        # (models, ratios) -> (ratios, models)
        top, bottom = tops[part], bottoms[part]
        for place, (one, other) in enumerate(((top, top), (top, bottom), (bottom, bottom))):
            found[place, :, number] = np.einsum("cmr,cmr->rm", one, other)
    return Squares(found[0], found[1], found[2], samples)


def _of_slices(squares: Squares | None, some: slice) -> Squares | None:
    if squares is None:
        return None
    numerator, product, denominator, answers = squares
    return Squares(numerator[:, some], product[:, some], denominator[:, some], answers)


class _Rates(NamedTuple):
    """What is known of some slices without resampling; arrays of shape (metrics, slices, models) in the main."""

    by_cell: Floats
    active: NDArray[np.bool_]
    n_scored: NDArray[np.int64]
    unscored: NDArray[np.int64]
    denominator: NDArray[np.int64]
    all: Ratio
    method: NDArray[np.int8]
    ends: Interval
    tails: Floats
    detectable: Floats


def _rates(
    by_cell: Floats, defeated_cells: NDArray[np.bool_], unscored: NDArray[np.int64], squares: Squares | None
) -> _Rates:
    side_of_cell = (defeated_cells, ~defeated_cells)
    # (slices, sides, models)
    n_scored = np.stack([by_cell[:, cells][..., _SCORED].sum(axis=1) for cells in side_of_cell], axis=1)
    n_scored = n_scored.astype(np.int64)
    n_unscored = unscored.sum(axis=3)
    ratios: list[Ratio] = []
    ends: list[Interval] = []
    denominators: list[Floats] = []
    for side, cells in enumerate(side_of_cell):
        # (slices, cells, models, counts) @ (counts, ratios) -> (cells, ratios, slices, models)
        numerator, denominator = (
            np.ascontiguousarray((by_cell[:, cells] @ terms[_RATIOS_OF[side]].T).transpose(1, 3, 0, 2))
            for terms in (NUMERATORS, DENOMINATORS)
        )
        ratios.append(cluster_ratio(numerator, denominator, _on_side(squares, side)))
        denominators.append(denominator.sum(axis=0))
        ends.append(bounds(numerator.sum(axis=0), denominators[side], n_unscored[:, side]))
    help_, control = pick(ratios[DEFEATED], _HELP_ROW), pick(ratios[CONTROL], _CONTROL_ROW)
    all_ = join([difference(help_, control), *ratios])
    gap_low = ends[DEFEATED].low[_HELP_ROW] - ends[CONTROL].high[_CONTROL_ROW]
    gap_high = ends[DEFEATED].high[_HELP_ROW] - ends[CONTROL].low[_CONTROL_ROW]
    method = np.where(all_.clustered, 3, 1)
    method[0] = (1 + help_.clustered.astype(np.int8) + control.clustered)[0]
    return _Rates(
        by_cell=by_cell,
        active=by_cell[..., _SCORED].sum(axis=2) > 0,
        n_scored=n_scored,
        unscored=unscored,
        denominator=np.rint(np.concatenate([n_scored.sum(axis=1)[None], *denominators])).astype(np.int64),
        all=all_,
        method=np.where(np.isnan(all_.estimate), 0, method).astype(np.int8),
        ends=Interval(
            np.concatenate([gap_low, *(end.low for end in ends)]),
            np.concatenate([gap_high, *(end.high for end in ends)]),
        ),
        tails=np.where(all_.clusters >= MIN_BOOTSTRAP_CLUSTERS, tail(all_.freedom), np.nan),
        detectable=minimum_detectable_difference(all_),
    )


def _slice_scores(rates: _Rates, place: int, n_cases: Sequence[int], limits: Interval, ranks: Ranks) -> SliceScores:
    one = pick(rates.all, (slice(None), place))
    return SliceScores(
        n_cases=np.array(n_cases, np.int64),
        n_scored=rates.n_scored[place],
        unscored=rates.unscored[place],
        denominator=rates.denominator[:, place],
        estimate=one.estimate,
        error=one.error,
        freedom=one.freedom,
        clusters=one.clusters,
        method=rates.method[:, place],
        low=one.interval.low,
        high=one.interval.high,
        bootstrap_low=limits.low[:, place],
        bootstrap_high=limits.high[:, place],
        lower_bound=rates.ends.low[:, place],
        upper_bound=rates.ends.high[:, place],
        minimum_detectable_difference=rates.detectable[:, place],
        ranked_by=_ranked_by(rates, place),
        ranks=ranks,
    )


def _ranked_by(rates: _Rates, place: int) -> Metric:
    has = rates.n_scored[place].any(axis=1)
    return DISCRIMINATION if has.all() else HELP_RATE if has[DEFEATED] else CONTROL_HELP_RATE


def _on_side(squares: Squares | None, side: int) -> Squares | None:
    if squares is None:
        return None
    part = _RATIOS_OF[side]
    return Squares(squares.numerator[part], squares.product[part], squares.denominator[part], squares.answers)


def _unscored(defeated: NDArray[np.bool_], reasons: NDArray[np.int8]) -> NDArray[np.int64]:
    """(cases, models) reason codes -> (sides, models, reasons) counts."""
    found = np.zeros((2, reasons.shape[1], len(REASON_CODES)), np.int64)
    # They are few.
    case, model = np.nonzero(reasons >= 0)
    side = np.where(defeated[case], DEFEATED, CONTROL)
    np.add.at(found, (side, model, reasons[case, model]), 1)
    return found


class _Draws(NamedTuple):
    """Percentile limits of every metric of one slice, shape (metrics, models), and the ranks by the one to rank by."""

    low: Floats
    high: Floats
    ranks: Ranks


def _bootstrap(
    rates: _Rates,
    block: Sequence[int],
    weights: NDArray[np.float32],
    defeated_cells: NDArray[np.bool_],
    scratch: Sequence[NDArray[np.float32]],
    *,
    ranked: bool,
) -> list[_Draws]:
    """What resampling says of some slices."""
    parts = [
        _of_models(rates, block, slice(first, first + _MODELS_AT_ONCE), weights, defeated_cells, scratch, ranked=ranked)
        for first in range(0, rates.by_cell.shape[2], _MODELS_AT_ONCE)
    ]
    return [_joined(rates, number, of_slice) for number, of_slice in zip(block, zip(*parts, strict=True), strict=True)]


class _Drawn(NamedTuple):
    """Limits of some models on one slice, shape (metrics, models), and the draws that rank them (models, resamples)."""

    low: Floats
    high: Floats
    ranking: NDArray[np.float32] | None


def _of_models(
    rates: _Rates,
    block: Sequence[int],
    models: slice,
    weights: NDArray[np.float32],
    defeated_cells: NDArray[np.bool_],
    scratch: Sequence[NDArray[np.float32]],
    *,
    ranked: bool,
) -> list[_Drawn]:
    # By slice: (ratios, models, resamples).
    draws: list[dict[int, NDArray[np.float32]]] = []
    for side, on_side in enumerate((defeated_cells, ~defeated_cells)):
        active = rates.active[block] & on_side
        enough = [number for number, cells in zip(block, active, strict=True) if cells.sum() >= MIN_BOOTSTRAP_CLUSTERS]
        draws.append({})
        if enough:
            cells = np.flatnonzero(rates.active[enough].any(axis=0) & on_side)
            # (slices, cells, models, counts) -> (cells, slices and models, counts)
            counts = rates.by_cell[enough][:, cells, models].swapaxes(0, 1)
            counts = counts.reshape(len(cells), -1, counts.shape[-1])
            terms = NUMERATORS[_DRAWN[side]], DENOMINATORS[_DRAWN[side]]
            values = resample_ratios(counts, *terms, weights[cells], scratch[side])
            values = values.reshape(len(values), len(enough), -1, values.shape[-1])
            draws[side] = {number: values[:, place] for place, number in enumerate(enough)}
    return [
        _of_draws(rates, number, models, draws[DEFEATED].get(number), draws[CONTROL].get(number), ranked=ranked)
        for number in block
    ]


def _of_draws(
    rates: _Rates,
    number: int,
    models: slice,
    defeated: NDArray[np.float32] | None,
    control: NDArray[np.float32] | None,
    *,
    ranked: bool,
) -> _Drawn:
    tails, place = rates.tails[:, number, models], METRICS.index(_ranked_by(rates, number))
    low, high = np.full(tails.shape, np.nan), np.full(tails.shape, np.nan)
    ranking: NDArray[np.float32] | None = None
    if defeated is not None and control is not None:
        gap = defeated[_HELP] - control[_CONTROL_HELP]
        ranking = gap.copy() if place == 0 and ranked else None
        low[0], high[0] = percentile_limits(gap, tails[0])
    elif place and ranked:
        chosen = defeated[_HELP] if defeated is not None else control[_CONTROL_HELP] if control is not None else None
        ranking = None if chosen is None else chosen.copy()
    for side, values in enumerate((defeated, control)):
        if values is not None:
            # Discrimination stands before the ratios.
            at = 1 + _DRAWN[side]
            low[at], high[at] = percentile_limits(values, tails[at])
    return _Drawn(low, high, ranking)


def _joined(rates: _Rates, number: int, parts: Sequence[_Drawn]) -> _Draws:
    ranked_by = _ranked_by(rates, number)
    place = METRICS.index(ranked_by)
    estimate = rates.all.estimate[place, number]
    rows = [part.ranking for part in parts if part.ranking is not None]
    ranking = None if not rows else rows[0] if len(rows) == 1 else np.concatenate(rows)
    if ranking is not None:
        ranking = stretched(ranking, estimate, rates.all.independent_error[place, number])
    low, high = (np.concatenate(ends, axis=1) for ends in zip(*((part.low, part.high) for part in parts), strict=True))
    return _Draws(low, high, rank_models(estimate, ranking, ranked_by.better))


def _limits(rates: _Rates, drawn: Sequence[_Draws]) -> Interval:
    """The limits of all slices, shape (metrics, slices, models)."""
    low, high = np.stack([one.low for one in drawn], axis=1), np.stack([one.high for one in drawn], axis=1)
    low[_BLIND], high[_BLIND] = 1 - high[_HELP_METRIC], 1 - low[_HELP_METRIC]
    # Resampled cells that agree by chance do not differ: never narrower than independent answers.
    wide = widest(Interval(low, high), rates.all.independent)
    return Interval(*(np.where(np.isnan(low), np.nan, end) for end in wide))
