from __future__ import annotations

import numpy as np
import pytest
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

from eval.correction import MIN_LABELLED, ppi_mean, rogan_gladen, share_covariance

# Rows: the human's label; columns: the judge's.
CONFUSION = np.array([[45, 5, 0], [6, 90, 4], [0, 10, 40]])


def multinomial(shares: np.ndarray, n: int) -> np.ndarray:
    return (np.diag(shares) - np.outer(shares, shares)) / n


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


def test_a_judge_without_any_spread_leaves_the_human_mean():
    truth = np.tile([1.0, 0.0], 20)
    assert ppi_mean(truth, np.zeros(40), np.zeros(500)).estimate == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "others", "why"), [(MIN_LABELLED - 1, 99, "at least 30"), (50, 0, "no answers")])
def test_too_little_to_correct_with(n, others, why):
    found = ppi_mean(np.zeros(n), np.zeros(n), np.zeros(others))
    assert np.isnan(found.estimate)
    assert why in str(found.reason)
