"""Standard errors and 95 % intervals of ratios whose answers come in clusters.

Answers to cases of one cell (family x authority) resemble each other, so an interval that
takes them as independent is too narrow. The other way round cells agree by chance alone, most
easily where they are few: so no error and no interval here is narrower than that of
independent answers (a design effect of at least 1). ``tests/eval/stats/test_coverage.py`` measures
what each interval here covers, and chose the two thresholds below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

LEVEL: Final = 0.95
# Fewer clusters than this say too little about their own spread: Wilson on the answers instead.
MIN_CLUSTERS: Final = 3
# Fewer than this and resampled percentiles are too narrow whatever is done to them.
MIN_BOOTSTRAP_CLUSTERS: Final = 8


class Interval(NamedTuple):
    """Lower and upper limit, of any shape."""

    low: Floats
    high: Floats


def widest(one: Interval, other: Interval) -> Interval:
    """The interval that holds both; a limit without a value (NaN) leaves the other one's."""
    return Interval(np.fmin(one.low, other.low), np.fmax(one.high, other.high))


class Squares(NamedTuple):
    """Sums over cases of numerator squared, numerator times denominator, and denominator squared.

    What tells how much cases vary where a case's counts are means over several answers to it; ``answers`` is how
    many answers a case has at most.
    """

    numerator: Floats
    product: Floats
    denominator: Floats
    answers: int


class Ratio(NamedTuple):
    """A ratio of sums over clusters: estimate, standard error, degrees of freedom, clusters, interval.

    ``clustered`` is False where there were too few clusters: then error and interval take
    the answers as independent, and say nothing about cells that were not seen.
    ``independent_error`` and ``independent`` are what independent answers would have
    everywhere; ``error`` and ``interval`` are never narrower.
    """

    estimate: Floats
    error: Floats
    freedom: Floats
    clusters: NDArray[np.int64]
    clustered: NDArray[np.bool_]
    interval: Interval
    independent_error: Floats
    independent: Interval


def pick(ratio: Ratio, row: int | slice | tuple[int | slice, ...]) -> Ratio:
    """One row of a Ratio whose arrays have more axes, or what another index picks."""
    return Ratio(
        ratio.estimate[row],
        ratio.error[row],
        ratio.freedom[row],
        ratio.clusters[row],
        ratio.clustered[row],
        Interval(ratio.interval.low[row], ratio.interval.high[row]),
        ratio.independent_error[row],
        Interval(ratio.independent.low[row], ratio.independent.high[row]),
    )


def join(ratios: Sequence[Ratio]) -> Ratio:
    """Ratios below each other; one without the leading axis becomes a row."""
    return Ratio(
        np.vstack([ratio.estimate for ratio in ratios]),
        np.vstack([ratio.error for ratio in ratios]),
        np.vstack([ratio.freedom for ratio in ratios]),
        np.vstack([ratio.clusters for ratio in ratios]),
        np.vstack([ratio.clustered for ratio in ratios]),
        _stack([ratio.interval for ratio in ratios]),
        np.vstack([ratio.independent_error for ratio in ratios]),
        _stack([ratio.independent for ratio in ratios]),
    )


def _stack(intervals: Sequence[Interval]) -> Interval:
    return Interval(np.vstack([one.low for one in intervals]), np.vstack([one.high for one in intervals]))


def t_quantile(freedom: Floats | float, probability: float = (1 + LEVEL) / 2) -> Floats:
    """Student's t quantile; the normal one where ``freedom`` is infinite, NaN where it is not positive."""
    freedom = np.asarray(freedom, np.float64)
    # What scipy.stats.t.ppf calls in the end; scipy.stats takes longer to import than a table of scores to compute.
    with np.errstate(invalid="ignore"):
        finite = special.stdtrit(np.where(freedom > 0, freedom, np.nan), probability)
    return np.asarray(np.where(np.isposinf(freedom), special.ndtri(probability), finite), np.float64)


def wilson(successes: Floats, trials: Floats, quantile: Floats | float | None = None) -> Interval:
    """Wilson's score interval (Wilson 1927, JASA 22:209) of a share; NaN where ``trials`` is 0.

    Both arguments may be fractional, as an effective number of trials is; ``quantile`` is
    1.96 unless told otherwise.
    """
    z2 = np.square(t_quantile(np.inf) if quantile is None else quantile)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / trials
        shrink = 1 + z2 / trials
        centre = (share + z2 / (2 * trials)) / shrink
        half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / shrink
    # At 0 and 1 the limit is exact; rounding would leave it a hair to the wrong side.
    return Interval(
        np.where(share <= 0, 0.0, np.clip(centre - half, 0, 1)), np.where(share >= 1, 1.0, np.clip(centre + half, 0, 1))
    )


def cluster_ratio(numerator: Floats, denominator: Floats, squares: Squares | None = None) -> Ratio:
    """A share with its clustered error; both arguments hold counts, shape (clusters, ...).

    Counts may be fractions, where a case was answered several times and counts its mean. Then ``squares``, of
    shape (...), says how much those means vary. The variance of independent cases is that between their means,
    which holds what answers to one case vary by as well (two-stage sampling with large populations: Cochran 1977,
    section 10.3).

    The error is that of the linearised ratio estimator with the factor G / (G - 1) for G
    clusters (Cochran 1977, Sampling Techniques, section 6.13); G counts only those with data.
    The interval is Wilson's with the effective number of trials p(1 - p) / error^2 and the
    t quantile of G - 1 degrees of freedom (Franco, Little, Louis and Slud 2019, J. Surv.
    Stat. Methodol. 7:334), which stays within 0 and 1 and keeps its coverage at low rates,
    where estimate plus or minus t times error does not. At 0 and 1, where the cells do not
    differ, the answers are the trials.

    Few cells may agree more than independent answers do, by chance. So the error is at least
    that of independent answers, and the interval holds their Wilson interval as well.
    """
    total = denominator.sum(axis=0)
    clusters = (denominator > 0).sum(axis=0)
    clustered = clusters >= MIN_CLUSTERS
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = numerator.sum(axis=0) / total
        residual = numerator - estimate * denominator
        error = np.sqrt(clusters / (clusters - 1) * np.square(residual).sum(axis=0)) / total
        spread = estimate * (1 - estimate)
        trials = total if squares is None else _trials(estimate, total, spread, squares)
        alone = np.sqrt(spread / trials)
        error = np.where(clustered, error, alone)
        freedom = np.where(clustered, clusters - 1.0, np.inf)
        effective = np.where(clustered & (spread > 0), spread / np.square(error), trials)
    independent = wilson(estimate * trials, trials)
    return Ratio(
        estimate,
        np.maximum(error, alone),
        np.where(total > 0, freedom, np.nan),
        clusters,
        clustered & (total > 0),
        widest(wilson(estimate * effective, effective, t_quantile(freedom)), independent),
        alone,
        independent,
    )


def _trials(estimate: Floats, total: Floats, spread: Floats, squares: Squares) -> Floats:
    """How many single answers would tell as much as these cases do, were all independent: p(1 - p) / error^2.

    Between the number of cases and that of answers; the number of cases at 0 and 1, where no case differs.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        within = squares.numerator - 2 * estimate * squares.product + np.square(estimate) * squares.denominator
        told = np.clip(spread * np.square(total) / np.maximum(within, 0), total, squares.answers * total)
    return np.where((spread > 0) & (total > 0), told, total)


def welch_freedom(a: Ratio, b: Ratio) -> Floats:
    """Degrees of freedom of the error of a difference (Welch 1947, Biometrika 34:28)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = a.error**4 / a.freedom + b.error**4 / b.freedom
        return np.where(parts > 0, (a.error**2 + b.error**2) ** 2 / parts, np.minimum(a.freedom, b.freedom))


def difference_interval(a: Floats, of_a: Interval, b: Floats, of_b: Interval) -> Interval:
    """Interval of a minus b, for independent a and b, from their own intervals.

    The square-and-add method (Newcombe 1998, Stat. Med. 17:873, method 10; Zou and Donner
    2008, Stat. Med. 27:1693): it keeps the skew that both have near 0 and 1, and is as wide
    as theirs at least.
    """
    low = a - b - np.hypot(a - of_a.low, of_b.high - b)
    high = a - b + np.hypot(of_a.high - a, b - of_b.low)
    return Interval(low, high)


def difference(a: Ratio, b: Ratio) -> Ratio:
    """a minus b as a Ratio, for independent a and b; ``clusters`` is the smaller side's."""
    return Ratio(
        a.estimate - b.estimate,
        np.hypot(a.error, b.error),
        welch_freedom(a, b),
        np.minimum(a.clusters, b.clusters),
        a.clustered & b.clustered,
        difference_interval(a.estimate, a.interval, b.estimate, b.interval),
        np.hypot(a.independent_error, b.independent_error),
        difference_interval(a.estimate, a.independent, b.estimate, b.independent),
    )


def paired_error(numerators: tuple[Floats, Floats], denominators: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Difference of two ratios over the same clusters, and its clustered error.

    Counts of shape (clusters, ...). The residuals of both ratios are subtracted before they
    are squared, so that what both models find hard cancels (the linearised difference of
    two ratios from one sample: Cochran 1977, Sampling Techniques, section 6.13).
    """
    residual = np.zeros(np.broadcast_shapes(numerators[0].shape, numerators[1].shape))
    estimates = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for sign, numerator, denominator in zip((1, -1), numerators, denominators, strict=True):
            total = denominator.sum(axis=0)
            estimates.append(numerator.sum(axis=0) / total)
            residual = residual + sign * (numerator - estimates[-1] * denominator) / total
        n = len(residual)
        error = np.sqrt(np.divide(n, n - 1) * np.square(residual).sum(axis=0))
    return estimates[0] - estimates[1], np.asarray(error)


def minimum_detectable_difference(ratio: Ratio, *, power: float = 0.8, level: float = LEVEL) -> Floats:
    """The smallest true difference between two models that would be found with this power.

    Two-sided at 1 - ``level``, two models that each have this error, unpaired (Bloom 1995,
    Eval. Rev. 19:547): (t quantile + t quantile of the power) * error * sqrt(2). Models
    answer the same cases, so a paired comparison usually does better. Where the error is that
    of independent answers, which is not estimated from cells, the quantiles are the normal
    ones; where it is 0, half the interval over its quantile stands for it.
    """
    freedom = np.where((ratio.error > ratio.independent_error) | (ratio.error == 0), ratio.freedom, np.inf)
    quantile = t_quantile(freedom, (1 + level) / 2)
    half = (ratio.interval.high - ratio.interval.low) / 2
    error = np.where(ratio.error > 0, ratio.error, half / quantile)
    return np.asarray((quantile + t_quantile(freedom, power)) * error * np.sqrt(2))


def bounds(numerator: Floats, denominator: Floats, unscored: Floats) -> Interval:
    """The lowest and highest share that the unscored answers could make it (Manski 1990).

    At one end every unscored answer enters the denominator alone, at the other both. 0 and
    1 where nothing is scored but something unscored, NaN where there is neither.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total = denominator + unscored
        return Interval(numerator / total, (numerator + unscored) / total)
