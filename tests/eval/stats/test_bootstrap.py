from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from eval.stats.bootstrap import cell_weights, percentile_limits, resample_ratios, tail


def test_each_side_is_drawn_as_often_as_it_has_cells():
    sides = np.array([True] * 7 + [False] * 3)
    weights = cell_weights(sides, resamples=200)
    assert weights.shape == (10, 200)
    assert (weights[:7].sum(axis=0) == 7).all()
    assert (weights[7:].sum(axis=0) == 3).all()
    assert len(np.unique(weights, axis=1).T) > 100


def test_same_seed_same_draws():
    sides = np.array([True, True, False, False])
    assert np.array_equal(cell_weights(sides, resamples=50, seed=4), cell_weights(sides, resamples=50, seed=4))
    assert not np.array_equal(cell_weights(sides, resamples=50, seed=4), cell_weights(sides, resamples=50, seed=5))


def test_one_side_may_be_empty():
    assert cell_weights(np.array([True, True]), resamples=9).sum(axis=0).tolist() == [2] * 9


def test_resampled_ratios_by_hand():
    # Two cells, one model, counts (scored, helps): (4, 1) and (2, 2).
    counts = np.array([[[4.0, 1.0]], [[2.0, 2.0]]])
    weights = np.array([[2, 1, 0], [0, 1, 2]], np.float32)
    drawn = resample_ratios(counts, np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]), weights)
    assert drawn[0, 0] == pytest.approx([0.25, 0.5, 1.0])


def test_empty_denominators_are_nan():
    drawn = resample_ratios(np.zeros((2, 1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 5), np.float32))
    assert np.isnan(drawn).all()


def test_percentile_limits_by_hand():
    # 100 draws, 3 % left out at each end: the 4th smallest and the 4th largest.
    draws = np.arange(100, dtype=np.float32)[None]
    low, high = percentile_limits(draws, np.array([0.03]))
    assert (low[0], high[0]) == (3, 96)


def test_percentile_limits_leave_missing_draws_out():
    draws = np.array([[5, np.nan, 1, 2, np.nan, 4, 3], [1, 2, 3, 4, 5, 6, 7], [np.nan] * 7], np.float32)
    low, high = percentile_limits(draws, np.array([0.2, 0.15, 0.1]))
    assert low[:2].tolist() == [2, 2]
    assert high[:2].tolist() == [4, 6]
    assert np.isnan([low[2], high[2]]).all()


def test_percentile_limits_without_a_tail_are_nan():
    assert np.isnan(percentile_limits(np.ones((1, 9), np.float32), np.array([np.nan]))).all()


def test_limits_are_those_of_sorted_draws_in_double_precision():
    """Selecting in single precision moves no limit by 0.05 points, with ties, missing and equal draws among them."""
    random = np.random.default_rng(3)
    sizes = random.integers(0, 30, (40, 5)).astype(float)
    sizes[:, 3] = 0
    sizes[6:, 4] = 0
    hits = np.minimum(sizes, random.integers(0, 20, sizes.shape))
    hits[:, 2] = sizes[:, 2]
    weights = cell_weights(np.ones(40, bool), resamples=2000)
    drawn = resample_ratios(np.stack([sizes, hits], axis=-1), np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]), weights)
    tails = np.array([0.025, 0.02, 0.01, 0.02, 0.02])
    low, high = percentile_limits(drawn[0], tails)
    for model, share in enumerate(tails):
        with np.errstate(invalid="ignore"):
            exact = np.sort(hits[:, model] @ weights.astype(float) / (sizes[:, model] @ weights.astype(float)))
        there = exact[~np.isnan(exact)]
        if model == 3:
            assert not len(there)
            assert np.isnan([low[model], high[model]]).all()
            continue
        below = int(share * len(there))
        assert (low[model], high[model]) == pytest.approx((there[below], there[-1 - below]), abs=0.0005)


def test_tail_is_expanded_for_few_clusters():
    # t for 9 degrees of freedom is 2.26216; times sqrt(10 / 9) 2.38454, whose normal tail is 0.00855.
    assert tail(np.array([9.0]))[0] == pytest.approx(0.00855, abs=1e-5)
    assert tail(np.array([1e9]))[0] == pytest.approx(0.025, abs=1e-6)


def test_agrees_with_scipy_on_one_slice():
    """The same statistic resampled by scipy: same limits within simulation error."""
    random = np.random.default_rng(1)
    hits, sizes = random.integers(0, 9, 30).astype(float), np.full(30, 10.0)

    def share(rows: np.ndarray) -> float:
        return hits[rows].sum() / sizes[rows].sum()

    ours = resample_ratios(
        np.stack([sizes, hits], axis=-1)[:, None],
        np.array([[0.0, 1.0]]),
        np.array([[1.0, 0.0]]),
        cell_weights(np.ones(30, bool), resamples=9999),
    )
    low, high = percentile_limits(ours[0], np.array([0.025]))
    theirs = stats.bootstrap(
        (np.arange(30),), share, n_resamples=9999, method="percentile", vectorized=False, rng=np.random.default_rng(2)
    ).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.006)
