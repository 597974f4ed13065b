"""Ranks and how far resampling moves them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.stats.intervals import LEVEL

UNRANKED: Final = 0
_ROUNDING: Final = 1e-9


class Ranks(NamedTuple):
    """Rank of each model and its 95 % interval, shape (models,); UNRANKED where there is none."""

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def competition_rank(values: NDArray[Any], better: int) -> NDArray[np.unsignedinteger[Any]]:
    """1 + the number of models that are strictly better, along the first axis; ties share a rank.

    ``better`` is 1 where more is better, -1 where less is. UNRANKED for NaN, which counts
    as better than nobody.
    """
    signed = values if better >= 0 else -values
    # Counting in a narrow type is several times as fast, and 10,000 resamples are counted.
    kind: type[np.unsignedinteger[Any]] = np.uint8 if len(signed) < 255 else np.uint32
    ranks = np.empty(signed.shape, kind)
    with np.errstate(invalid="ignore"):
        for model in range(len(signed)):
            ranks[model] = (signed > signed[model]).view(np.uint8).sum(axis=0, dtype=kind)
    ranks += kind(1)
    ranks[np.isnan(signed)] = UNRANKED
    return ranks


def rank_at(values: NDArray[np.float64], other: NDArray[np.float64], better: int) -> NDArray[np.int64]:
    """The rank that each model would have with its value in ``other`` and all others as they are; both (models,).

    UNRANKED for NaN. Values that differ by rounding alone are equal.
    """
    signed, moved = (1 if better >= 0 else -1) * values, (1 if better >= 0 else -1) * other
    with np.errstate(invalid="ignore"):
        ahead = signed[None, :] > moved[:, None] + _ROUNDING
    np.fill_diagonal(ahead, False)
    return np.where(np.isnan(moved) | np.isnan(signed), UNRANKED, 1 + ahead.sum(axis=1)).astype(np.int64)


def rank_models(estimate: NDArray[np.float64], draws: NDArray[np.float32] | None, better: int) -> Ranks:
    """Ranks of ``estimate`` (models,), with percentile limits from ``draws`` (models, resamples).

    The limits are the 2.5 % and 97.5 % percentiles of a model's ranks over the resamples,
    widened to hold its rank. They describe how stable a place is; with near ties they can
    cover less than 95 % (Hall and Miller 2009, Ann. Stat. 37:3929). Without draws there are none.
    """
    rank = competition_rank(estimate, better).astype(np.int64)
    if draws is None:
        none = np.full(len(rank), UNRANKED)
        return Ranks(rank, none, none.copy())
    low, high = rank.copy(), rank.copy()
    for model, drawn in enumerate(competition_rank(draws, better)):
        # How often it had each rank.
        counted = np.bincount(drawn, minlength=len(rank) + 1)[UNRANKED + 1 :]
        total = counted.sum()
        if rank[model] == UNRANKED or not total:
            low[model] = high[model] = UNRANKED
            continue
        cut = int((1 - LEVEL) / 2 * total)
        upto = np.cumsum(counted)
        low[model] = min(rank[model], 1 + int(np.searchsorted(upto, cut, side="right")))
        high[model] = max(rank[model], 1 + int(np.searchsorted(upto, total - 1 - cut, side="right")))
    return Ranks(rank, low, high)
