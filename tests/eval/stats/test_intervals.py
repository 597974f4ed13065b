from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from eval.stats.intervals import (
    MIN_CLUSTERS,
    bounds,
    cluster_ratio,
    difference,
    minimum_detectable_difference,
    t_quantile,
    wilson,
)


def array(*values: float) -> np.ndarray:
    return np.array(values, float)


def test_wilson_by_hand():
    # 8 of 10, z = 1.96: centre (0.8 + 0.19208) / 1.38416 = 0.71674, half width 0.22659.
    low, high = wilson(array(8), array(10), 1.96)
    assert low[0] == pytest.approx(0.4902, abs=1e-4)
    assert high[0] == pytest.approx(0.9433, abs=1e-4)


@given(st.integers(1, 2000), st.data())
def test_wilson_agrees_with_statsmodels(trials, data):
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(array(successes), array(trials))
    expected = proportion_confint(successes, trials, method="wilson")
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-12)
    assert low[0] <= successes / trials <= high[0]


def test_wilson_without_trials_is_nan():
    assert np.isnan(wilson(array(0), array(0))).all()


def test_clustered_error_by_hand():
    # Cells of 4 with 4, 2, 2, 0 hits: share 8/16 = 0.5, residuals 2, 0, 0, -2.
    # error = sqrt(4/3 * 8) / 16 = 0.20412; as if independent: sqrt(0.25 / 16) = 0.125.
    ratio = cluster_ratio(array(4, 2, 2, 0), array(4, 4, 4, 4))
    assert ratio.estimate == 0.5
    assert ratio.error == pytest.approx(0.204124, abs=1e-6)
    assert ratio.clusters == 4
    assert ratio.freedom == 3
    # 0.25 / 0.204124^2 = 6 effective trials, t = 3.18245 for 3 degrees of freedom:
    # half width of Wilson's interval at a half: t / (2 * sqrt(6 + t^2)) = 0.39622.
    assert ratio.interval.low == pytest.approx(0.5 - 0.39622, abs=1e-5)
    assert ratio.interval.high == pytest.approx(0.5 + 0.39622, abs=1e-5)


def test_cells_that_agree_by_chance_leave_the_error_of_independent_answers():
    # Cells of 4 with 2, 2, 1, 3 hits: residuals 0, 0, -1, 1, error sqrt(4/3 * 2) / 16 = 0.10206,
    # less than sqrt(0.25 / 16) = 0.125 of independent answers.
    ratio = cluster_ratio(array(2, 2, 1, 3), array(4, 4, 4, 4))
    assert ratio.error == ratio.independent_error == 0.125
    # 0.25 / 0.10206^2 = 24 trials and t = 3.18245 still give the wider interval: t / (2 * sqrt(24 + t^2)) = 0.27238.
    assert ratio.interval.high - 0.5 == pytest.approx(0.27238, abs=1e-5)
    # Each cell with 2: no clustered error at all. Wilson for 8 of 16: z / (2 * sqrt(16 + z^2)) = 0.22.
    ratio = cluster_ratio(array(2, 2, 2, 2), array(4, 4, 4, 4))
    assert ratio.error == 0.125
    assert ratio.interval.low == pytest.approx(0.5 - 0.22, abs=1e-4)
    assert ratio.clustered


@given(st.lists(st.integers(0, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=9))
def test_no_interval_is_narrower_than_that_of_independent_answers(cells):
    hits, sizes = np.array(cells, float).T
    if not sizes.sum():
        return
    ratio, alone = cluster_ratio(hits, sizes), proportion_confint(hits.sum(), sizes.sum(), method="wilson")
    assert ratio.interval.low <= alone[0] + 1e-9
    assert ratio.interval.high >= alone[1] - 1e-9
    assert ratio.error >= np.sqrt(ratio.estimate * (1 - ratio.estimate) / sizes.sum())
    other = cluster_ratio(hits[::2], sizes[::2])
    if sizes[::2].sum():
        gap = difference(ratio, other)
        expected = confint_proportions_2indep(
            hits.sum(), sizes.sum(), hits[::2].sum(), sizes[::2].sum(), method="newcomb", compare="diff"
        )
        assert gap.interval.low <= expected[0] + 1e-9
        assert gap.interval.high >= expected[1] - 1e-9
        assert minimum_detectable_difference(ratio) >= minimum_detectable_difference(
            cluster_ratio(hits.sum(keepdims=True), sizes.sum(keepdims=True))
        ) * (1 - 1e-9)


def test_clustered_error_agrees_with_the_sandwich_of_statsmodels():
    import statsmodels.api as sm

    random = np.random.default_rng(3)
    sizes = random.integers(3, 20, 25)
    groups = np.repeat(np.arange(25), sizes)
    hits = random.random(len(groups)) < np.repeat(random.beta(2, 3, 25), sizes)
    fit = sm.OLS(hits.astype(float), np.ones(len(hits))).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    ratio = cluster_ratio(np.bincount(groups, hits).astype(float), sizes.astype(float))
    # statsmodels leaves the factor G / (G - 1) out when no correction is asked for.
    assert ratio.error == pytest.approx(fit.bse[0] * np.sqrt(25 / 24), rel=1e-9)


def test_too_few_clusters_fall_back_to_wilson():
    few = MIN_CLUSTERS - 1
    ratio = cluster_ratio(np.full(few, 2.0), np.full(few, 5.0))
    assert not ratio.clustered
    assert np.isinf(ratio.freedom)
    assert tuple(ratio.interval) == pytest.approx(proportion_confint(2 * few, 5 * few, method="wilson"))


def test_clusters_without_data_do_not_count():
    ratio = cluster_ratio(array(4, 2, 2, 0, 0, 0), array(4, 4, 4, 4, 0, 0))
    assert ratio.clusters == 4
    assert ratio.error == pytest.approx(0.204124, abs=1e-6)


def test_no_data_is_nan():
    ratio = cluster_ratio(np.zeros(5), np.zeros(5))
    for value in (ratio.estimate, ratio.error, ratio.freedom, *ratio.interval, minimum_detectable_difference(ratio)):
        assert np.isnan(value)


def test_no_hit_at_all_still_has_a_width():
    ratio = cluster_ratio(np.zeros(10), np.full(10, 10.0))
    # t^2 / (100 + t^2) with t = 2.2622 for 9 degrees of freedom.
    assert ratio.interval.low == 0
    assert ratio.interval.high == pytest.approx(5.1175 / 105.1175, abs=1e-4)


def test_difference_agrees_with_newcombe():
    a, b = (cluster_ratio(array(hits), array(trials)) for hits, trials in ((56, 70), (48, 80)))
    expected = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert tuple(difference(a, b).interval) == pytest.approx(expected, abs=1e-9)


def test_difference_has_welch_freedom():
    random = np.random.default_rng(5)
    a, b = (cluster_ratio(random.integers(0, 9, n).astype(float), np.full(n, 8.0)) for n in (20, 9))
    both = difference(a, b)
    # scipy's Welch test on the cells' shares: all cells are of one size, so these are plain means.
    result = stats.ttest_ind_from_stats(
        a.estimate, a.error * np.sqrt(20), 20, b.estimate, b.error * np.sqrt(9), 9, equal_var=False
    )
    p_value = 2 * stats.t.sf(abs(both.estimate) / both.error, both.freedom)
    assert p_value == pytest.approx(result.pvalue, rel=1e-9)


def test_minimum_detectable_difference_by_hand():
    # Three cells, so the answers are independent trials: error sqrt(0.24 / 600) = 0.02;
    # (1.95996 + 0.84162) * 0.02 * 1.41421 = 0.07924.
    ratio = cluster_ratio(array(120, 120, 120), array(200, 200, 200))
    assert minimum_detectable_difference(ratio) == pytest.approx(0.07924, abs=1e-5)


def test_minimum_detectable_difference_where_the_cells_do_not_differ():
    assert 0 < minimum_detectable_difference(cluster_ratio(np.zeros(9), np.full(9, 10.0))) < 1


def test_bounds_by_hand():
    # 6 of 10 scored help and 5 are unscored: from 6/15 to 11/15.
    low, high = bounds(array(6), array(10), array(5))
    assert (low[0], high[0]) == pytest.approx((0.4, 11 / 15))
    assert [limit[0] for limit in bounds(array(0), array(0), array(3))] == [0, 1]
    assert np.isnan(bounds(array(0), array(0), array(0))).all()


def test_t_quantile():
    assert t_quantile(np.inf) == pytest.approx(1.959964)
    assert t_quantile(3.0) == pytest.approx(3.182446)
    assert np.isnan(t_quantile(0.0))
