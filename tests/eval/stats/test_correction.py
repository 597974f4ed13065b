from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

from eval.stats.correction import MIN_LABELLED, ppi_mean, rogan_gladen, rogan_gladen_by_judge, share_covariance

# Rows: the human's label; columns: the judge's.
CONFUSION = np.array([[45, 5, 0], [6, 90, 4], [0, 10, 40]])


def multinomial(shares: np.ndarray, n: int) -> np.ndarray:
    return (np.diag(shares) - np.outer(shares, shares)) / n


def test_covariance_of_shares_by_hand():
    # Two cells, all yes and all no: residuals 5 and -5 of 20, variance 2 * 2 * 0.0625 = 0.25.
    shares, covariance = share_covariance(np.array([[10.0, 0.0], [0.0, 10.0]]))
    assert shares == pytest.approx([0.5, 0.5])
    assert covariance == pytest.approx(np.array([[0.25, -0.25], [-0.25, 0.25]]))
    # Two cells that are alike have none of their own: 0.25 / 20 of independent answers is left.
    _, covariance = share_covariance(np.array([[5.0, 5.0], [5.0, 5.0]]))
    assert covariance == pytest.approx(np.array([[0.0125, -0.0125], [-0.0125, 0.0125]]))


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=8))
def test_no_combination_of_shares_is_surer_than_independent_answers_make_it(counts):
    cells = np.array(counts, float)
    if not cells.sum():
        return
    shares, covariance = share_covariance(cells)
    difference = covariance - multinomial(shares, int(cells.sum()))
    assert np.linalg.eigvalsh(difference).min() > -1e-9
    assert covariance.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)


def test_two_labels_give_the_formula_of_rogan_and_gladen():
    # Sensitivity 90/100, specificity 80/100, judged positive 0.41: (0.41 + 0.8 - 1) / (0.9 + 0.8 - 1) = 0.3.
    confusion = np.array([[90, 10], [20, 80]])
    shares = np.array([0.41, 0.59])
    found = rogan_gladen(confusion, shares, multinomial(shares, 1000))
    assert found.estimate == pytest.approx([0.3, 0.7])
    # Their variance: [q(1-q)/N + p^2 se(1-se)/n1 + (1-p)^2 sp(1-sp)/n0] / (se + sp - 1)^2
    #  = [0.41*0.59/1000 + 0.09*0.09/100 + 0.49*0.16/100] / 0.49 = 0.0022594, error 0.04753.
    assert found.error == pytest.approx([0.04753, 0.04753], abs=1e-5)
    assert found.low[0] == pytest.approx(0.3 - 1.96 * 0.04753, abs=1e-4)
    assert found.n_labelled == 200


def test_three_labels_are_recovered():
    truth = np.array([0.3, 0.45, 0.25])
    judge = (CONFUSION / CONFUSION.sum(axis=1, keepdims=True)).T
    found = rogan_gladen(CONFUSION, judge @ truth, multinomial(judge @ truth, 1000))
    assert found.estimate == pytest.approx(truth)
    assert found.estimate.sum() == pytest.approx(1)


def test_a_difference_of_shares_is_corrected_alike():
    judge = (CONFUSION / CONFUSION.sum(axis=1, keepdims=True)).T
    one, two = judge @ np.array([0.3, 0.45, 0.25]), judge @ np.array([0.1, 0.5, 0.4])
    found = rogan_gladen(CONFUSION, one - two, multinomial(one, 900) + multinomial(two, 200))
    assert found.estimate == pytest.approx([0.2, -0.05, -0.15])


def test_a_perfect_judge_changes_nothing_but_adds_no_certainty():
    shares = np.array([0.2, 0.5, 0.3])
    found = rogan_gladen(np.diag([50, 50, 50]), shares, multinomial(shares, 400))
    assert found.estimate == pytest.approx(shares)
    assert found.error == pytest.approx(np.sqrt(shares * (1 - shares) / 400))


@pytest.mark.parametrize(
    ("confusion", "reason"),
    [
        ([[9, 1, 0], [0, 0, 0], [1, 2, 8]], "lacks one of the labels"),
        ([[5, 5, 5], [5, 5, 5], [5, 5, 5]], "hardly tells the labels apart"),
    ],
)
def test_what_cannot_be_corrected_says_why(confusion, reason):
    shares = np.array([0.2, 0.5, 0.3])
    found = rogan_gladen(np.array(confusion), shares, multinomial(shares, 400))
    assert np.isnan(found.estimate).all()
    assert reason in str(found.reason)


def test_a_sample_drawn_by_the_judges_label_by_hand():
    # Judge says yes to 20 %; behind its yes 45 of 50 are yes, behind its no 5 of 50:
    # true base 0.2 * 0.9 + 0.8 * 0.1 = 0.26. Observed shares equal to the base give that.
    confusion = np.array([[45, 5], [5, 45]])
    base = np.array([0.2, 0.8])
    found = rogan_gladen_by_judge(confusion, base, base, np.zeros((2, 2)))
    assert found.estimate == pytest.approx([0.26, 0.74])
    # Post-stratified: sum of base^2 * 0.09 / 50 = (0.04 + 0.64) * 0.0018, error 0.03499.
    assert found.error == pytest.approx([0.034986, 0.034986], abs=1e-6)
    # Sensitivity 0.18 / 0.26; false alarms are 0.2 * 0.1 = 0.02 of the true no, 0.74.
    se, fp = 0.18 / 0.26, 0.02 / 0.74
    found = rogan_gladen_by_judge(confusion, base, np.array([0.5, 0.5]), np.zeros((2, 2)))
    assert found.estimate[0] == pytest.approx((0.5 - fp) / (se - fp))


def test_a_sample_drawn_at_random_gives_the_same_either_way():
    """With equal chances, the judge's shares in the sample are the base, and both forms are one."""
    base = CONFUSION.sum(axis=0) / CONFUSION.sum()
    observed = np.array([0.3, 0.5, 0.2])
    by_judge = rogan_gladen_by_judge(CONFUSION, base, observed, multinomial(observed, 500))
    assert by_judge.estimate == pytest.approx(rogan_gladen(CONFUSION, observed, multinomial(observed, 500)).estimate)


def test_a_label_that_the_judge_never_gave_cannot_be_corrected():
    found = rogan_gladen_by_judge(np.array([[5, 0], [3, 0]]), np.array([0.5, 0.5]), np.array([0.5, 0.5]), np.eye(2))
    assert "lacks one of the judge's labels" in str(found.reason)


def test_share_covariance_by_hand():
    # One cell: multinomial. Cells of one answer each: (G / (G - 1)) times multinomial.
    shares, covariance = share_covariance(np.array([[2.0, 6.0]]))
    assert shares.tolist() == [0.25, 0.75]
    assert covariance == pytest.approx(multinomial(shares, 8))
    shares, covariance = share_covariance(np.array([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 6))
    assert covariance == pytest.approx(8 / 7 * multinomial(shares, 8))


def labelled(n: int, others: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.random(n + others) < 0.3
    judged = np.where(random.random(n + others) < 0.9, truth, ~truth)
    return truth[:n].astype(float), judged[:n].astype(float), judged[n:].astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_ppi_py(seed):
    truth, judged, others = labelled(80, 2000, seed)
    found = ppi_mean(truth, judged, others)
    assert found.estimate == pytest.approx(float(np.squeeze(ppi_mean_pointestimate(truth, judged, others))))
    low, high = ppi_mean_ci(truth, judged, others, alpha=0.05)
    assert (found.low, found.high) == pytest.approx((float(low[0]), float(high[0])))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_ppi_py_with_weights(seed):
    truth, judged, others = labelled(80, 2000, seed)
    weights = np.where(judged > 0, 0.5, 1.7)
    found = ppi_mean(truth, judged, others, weights)
    assert found.estimate == pytest.approx(float(np.squeeze(ppi_mean_pointestimate(truth, judged, others, w=weights))))
    low, high = ppi_mean_ci(truth, judged, others, alpha=0.05, w=weights)
    assert (found.low, found.high) == pytest.approx((float(low[0]), float(high[0])))


def test_a_judge_without_any_spread_leaves_the_human_mean():
    truth = np.tile([1.0, 0.0], 20)
    assert ppi_mean(truth, np.zeros(40), np.zeros(500)).estimate == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "others", "why"), [(MIN_LABELLED - 1, 99, "at least 30"), (50, 0, "no answers")])
def test_too_little_to_correct_with(n, others, why):
    found = ppi_mean(np.zeros(n), np.zeros(n), np.zeros(others))
    assert np.isnan(found.estimate)
    assert why in str(found.reason)
