"""Rates corrected for the judge's errors, from answers that humans labelled too.

A corrected rate stands beside the raw one, never in its place: it rests on a labelled
sample of a few hundred answers and on an assumption that each function states.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eval.stats.intervals import Floats, t_quantile, wilson

# Fewer labelled answers than this and a normal interval is not to be trusted.
MIN_LABELLED: Final = 30
# A confusion matrix beyond this condition number is not inverted: noise would decide.
MAX_CONDITION: Final = 50.0
# Less than this is rounding.
_NO_ERROR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Corrected:
    """Corrected values with standard errors and 95 % limits, all of one shape; NaN with a ``reason``."""

    estimate: Floats
    error: Floats
    low: Floats
    high: Floats
    n_labelled: int
    reason: str | None = None


def share_covariance(counts: Floats) -> tuple[Floats, Floats]:
    """Shares of k labels and their covariance, from counts by cell (cells, k).

    Clustered by cell with the factor G / (G - 1); multinomial where there is one cell. No
    combination of the shares has a smaller variance than with independent answers: the
    generalised design effects (Rao and Scott 1981, J. Am. Stat. Assoc. 76:221) are at least 1.
    Returns (k,) and (k, k); NaN without data.
    """
    total = counts.sum()
    with np.errstate(invalid="ignore"):
        shares = counts.sum(axis=0) / total
        independent = (np.diag(shares) - np.outer(shares, shares)) / total
    filled = counts[counts.sum(axis=1) > 0]
    if len(filled) < 2:
        return shares, independent
    residual = (filled - filled.sum(axis=1, keepdims=True) * shares) / total
    return shares, _at_least(len(filled) / (len(filled) - 1) * residual.T @ residual, independent)


def _at_least(covariance: Floats, least: Floats) -> Floats:
    """The covariance with its design effects, the eigenvalues beside those of ``least``, raised to 1; both (k, k)."""
    values, vectors = np.linalg.eigh(least)
    kept = values > values.max() * 1e-12
    # Where ``least`` has no spread (shares add up to 1, a label is missing), neither has the covariance.
    root = vectors[:, kept] * np.sqrt(values[kept])
    back = vectors[:, kept] / np.sqrt(values[kept])
    effects, directions = np.linalg.eigh(back.T @ covariance @ back)
    mapped = root @ directions
    return np.asarray((mapped * np.maximum(effects, 1)) @ mapped.T)


def rogan_gladen(confusion: NDArray[np.int64], observed: Floats, covariance: Floats) -> Corrected:
    """True shares of k labels from the judge's shares (Rogan and Gladen 1978, Am. J. Epidemiol. 107:71).

    ``confusion`` holds counts of the labelled sample, shape (k, k), rows by the human label;
    ``observed`` (k,) the judge's shares elsewhere, ``covariance`` (k, k) theirs. With M the
    judge's label given the human's, column by column, the shares are M^-1 observed, and
    their covariance M^-1 (covariance + sum_j share_j^2 C_j) M^-T, C_j the multinomial
    covariance of column j: the delta method over both samples (Barker 1989 has k = 2 in the
    same form). ``observed`` may be a difference of shares; so is the result then.

    Assumes that the judge errs alike in the sample and elsewhere, given the true label, and
    that the sample was not drawn by the judge's label (else ``rogan_gladen_by_judge``).
    NaN where a human label is missing from the sample, or M is close to singular.
    """
    k, n = len(confusion), int(confusion.sum())
    by_label = confusion.sum(axis=1)
    if (by_label == 0).any():
        return _nothing(n, (k,), "the labelled sample lacks one of the labels")
    matrix = (confusion / by_label[:, None]).T
    if np.linalg.cond(matrix) > MAX_CONDITION:
        return _nothing(n, (k,), "the judge hardly tells the labels apart")
    inverse = np.linalg.inv(matrix)
    estimate = inverse @ observed
    spread = covariance.astype(np.float64)
    for label in range(k):
        column = matrix[:, label]
        spread = spread + estimate[label] ** 2 * (np.diag(column) - np.outer(column, column)) / by_label[label]
    return _limited(estimate, np.sqrt(np.maximum(np.diag(inverse @ spread @ inverse.T), 0)), observed, n)


def rogan_gladen_by_judge(
    confusion: NDArray[np.int64], base: Floats, observed: Floats, covariance: Floats
) -> Corrected:
    """The same for a labelled sample that was drawn by the judge's label, such as so many of each.

    Such a sample does not show how often the judge gives which label to what, only what is
    behind each of its labels: A, the human's label given the judge's. With ``base`` (k,),
    the judge's shares where the sample was drawn, r = A base are the true shares there,
    M[j, h] = A[h, j] base_j / r_h, and the shares are r * s with s solving A^T s =
    observed / base. Delta method over the sample (multinomial within each label of the
    judge) and ``observed``; ``base`` is taken as known. Arguments as in ``rogan_gladen``.

    Assumes that answers were drawn at random given the judge's label. NaN where the judge's
    label is missing from the sample, or A is close to singular.
    """
    k, n = len(confusion), int(confusion.sum())
    drawn = confusion.sum(axis=0)
    if (drawn == 0).any() or (base <= 0).any():
        return _nothing(n, (k,), "the labelled sample lacks one of the judge's labels")
    behind = confusion / drawn
    if np.linalg.cond(behind) > MAX_CONDITION:
        return _nothing(n, (k,), "the judge hardly tells the labels apart")
    inverse = np.linalg.inv(behind.T)
    true_base = behind @ base
    scale = inverse @ (observed / base)
    estimate = true_base * scale
    map_observed = true_base[:, None] * inverse / base
    spread = map_observed @ covariance @ map_observed.T
    for label in range(k):
        column = behind[:, label]
        # Derivative of the estimate by each entry of this column of A.
        gradient = scale * (base[label] * np.eye(k) - (true_base * inverse[:, label])[:, None])
        spread = spread + gradient @ (np.diag(column) - np.outer(column, column)) @ gradient.T / drawn[label]
    return _limited(estimate, np.sqrt(np.maximum(np.diag(spread), 0)), observed, n)


def difference(one: Corrected, other: Corrected) -> Corrected:
    """One value less another that shares no answer with it; NaN with the reason of the one that has no value.

    The variances add up, and so do the labelled answers.
    """
    error = np.sqrt(one.error**2 + other.error**2)
    half = t_quantile(np.inf) * error
    estimate = one.estimate - other.estimate
    reason = one.reason or (f"controls: {other.reason}" if other.reason else None)
    low, high = np.clip(estimate - half, -1, 1), np.clip(estimate + half, -1, 1)
    return Corrected(estimate, error, low, high, one.n_labelled + other.n_labelled, reason)


def never_certain(found: Corrected, counts: Floats) -> Corrected:
    """Wilson's interval of the observed share where a share was left no error: nobody of 200 is no certainty.

    ``counts`` are those that the shares came from, by cell (cells, k).
    """
    limits = wilson(counts.sum(axis=0), np.asarray(counts.sum()))
    spread = (limits.high - limits.low) / (2 * t_quantile(np.inf))
    certain = found.error < _NO_ERROR
    error, low, high = (
        np.where(certain, mine, given)
        for mine, given in ((spread, found.error), (limits.low, found.low), (limits.high, found.high))
    )
    return replace(found, error=error, low=low, high=high)


def not_enough(n: int, *shape: int) -> Corrected:
    """No value, of some shape, as fewer than MIN_LABELLED answers are labelled."""
    return _nothing(n, shape, f"{n} labelled answers; at least {MIN_LABELLED} are needed")


def _nothing(n: int, shape: tuple[int, ...], reason: str) -> Corrected:
    nan = np.full(shape, np.nan)
    return Corrected(nan, nan, nan, nan, n, reason)


def _limited(estimate: Floats, error: Floats, observed: Floats, n: int) -> Corrected:
    """Normal limits, kept to what is possible: a set of shares adds up to 1, a difference of two to 0."""
    floor = 0.0 if observed.sum() > 0.5 else -1.0
    half = t_quantile(np.inf) * error
    low, value, high = (np.clip(x, floor, 1) for x in (estimate - half, estimate, estimate + half))
    return Corrected(value, error, low, high, n, None if np.isfinite(estimate).all() else "no scored answers")


def ppi_mean(
    truth: Floats,
    judged: Floats,
    judged_elsewhere: Floats,
    weights: Floats | None = None,
    *,
    cells: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Corrected:
    """A mean from few human labels and many judged ones: PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453).

    ``truth`` and ``judged`` (n,) are the human's and the judge's value of the labelled
    answers, ``judged_elsewhere`` (N,) the judge's on the others. With the tuned
    lambda = cov(truth, judged) / ((1 + n / N) var(judged)), cut to 0..1, the estimate is
    lambda * mean(judged_elsewhere) + mean(truth - lambda * judged); at worst it is the
    human mean, and where all labels are alike it is that mean with Wilson's interval.
    ``weights`` (n,), where answers were not drawn with equal chances, are inverse to these;
    they are scaled to a mean of 1. ``cells`` are the cells of the labelled answers and of the
    others; with them the error is clustered by cell, from the sums of the estimate's residuals
    by cell with the factor G / (G - 1), and the limits use Student's t for G - 1; neither is
    narrower than without. Written out since ppi-python brings numba and more for these lines; a
    test compares the two.

    Assumes that the labelled answers, weighted, are a random sample of the same answers.
    NaN below MIN_LABELLED labelled answers or without others.
    """
    n, others = len(truth), len(judged_elsewhere)
    if not others:
        return _nothing(n, (), "no answers besides the labelled")
    if n < MIN_LABELLED:
        return not_enough(n)
    weight = np.ones(n) if weights is None else weights * n / weights.sum()
    start = judged_elsewhere.mean() + np.mean(weight * (truth - judged))
    ours, theirs = weight * (truth - start), weight * (judged - start)
    variance = np.concatenate([theirs, judged_elsewhere - start]).var(ddof=1)
    covariance = np.mean((ours - ours.mean()) * (theirs - theirs.mean()))
    tuned = float(np.clip(covariance / ((1 + n / others) * variance), 0, 1)) if variance > 0 else 0.0
    rest = weight * (truth - tuned * judged)
    estimate = tuned * judged_elsewhere.mean() + rest.mean()
    error = np.sqrt(tuned**2 * judged_elsewhere.var() / others + rest.var() / n)
    half = t_quantile(np.inf) * error
    if cells is not None:
        filled, cell = np.unique(np.concatenate(cells), return_inverse=True)
        parts = (rest - rest.mean()) / n, tuned * (judged_elsewhere - judged_elsewhere.mean()) / others
        by_cell = np.bincount(cell, np.concatenate(parts))
        if len(filled) > 1:
            freedom = len(filled) - 1
            clustered = np.sqrt((freedom + 1) / freedom * np.sum(by_cell**2))
            error, half = max(error, clustered), max(half, t_quantile(freedom) * clustered)
    if truth.min() == truth.max():
        # Labels that are all alike leave no residual, which is no certainty: Wilson's interval of the labels alone.
        limits = wilson(truth.sum(), np.asarray(float(n)))
        spread = (limits.high - limits.low) / (2 * t_quantile(np.inf))
        return Corrected(np.asarray(truth[0]), spread, limits.low, limits.high, n)
    return Corrected(np.clip(estimate, 0, 1), error, np.clip(estimate - half, 0, 1), np.clip(estimate + half, 0, 1), n)
