"""The cluster bootstrap as one matrix product.

A resample draws cells with replacement, so it is a vector of how often each cell was drawn,
and every count in it is that vector times the counts by cell. One matrix of such vectors
serves all models, metrics and slices: differences and ranks then come from the same
resamples, and the pairing by case is kept.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eval.stats.intervals import Floats, t_quantile

RESAMPLES: Final = 10_000
SEED: Final = 0


def cell_weights(
    defeated_cells: NDArray[np.bool_], *, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.float32]:
    """How often each resample draws each cell, shape (cells, resamples).

    Defeated and control cells are drawn apart, each as many as there are: their numbers are
    fixed by design, discrimination needs both, and a resample with 20 controls in place of
    15 would mix the composition of the benchmark into the error. Single precision holds
    counts below 2^24 exactly, so sums do not depend on their order. Not to be written to.
    """
    return _cell_weights(defeated_cells.astype(bool).tobytes(), resamples, seed)


# Models that are scored one by one are of the same cells.
@lru_cache(maxsize=2)
def _cell_weights(sides: bytes, resamples: int, seed: int) -> NDArray[np.float32]:
    defeated_cells = np.frombuffer(sides, bool)
    random = np.random.default_rng(seed)
    weights = np.zeros((len(defeated_cells), resamples), np.float32)
    for side in (True, False):
        cells = np.flatnonzero(defeated_cells == side)
        if len(cells):
            drawn = random.multinomial(len(cells), np.full(len(cells), 1 / len(cells)), size=resamples)
            weights[cells] = drawn.T
    weights.setflags(write=False)
    return weights


def resample_ratios(
    counts: Floats,
    numerators: Floats,
    denominators: Floats,
    weights: NDArray[np.float32],
    scratch: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Ratios of resampled counts, shape (ratios, models, resamples); NaN where a denominator is 0.

    ``counts`` has shape (cells, models, counts), ``numerators`` and ``denominators``
    (ratios, counts), ``weights`` (cells, resamples). ``scratch``, of shape (rows,
    resamples), is written over and returned in part: memory that was touched before is
    several times as fast as new. It needs 2 * ratios * models rows at most.
    """
    kinds, kind = np.unique(denominators, axis=0, return_inverse=True)
    n_ratios = len(numerators)
    terms = np.concatenate([numerators, kinds])
    # (terms, models, cells) @ (cells, resamples)
    by_term = np.einsum("cmk,tk->tmc", counts, terms).astype(np.float32)
    flat = by_term.reshape(-1, len(counts))
    room = None if scratch is None else scratch[: len(flat)]
    sums = np.matmul(flat, weights, out=room).reshape(*by_term.shape[:2], -1)
    values: NDArray[np.float32] = sums[:n_ratios]
    with np.errstate(divide="ignore", invalid="ignore"):
        for ratio in range(n_ratios):
            # Flat, as numpy 2.0.0 alone gives the inverse another shape.
            values[ratio] /= sums[n_ratios + kind.flat[ratio]]
    return values


def tail(freedom: Floats) -> Floats:
    """The share of resamples to leave out at each end, for a 95 % interval.

    2.5 % is too much with few clusters: the resampled spread misses the factor G / (G - 1)
    and the t quantile. Hesterberg's expanded percentiles put both back (2015, Am. Stat.
    69:371, section 5.4): the normal tail beyond sqrt(G / (G - 1)) times the t quantile of
    G - 1 = ``freedom``.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.sqrt((freedom + 1) / freedom) * t_quantile(freedom)
    return np.asarray(special.ndtr(-stretch), np.float64)


def stretched(draws: NDArray[np.float32], estimate: Floats, least: Floats) -> NDArray[np.float32]:
    """Draws moved away from their estimates where they spread less than ``least``, the error of independent answers.

    ``draws`` has shape (models, resamples) and is written over, the others (models,). Ranks
    over resamples are then never firmer than independent answers would make them. Draws that
    do not differ at all stay as they are.
    """
    spread = draws.std(axis=1, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(spread > 0, least / spread, 1.0)
    for model in np.flatnonzero(factor > 1):
        draws[model] = estimate[model] + factor[model] * (draws[model] - estimate[model])
    return draws


def percentile_limits(draws: NDArray[np.float32], tails: Floats) -> tuple[Floats, Floats]:
    """Percentile limits of resampled values; ``draws`` may be put in another order in place.

    ``draws`` has shape (..., resamples), ``tails`` the leading shape; returns low and high
    of that shape. Draws without a value (an empty denominator) are left out; NaN where
    ``tails`` is NaN or no draw has a value.
    """
    low, high = np.full(tails.shape, np.nan), np.full(tails.shape, np.nan)
    left_out = np.where(np.isfinite(tails), tails * draws.shape[-1], -1).astype(np.int64)
    lows, highs = low, high
    if tails.ndim == 2 and len(tails) > tails.shape[1]:
        # Of few models the ratios make longer rows of rows.
        draws, tails, left_out, lows, highs = draws.swapaxes(0, 1), tails.T, left_out.T, low.T, high.T
    # Rows below each other of which as much is left out are selected from in one step: that is most of them, and
    # many small steps would keep other threads waiting for Python.
    for plane in np.ndindex(tails.shape[:-1]):
        first = 0
        for below, row in itertools.groupby(left_out[plane].tolist()):
            some = slice(first, first := first + len(list(row)))
            if below >= 0:
                lows[plane][some], highs[plane][some] = _limits(draws[plane][some], below, tails[plane][some])
    return low, high


def _limits(draws: NDArray[np.float32], below: int, tails: Floats) -> tuple[Floats, Floats]:
    """Limits of rows of draws, of which ``below`` are to be left out at each end where all have a value."""
    low, high = _selected(draws, below, draws.shape[-1])
    # Missing ones come last, so that there are none where none is among the highest.
    for row in np.flatnonzero(np.isnan(draws[:, draws.shape[-1] - 1 - below :].sum(axis=-1))):
        valid = draws.shape[-1] - int(np.isnan(draws[row]).sum())
        low[row], high[row] = _selected(draws[row], int(tails[row] * valid), valid)
    return low, high


def _selected(draws: NDArray[np.float32], below: int, valid: int) -> tuple[Floats, Floats]:
    """The draws with ``below`` valid ones beneath them, and above them; these are put in another order in place.

    Nearest rank, symmetric: as many draws lie below the lower limit as above the upper. Without a valid draw both
    limits are a missing one.
    """
    above = max(valid - 1 - below, 0)
    # Selecting is cheaper than sorting, and more so on processors that sort no vectors.
    draws.partition(above, axis=-1)
    high = draws[..., above].astype(np.float64)
    draws[..., : above + 1].partition(min(below, above), axis=-1)
    return draws[..., below].astype(np.float64), high
