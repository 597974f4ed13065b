"""Ranks and how far resampling moves them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.intervals import LEVEL

UNRANKED: Final = 0


class Ranks(NamedTuple):
    """Rank of each model and its 95 % interval, shape (models,); UNRANKED where there is none."""

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def competition_rank(values: NDArray[Any], better: int) -> NDArray[np.int64]:
    """1 + the number of models that are strictly better, along the first axis; ties share a rank.

    ``better`` is 1 where more is better, -1 where less is. UNRANKED for NaN, which counts
    as better than nobody.
    """
    signed = values if better >= 0 else -values
    ranks = np.empty(signed.shape, np.int64)
    with np.errstate(invalid="ignore"):
        for model in range(len(signed)):
            ranks[model] = 1 + (signed > signed[model]).sum(axis=0, dtype=np.int16)
    ranks[np.isnan(signed)] = UNRANKED
    return ranks


def rank_models(estimate: NDArray[np.float64], draws: NDArray[np.float32] | None, better: int) -> Ranks:
    """Ranks of ``estimate`` (models,), with percentile limits from ``draws`` (models, resamples).

    The limits are the 2.5 % and 97.5 % percentiles of a model's ranks over the resamples,
    widened to hold its rank. They describe how stable a place is; with near ties they can
    cover less than 95 % (Hall and Miller 2009, Ann. Stat. 37:3929). Without draws there are none.
    """
    rank = competition_rank(estimate, better)
    if draws is None:
        none = np.full(len(rank), UNRANKED)
        return Ranks(rank, none, none.copy())
    low, high = rank.copy(), rank.copy()
    resampled = competition_rank(draws, better)
    for model, row in enumerate(resampled):
        kept = np.sort(row[row != UNRANKED].astype(np.uint8 if len(rank) < 256 else np.int64))
        if rank[model] == UNRANKED or not len(kept):
            low[model] = high[model] = UNRANKED
            continue
        cut = int((1 - LEVEL) / 2 * len(kept))
        low[model] = min(rank[model], int(kept[cut]))
        high[model] = max(rank[model], int(kept[-1 - cut]))
    return Ranks(rank, low, high)
