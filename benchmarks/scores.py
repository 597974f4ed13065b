"""The whole leaderboard beside scipy.stats.bootstrap: ``python -m benchmarks.scores [DATASET]``.

Ours: every metric of every model on every slice with clustered errors, 10,000 cluster
resamples and rank intervals, in a process of its own, reading and imports apart. The peer:
scipy.stats.bootstrap on the overall slice with as many resamples of cells, extrapolated to
the other slices that we resample by their number of cells. It is measured in three ways:

- as it is: the answers of the cells that were drawn give the rate; one model's help rate
  is measured and extrapolated to all ratios of all models;
- on our counts by cell, with a vectorised statistic, once for each interval;
- on our counts by cell, all models and metrics of a side stacked into one call.

The last two already have half of our method in them. None gives discrimination, ranks or
expanded percentiles, which is left in the peer's favour.
Without DATASET, answers of the study's size are drawn at random.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks.measure import DATASET_VARIABLE, ends, run, told
from dataset_builder.errors import InputError
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.scores import Scores, compute_scores
from eval.stats.bootstrap import RESAMPLES
from eval.stats.metrics import COUNTS, DENOMINATORS, METRICS, N_DEFEATED, NUMERATORS

RUNS = 3
MODELS = 18
AT_MOST_MIB, ON_ANSWERS, STACKED = 1024, 100.0, 20.0
Counts = NDArray[np.float64]


def answers_of(dataset: str | None) -> list[ScoredAnswers]:
    """The dataset's published answers, or some at random over cases of the study's cells and number."""
    if dataset is not None:
        from dataset_builder.dataset.opened import open_dataset
        from eval.scores.read import published_answers

        return published_answers(open_dataset(dataset))
    cases = random_cases()
    random = np.random.default_rng(0)
    n = len(cases)
    return [
        ScoredAnswers(
            cases,
            f"model-{number:02}",
            "random",
            "0",
            np.where(random.random(n) < 0.001, -1, random.integers(0, 3, n)).astype(np.int8),
            random.random(n) < 0.5,
            random.random(n) < 0.3,
            np.full(n, -1, np.int8),
        )
        for number in range(MODELS)
    ]


def random_cases(n: int = 1290) -> CaseTable:
    """Cases spread over the populated cells, with a label of each dimension at random."""
    from dataset_builder.dataset.taxonomy import (
        AUTHORITY_BY_ID,
        DIMENSIONS,
        DUAL_USE_CATEGORIES,
        POPULATED_CELLS,
        SUBTYPES,
        cell,
        ids,
        is_defeated,
    )
    from eval.scores.cases import EXTENSION_FIELDS, FLAGGED, UNFLAGGED

    random = np.random.default_rng(1)
    families, authorities = zip(*(POPULATED_CELLS[i % len(POPULATED_CELLS)] for i in range(n)), strict=True)
    cells = sorted(cell(f, a) for f, a in POPULATED_CELLS)
    subtypes = {f: [s.id for s in SUBTYPES if s.family == f] for f in set(families)}
    flagged = random.random(n) < 0.57
    categories = random.choice(ids(DUAL_USE_CATEGORIES), n).tolist()
    labels: dict[str, tuple[str | None, ...]] = {
        "family": families,
        "subtype": tuple(str(random.choice(subtypes[f])) for f in families),
        "authority": authorities,
        "authority_group": tuple(AUTHORITY_BY_ID[a].group for a in authorities),
        "family_authority": tuple(cell(f, a) for f, a in zip(families, authorities, strict=True)),
        "dual_use": tuple(FLAGGED if flag else UNFLAGGED for flag in flagged),
        "dual_use_category": tuple(c if flag else None for c, flag in zip(categories, flagged, strict=True)),
        **{d.id: tuple(random.choice(ids(d.values), n).tolist()) for d in DIMENSIONS},
        # As where nothing was added to the study's.
        **dict.fromkeys(EXTENSION_FIELDS, ("study",) * n),
    }
    return CaseTable(
        tuple(f"case-{i:04}" for i in range(n)),
        tuple(cells),
        np.array([cells.index(cell(f, a)) for f, a in zip(families, authorities, strict=True)]),
        np.array([is_defeated(f) for f in families]),
        labels,
    )


def ours(dataset: str | None) -> None:
    """Compute everything once; prints the seconds of the computation alone."""
    answers = answers_of(dataset)
    start = time.perf_counter()
    compute_scores(answers)
    print(time.perf_counter() - start)


def cell_counts(answers: list[ScoredAnswers], rows: NDArray[np.int64]) -> Counts:
    """Counts of some cases by cell: (counts, models, cells)."""
    cases = answers[0].cases
    counts = np.zeros((len(cases.cells), len(answers), NUMERATORS.shape[1]))
    for number, one in enumerate(answers):
        np.add.at(counts[:, number], cases.cell[rows], one.counts[rows])
    return counts.transpose(2, 1, 0)


def ratio(numerator: Counts, denominator: Counts, axis: int = -1) -> Counts:
    """The statistic that scipy resamples."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(numerator.sum(axis=axis) / denominator.sum(axis=axis))


def resample(numerator: Counts, denominator: Counts) -> int:
    """One call of scipy.stats.bootstrap over the last axis; returns how many intervals it gave."""
    found = stats.bootstrap(
        (numerator, denominator),
        ratio,
        paired=True,
        vectorized=True,
        axis=-1,
        n_resamples=RESAMPLES,
        batch=None if numerator.ndim == 1 else 100,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return int(np.isfinite(found.confidence_interval.low).sum())


def peer(answers: list[ScoredAnswers], *, stacked: bool) -> tuple[float, int]:
    """Seconds of scipy.stats.bootstrap on the overall slice, and how many intervals it gave."""
    cases = answers[0].cases
    counts = cell_counts(answers, np.arange(len(cases)))
    intervals = 0
    start = time.perf_counter()
    with threadpool_limits(1):
        for defeated, terms in ((True, slice(0, N_DEFEATED)), (False, slice(N_DEFEATED, None))):
            side = counts[:, :, cases.defeated_cells == defeated]
            numerator, denominator = (np.einsum("rk,kmc->rmc", t[terms], side) for t in (NUMERATORS, DENOMINATORS))
            if stacked:
                intervals += resample(numerator, denominator)
                continue
            for place in np.ndindex(*numerator.shape[:2]):
                intervals += resample(numerator[place], denominator[place])
    return time.perf_counter() - start, intervals


def peer_on_answers(answers: list[ScoredAnswers]) -> float:
    """Seconds of one interval: the help rate of one model on the overall slice, from the answers of drawn cells."""
    one = answers[0]
    cell = one.cases.cell
    helps, scored = one.counts[:, COUNTS.index("helps")], one.counts[:, COUNTS.index("scored")]
    rows = [np.flatnonzero(cell == number) for number in np.flatnonzero(one.cases.defeated_cells)]

    def rate(drawn: NDArray[np.int64]) -> float:
        chosen = np.concatenate([rows[number] for number in drawn])
        return float(helps[chosen].sum() / scored[chosen].sum())

    start = time.perf_counter()
    with threadpool_limits(1):
        stats.bootstrap(
            (np.arange(len(rows)),),
            rate,
            vectorized=False,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        )
    return time.perf_counter() - start


def cells_of(scores: Scores) -> tuple[int, int]:
    """Cells with answers, summed over the slices that are resampled, and of the overall slice."""
    total = 0
    for part in scores.parts.values():
        for metric in (1, 1 + N_DEFEATED):
            if np.isfinite(part.bootstrap_low[metric]).any():
                total += int(part.clusters[metric].max())
    return total, sum(int(scores.overall.clusters[metric].max()) for metric in (1, 1 + N_DEFEATED))


def main() -> int:
    """Print the figures; 1 if one of them is missed."""
    if len(sys.argv) > 1 and sys.argv[1] == "--ours":
        ours(sys.argv[2] if len(sys.argv) > 2 else None)
        return 0
    dataset = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(DATASET_VARIABLE)
    if dataset is not None and not Path(dataset).is_dir():
        raise InputError(f"{dataset}: no such folder; expected a built dataset.")
    costs = [run("-m", "benchmarks.scores", "--ours", *([dataset] if dataset else [])) for _ in range(RUNS)]
    seconds = sorted(float(cost.output) for cost in costs)[RUNS // 2]
    memory = max(cost.peak_mib for cost in costs)
    answers = answers_of(dataset)
    scores = compute_scores(answers)
    resampled = sum(int(np.isfinite(part.bootstrap_low).sum()) for part in scores.parts.values())
    total, overall = cells_of(scores)
    source = dataset or "answers at random, of the study's size"
    print(f"{source}: {len(scores.models)} models, {len(scores.parts)} slices, {len(METRICS)} metrics")
    print(f"ours: {seconds:.2f} s (median of {RUNS}), {memory:.0f} MiB,")
    print(f"  {resampled:,} bootstrap intervals of {RESAMPLES:,} cluster resamples, rank intervals included")
    calls, intervals = peer(answers, stacked=False)
    stacked, _ = peer(answers, stacked=True)
    factors = []
    for how, theirs in (
        ("on the answers", peer_on_answers(answers) * intervals),
        ("on counts by cell, a call an interval", calls),
        ("on counts by cell, stacked into two calls", stacked),
    ):
        extrapolated = theirs * total / overall
        factors.append(extrapolated / seconds)
        print(f"scipy.stats.bootstrap {how}: {theirs:.1f} s for the {intervals} ratios of the overall slice,")
        print(f"  {extrapolated:,.0f} s extrapolated to all slices, {factors[-1]:,.0f} times ours")
    met = [
        told("scipy.stats.bootstrap on the answers beside the leaderboard", factors[0], ON_ANSWERS, least=True),
        told("scipy.stats.bootstrap stacked on counts beside the leaderboard", factors[2], STACKED, least=True),
        told(f"peak memory of the leaderboard beside {AT_MOST_MIB} MiB", memory / AT_MOST_MIB, 1.0),
    ]
    return int(not all(met))


if __name__ == "__main__":
    ends(main)
