"""Simulations, seeded: what the intervals cover, and what clustering and correction do to them.

Cells have the sizes of the study's (15 quantiles of them, 5 to 32 cases); within a cell answers
correlate through a beta-distributed rate. The standard error of a coverage of 95 % over
4,000 repetitions is 0.34 points.
"""

from __future__ import annotations

import numpy as np
import pytest

from eval.scores.comparison import compare_pairs
from eval.stats.agreement import agreement, kappa_error
from eval.stats.bootstrap import cell_weights, percentile_limits, tail
from eval.stats.correction import ppi_mean, rogan_gladen, rogan_gladen_by_judge
from eval.stats.intervals import (
    Interval,
    Ratio,
    Squares,
    cluster_ratio,
    difference,
    paired_error,
    t_quantile,
    widest,
    wilson,
)
from eval.stats.metrics import HELP_RATE
from tests.support.answers import make_answers, make_table

REPETITIONS = 4000
SIZES = np.array([5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 19, 23, 25, 29, 32])


def draw(clusters: int, rate: float, correlation: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hits and answers by cell, shape (clusters, repetitions)."""
    random = np.random.default_rng(seed)
    sizes = random.choice(SIZES, (clusters, REPETITIONS))
    if correlation:
        scale = 1 / correlation - 1
        rates = random.beta(rate * scale, (1 - rate) * scale, sizes.shape)
    else:
        rates = np.full(sizes.shape, rate)
    return random.binomial(sizes, rates).astype(float), sizes.astype(float)


def coverage(interval: Interval, truth: float) -> float:
    return float(((interval.low <= truth) & (truth <= interval.high)).mean())


def naive(hits: np.ndarray, sizes: np.ndarray) -> Interval:
    return wilson(hits.sum(axis=0), sizes.sum(axis=0))


def bootstrap(hits: np.ndarray, sizes: np.ndarray, ratio: Ratio) -> Interval:
    weights = cell_weights(np.ones(len(hits), bool), resamples=1000)
    drawn = (hits.T.astype(np.float32) @ weights) / (sizes.T.astype(np.float32) @ weights)
    return widest(Interval(*percentile_limits(drawn, tail(ratio.freedom))), ratio.independent)


# 69 cells are all defeated ones, 19 a family, 15 the controls.
@pytest.mark.parametrize("clusters", [15, 19, 69])
@pytest.mark.parametrize("rate", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_clustered_interval_covers(clusters, rate, correlation):
    ratio = cluster_ratio(*draw(clusters, rate, correlation, seed=clusters))
    assert 0.93 <= coverage(ratio.interval, rate) <= 0.97


@pytest.mark.parametrize("clusters", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("rate", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.1])
def test_few_cells_are_covered_too_and_never_narrower_than_independent_answers(clusters, rate, correlation):
    """An authority has 3 to 5 cells. What is never narrower than independent answers covers more where they are."""
    hits, sizes = draw(clusters, rate, correlation, seed=clusters)
    interval, alone = cluster_ratio(hits, sizes).interval, naive(hits, sizes)
    assert 0.92 <= coverage(interval, rate) <= 0.995
    assert (interval.low <= alone.low).all()
    assert (interval.high >= alone.high).all()


def test_few_cells_that_agree_by_chance_would_make_an_interval_too_narrow():
    """In 4 cells without correlation, 1 in 12 clustered errors is under half of that of independent answers."""
    hits, sizes = draw(4, 0.25, 0.0, seed=4)
    ratio = cluster_ratio(hits, sizes)
    residual = hits - ratio.estimate * sizes
    clustered = np.sqrt(4 / 3 * np.square(residual).sum(axis=0)) / sizes.sum(axis=0)
    assert 0.05 < (clustered < ratio.independent_error / 2).mean() < 0.2
    assert (ratio.error >= ratio.independent_error).all()


@pytest.mark.parametrize("clusters", [15, 69])
@pytest.mark.parametrize("rate", [0.02, 0.04])
def test_clustered_interval_at_low_rates(clusters, rate):
    """The rate of help on controls is about this low; with modest correlation it holds."""
    assert 0.925 <= coverage(cluster_ratio(*draw(clusters, rate, 0.03, seed=2)).interval, rate) <= 0.975


def test_where_the_clustered_interval_falls_short():
    """Stated in docs/statistics.md: a rate under 5 % in few cells that differ a lot is covered less."""
    assert 0.85 <= coverage(cluster_ratio(*draw(15, 0.04, 0.15, seed=3)).interval, 0.04) < 0.93
    # And under 2 % in few cells without correlation, more.
    assert coverage(cluster_ratio(*draw(8, 0.01, 0.0, seed=3)).interval, 0.01) >= 0.95


@pytest.mark.parametrize("clusters", [8, 19, 69])
@pytest.mark.parametrize("rate", [0.25, 0.6])
@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_cluster_bootstrap_covers(clusters, rate, correlation):
    hits, sizes = draw(clusters, rate, correlation, seed=clusters + 1)
    assert 0.93 <= coverage(bootstrap(hits, sizes, cluster_ratio(hits, sizes)), rate) <= 0.98


def test_the_cluster_bootstrap_at_low_rates():
    """Percentiles alone cover less than 93 % of a few percent in few cells; holding Wilson's interval mends that."""
    hits, sizes = draw(15, 0.04, 0.05, seed=4)
    ratio = cluster_ratio(hits, sizes)
    bare = ratio._replace(independent=Interval(ratio.estimate, ratio.estimate))
    assert 0.87 <= coverage(bootstrap(hits, sizes, bare), 0.04) < 0.93
    assert 0.93 <= coverage(bootstrap(hits, sizes, ratio), 0.04) <= 0.97
    assert 0.93 <= coverage(ratio.interval, 0.04) <= 0.97


@pytest.mark.parametrize(("n", "rate"), [(15, 0.25), (30, 0.25), (30, 0.5), (100, 0.1)])
def test_wilson_covers_independent_answers(n, rate):
    hits = np.random.default_rng(n).binomial(n, rate, 20_000).astype(float)
    assert 0.93 <= coverage(wilson(hits, np.full(20_000, float(n))), rate) <= 0.97


@pytest.mark.parametrize("clusters", [19, 69])
def test_naive_intervals_undercover_where_cells_correlate_and_clustered_ones_widen(clusters):
    hits, sizes = draw(clusters, 0.25, 0.1, seed=6)
    clustered, alone = cluster_ratio(hits, sizes).interval, naive(hits, sizes)
    assert coverage(alone, 0.25) < 0.80
    assert coverage(clustered, 0.25) >= 0.93
    assert (clustered.high - clustered.low).mean() > 1.4 * (alone.high - alone.low).mean()
    # Without correlation the two are about as wide.
    hits, sizes = draw(clusters, 0.25, 0.0, seed=6)
    clustered, alone = cluster_ratio(hits, sizes).interval, naive(hits, sizes)
    assert (clustered.high - clustered.low).mean() == pytest.approx((alone.high - alone.low).mean(), rel=0.12)


@pytest.mark.parametrize(("rate", "control"), [(0.3, 0.04), (0.6, 0.3), (0.08, 0.01)])
@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_discrimination_covers(rate, control, correlation):
    gap = difference(
        cluster_ratio(*draw(69, rate, correlation, seed=7)), cluster_ratio(*draw(15, control, correlation, seed=8))
    )
    assert 0.93 <= coverage(gap.interval, rate - control) <= 0.975


@pytest.mark.parametrize("clusters", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_discrimination_covers_with_few_cells_on_each_side(clusters, correlation):
    sides = [
        cluster_ratio(*draw(clusters, rate, correlation, seed=clusters + place))
        for place, rate in enumerate((0.4, 0.1))
    ]
    gap = difference(*sides)
    assert 0.93 <= coverage(gap.interval, 0.3) <= 0.997
    assert (gap.interval.low <= gap.independent.low).all()
    assert (gap.interval.high >= gap.independent.high).all()


@pytest.mark.parametrize("clusters", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_compared_models_are_covered_with_few_cells(clusters, spread):
    """The difference of two models varies by cell with the standard deviation ``spread`` (about its mean, 0.15)."""
    random = np.random.default_rng(clusters)
    authorities = ("school", "club", "union", "landlord", "workplace", "tribe", "family", "profession")
    sizes = random.choice(SIZES, clusters)
    table = make_table(dict(zip([("content_defeat", a) for a in authorities], sizes.tolist(), strict=False)))
    covered, repetitions = 0, 300
    for _ in range(repetitions):
        gain = (0.15 + spread * random.choice([-1, 1], clusters))[table.cell]
        easy = random.random(len(table))
        # A third are drawn anew for the other model, so that the two differ both ways.
        other = np.where(random.random(len(table)) < 1 / 3, random.random(len(table)), easy)
        a = make_answers(table, np.where(other < 0.3 + gain, "h", "d").tolist(), "a")
        b = make_answers(table, np.where(easy < 0.3, "h", "d").tolist(), "b")
        (found,) = compare_pairs([a, b], HELP_RATE)
        covered += found.low <= 0.15 <= found.high
    assert covered / repetitions >= 0.92


@pytest.mark.parametrize(("clusters", "rate"), [(8, 0.25), (19, 0.25), (69, 0.05), (69, 0.6)])
def test_paired_difference_covers_and_is_narrower_than_an_unpaired_one(clusters, rate):
    """Both models meet the same cases: half the time the case decides for both."""
    random = np.random.default_rng(11)
    sizes = random.choice(SIZES, clusters)
    answers, cell = sizes.sum(), np.repeat(np.arange(clusters), sizes)
    shared = random.random((answers, 2000)) < rate
    follows = random.random((2, answers, 2000)) < 0.5
    own = random.random((2, answers, 2000)) < np.array([rate, rate + 0.1])[:, None, None]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    hits = np.add.reduceat(np.where(follows, shared, own).astype(float), starts, axis=1)
    trials = np.repeat(sizes[:, None].astype(float), 2000, axis=1)
    estimate, error = paired_error((hits[1], hits[0]), (trials, trials))
    half = t_quantile(clusters - 1.0) * error
    assert 0.93 <= coverage(Interval(estimate - half, estimate + half), 0.05) <= 0.97
    unpaired = np.hypot(cluster_ratio(hits[0], trials).error, cluster_ratio(hits[1], trials).error)
    assert error.mean() < 0.95 * unpaired.mean()


def test_kappa_interval_covers():
    random = np.random.default_rng(12)
    cells = np.array([[0.3, 0.03, 0.0], [0.02, 0.4, 0.03], [0.0, 0.02, 0.2]])
    by_chance = cells.sum(axis=1) @ cells.sum(axis=0)
    truth = (np.trace(cells) - by_chance) / (1 - by_chance)
    tables = random.multinomial(250, cells.ravel(), 3000).reshape(-1, 3, 3)
    observed = np.trace(tables, axis1=1, axis2=2) / 250
    chance = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / 250**2
    kappa = (observed - chance) / (1 - chance)
    half = 1.959964 * np.array([kappa_error(table) for table in tables])
    assert 0.93 <= coverage(Interval(kappa - half, kappa + half), truth) <= 0.97


@pytest.mark.parametrize("clusters", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("alike", [None, 30.0])
def test_kappa_interval_covers_with_few_clusters(clusters, alike):
    """Items of a cluster are alike where each draws its own table of labels around the common one."""
    random = np.random.default_rng(clusters)
    cells = np.array([[0.30, 0.05], [0.07, 0.58]])
    by_chance = cells.sum(axis=1) @ cells.sum(axis=0)
    truth = (np.trace(cells) - by_chance) / (1 - by_chance)
    covered, repetitions = 0, 1000
    for _ in range(repetitions):
        sizes = random.integers(15, 60, clusters)
        tables = [cells.ravel() if alike is None else random.dirichlet(alike * cells.ravel()) for _ in sizes]
        items = np.concatenate([random.choice(4, n, p=shares) for n, shares in zip(sizes, tables, strict=True)])
        found = agreement(
            (items // 2).tolist(), (items % 2).tolist(), (0, 1), np.repeat(np.arange(clusters), sizes).tolist()
        )
        assert found.kappa_error >= kappa_error(found.table)
        covered += found.kappa_low <= truth <= found.kappa_high
    assert 0.92 <= covered / repetitions <= 0.995


@pytest.mark.parametrize("clusters", [3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_ppi_covers_with_few_cells(clusters, correlation):
    random = np.random.default_rng(clusters)
    covered, repetitions = 0, 1000
    for _ in range(repetitions):
        cell = np.repeat(np.arange(clusters), 60)
        rates = np.full(clusters, 0.3)
        if correlation:
            rates = random.beta(0.3 * (1 / correlation - 1), 0.7 * (1 / correlation - 1), clusters)
        truth = random.random(len(cell)) < rates[cell]
        judged = truth & (random.random(len(cell)) < 0.8)
        drawn = random.permutation(len(cell))
        known, rest = drawn[:60], drawn[60:]
        found = ppi_mean(
            truth[known].astype(float),
            judged[known].astype(float),
            judged[rest].astype(float),
            cells=(cell[known], cell[rest]),
        )
        covered += found.low <= 0.3 <= found.high
    assert 0.92 <= covered / repetitions <= 0.998


def test_rogan_gladen_recovers_the_truth_and_covers_it():
    random = np.random.default_rng(9)
    truth = np.array([0.25, 0.45, 0.30])
    judge = np.array([[0.90, 0.08, 0.02], [0.05, 0.90, 0.05], [0.02, 0.13, 0.85]])
    # A human label and the judge's on 250 answers; the judge alone on 1,000 others, where
    # labels are distributed otherwise than in the sample.
    sample = np.array([0.4, 0.35, 0.25])
    confusions = random.multinomial(250, (sample[:, None] * judge).ravel(), 1500).reshape(-1, 3, 3)
    others = random.multinomial(1000, truth @ judge, 1500) / 1000
    found = [
        rogan_gladen(confusion, seen, (np.diag(seen) - np.outer(seen, seen)) / 1000)
        for confusion, seen in zip(confusions, others, strict=True)
    ]
    estimates = np.array([one.estimate for one in found])
    assert estimates.mean(axis=0) == pytest.approx(truth, abs=0.003)
    assert abs(others.mean(axis=0) - truth).max() > 0.01  # the raw shares are off by more
    for label in range(3):
        limits = Interval(*(np.array([getattr(one, end)[label] for one in found]) for end in ("low", "high")))
        assert 0.93 <= coverage(limits, truth[label]) <= 0.97
    # Leaving the labelled sample's error out would be too narrow.
    narrow = np.sqrt(0.25 * 0.75 / 1000)
    assert np.mean([one.error[0] for one in found]) > 1.2 * narrow


def test_a_sample_drawn_by_the_judges_label_is_corrected_for():
    """80 answers of each of the judge's labels, as the study drew them: counted as they fell, they mislead."""
    random = np.random.default_rng(13)
    truth = np.array([0.2, 0.7, 0.1])
    judge = np.array([[0.95, 0.05, 0.0], [0.06, 0.90, 0.04], [0.02, 0.18, 0.80]])
    joint = truth[:, None] * judge
    base = joint.sum(axis=0)
    other = np.array([0.4, 0.5, 0.1])  # another model
    confusions = np.stack([random.multinomial(80, joint[:, j] / base[j], 1500) for j in range(3)], axis=2)
    seen = random.multinomial(1000, other @ judge, 1500) / 1000
    found, naive_found = [], []
    for confusion, observed in zip(confusions, seen, strict=True):
        covariance = (np.diag(observed) - np.outer(observed, observed)) / 1000
        found.append(rogan_gladen_by_judge(confusion, base, observed, covariance))
        naive_found.append(rogan_gladen(confusion, observed, covariance).estimate)
    assert np.mean([one.estimate for one in found], axis=0) == pytest.approx(other, abs=0.005)
    assert abs(np.mean(naive_found, axis=0) - other).max() > 0.03
    for label in (0, 1):
        limits = Interval(*(np.array([getattr(one, end)[label] for one in found]) for end in ("low", "high")))
        assert 0.93 <= coverage(limits, other[label]) <= 0.97


def test_ppi_is_unbiased_and_narrower_than_the_labels_alone():
    random = np.random.default_rng(10)
    found, alone = [], []
    for _ in range(1500):
        truth = random.random(1200) < 0.3
        # A judge that errs to one side: it misses a quarter of the help.
        judged = truth & (random.random(1200) < 0.75)
        sample = truth[:200].astype(float)
        found.append(ppi_mean(sample, judged[:200].astype(float), judged[200:].astype(float)))
        alone.append(np.sqrt(sample.var() / 200))
    limits = Interval(*(np.array([getattr(one, end) for one in found], float) for end in ("low", "high")))
    assert np.mean([one.estimate for one in found]) == pytest.approx(0.3, abs=0.003)
    assert 0.93 <= coverage(limits, 0.3) <= 0.97
    assert np.mean([one.error for one in found]) < 0.85 * np.mean(alone)


def draw_epochs(clusters: int, rate: float, epochs: int, seed: int) -> tuple[np.ndarray, np.ndarray, Squares]:
    """Means over epochs summed by cell, cases by cell, and their squares: cells, cases and samples all vary."""
    random = np.random.default_rng(seed)
    sizes = random.choice(SIZES, (clusters, 1000))
    by_cell = random.beta(rate * 19, (1 - rate) * 19, sizes.shape)
    number = np.arange(SIZES.max())
    by_case = random.beta(by_cell[..., None] + 1e-6, 1 - by_cell[..., None] + 1e-6, (*sizes.shape, len(number)))
    means = random.binomial(epochs, by_case) / epochs * (number < sizes[..., None])
    hits, cases = means.sum(axis=-1), sizes.astype(float)
    total = cases.sum(axis=0)
    return hits, cases, Squares(np.square(means).sum(axis=(0, -1)), hits.sum(axis=0), total, epochs)


@pytest.mark.parametrize("clusters", [15, 69])
@pytest.mark.parametrize("epochs", [2, 5])
def test_intervals_over_several_answers_to_a_case_cover(clusters, epochs):
    hits, cases, squares = draw_epochs(clusters, 0.3, epochs, seed=clusters)
    ratio = cluster_ratio(hits, cases, squares)
    assert 0.93 <= coverage(ratio.interval, 0.3) <= 0.97
    # Several answers to a case tell more than one, and less than as many cases.
    single = np.sqrt(ratio.estimate * (1 - ratio.estimate) / cases.sum(axis=0))
    assert (ratio.independent_error <= single + 1e-12).all()
    assert (ratio.independent_error >= single / np.sqrt(epochs) - 1e-12).all()
