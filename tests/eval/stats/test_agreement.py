from __future__ import annotations

from math import isfinite, isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from dataset_builder.dataset.kappa import clustered_kappa_error
from eval.stats.agreement import agreement, confusion, kappa_error, krippendorff_alpha

LABELS = ("helps", "deflects", "hard_refusal")


def spread(table: list[list[int]]) -> tuple[list[str], list[str]]:
    pairs = [(LABELS[i], LABELS[j]) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_by_hand():
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 35/50 agree, 0.5 by chance, kappa 0.4.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = agreement(first, second, ("yes", "no"))
    assert found.table.tolist() == [[20, 5], [10, 15]]
    assert (found.n, found.observed) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    # statsmodels for this table: 0.1269... (its own test of Fleiss' formula).
    assert found.kappa_error == pytest.approx(cohens_kappa(found.table).std_kappa)
    yes = found.classes[0]
    assert (yes.reference, yes.judged) == (25, 30)
    assert yes.precision == pytest.approx(20 / 30)
    assert yes.recall == pytest.approx(20 / 25)
    assert yes.negative_predictive_value == pytest.approx(15 / 20)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_and_its_interval_agree_with_statsmodels(table):
    counts = np.array(table)
    first, second = spread(table)
    found = agreement(first, second, LABELS)
    assert found.table.tolist() == table
    if isnan(found.kappa):
        assert found.reason
        return
    if found.observed == 1:  # theirs is then certain, [1, 1]
        assert found.kappa_low < found.kappa_high == 1
        return
    with np.errstate(all="ignore"):  # its z value for a kappa without spread
        theirs = cohens_kappa(counts)
    assert found.kappa == pytest.approx(theirs.kappa, abs=1e-9)
    assert found.kappa_error**2 == pytest.approx(max(theirs.var_kappa, 0), abs=1e-9)
    if isfinite(theirs.kappa_low):  # rounding can leave a variance a hair below 0, and then it has no limits
        assert found.kappa_low == pytest.approx(max(-1, theirs.kappa_low), abs=1e-4)
        assert found.kappa_high == pytest.approx(min(1, theirs.kappa_upp), abs=1e-4)


def test_clustered_error_of_kappa_by_hand():
    # The table above. An item's influence on kappa: 0.48 where both say yes, -1.52 yes and no, -1.28 no and
    # yes, 0.72 both no. Each kind a cluster: sums 9.6, -7.6, -12.8, 10.8, squares 430.4 together;
    # error = sqrt(4/3 * 430.4) / 50 = 0.47911.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    clusters = [0] * 20 + [1] * 5 + [2] * 10 + [3] * 15
    found = agreement(first, second, ("yes", "no"), clusters)
    assert found.kappa_error == pytest.approx(0.47911, abs=1e-5)
    assert found.kappa_low == -1
    assert found.observed_high - found.observed_low > 0.5
    # In every fifth of the items the same table: no clustered error, so that of independent items stands,
    # sqrt(20 * 0.48^2 + 5 * 1.52^2 + 10 * 1.28^2 + 15 * 0.72^2) / 50 = 0.127.
    alike = agreement(first, second, ("yes", "no"), [n % 5 for n in range(50)])
    plain = agreement(first, second, ("yes", "no"))
    assert alike.kappa_error == pytest.approx(0.127, abs=1e-4) == plain.kappa_error
    for one in ("kappa_low", "kappa_high", "observed_low", "observed_high"):
        assert getattr(alike, one) == pytest.approx(getattr(plain, one))


def test_items_that_are_clusters_of_their_own_give_the_large_sample_error():
    random = np.random.default_rng(5)
    first, second = (random.integers(0, 3, 80).tolist() for _ in range(2))
    found = clustered_kappa_error(first, second, range(80))
    assert found == pytest.approx(kappa_error(confusion(first, second, (0, 1, 2))) * np.sqrt(80 / 79))
    assert isnan(clustered_kappa_error(first, second, [0] * 80))
    assert isnan(clustered_kappa_error([], [], []))


def test_full_agreement_is_no_certainty():
    # 20 of 20 equal, half of them by chance: Wilson's lower limit is 20 / 23.8415 = 0.83888,
    # so kappa is at least (0.83888 - 0.5) / 0.5 = 0.67775.
    labels = ["yes"] * 10 + ["no"] * 10
    found = agreement(labels, labels, ("yes", "no"))
    assert (found.kappa, found.kappa_high) == (1, 1)
    assert found.kappa_low == pytest.approx(0.67775, abs=1e-5)


def test_one_label_throughout_has_no_kappa():
    found = agreement(["helps"] * 9, ["helps"] * 9, LABELS)
    assert isnan(found.kappa)
    assert found.observed == 1
    assert "one and the same label" in str(found.reason)
    assert isnan(found.classes[1].precision)


def test_nothing_to_compare():
    found = agreement([], [], LABELS)
    assert isnan(found.kappa)
    assert isnan(found.observed)
    assert "no item" in str(found.reason)


def test_unknown_labels_and_unequal_lengths():
    with pytest.raises(ValueError, match="refuses"):
        confusion(["refuses"], ["helps"], LABELS)
    with pytest.raises(ValueError, match="unequal length: 1 and 2"):
        confusion(["helps"], ["helps", "helps"], LABELS)


def test_alpha_by_hand():
    # Krippendorff's worked example of two observers and ten binary units (2011, example A):
    # 4 of 10 pairs disagree, 14 zeros and 6 ones: alpha = 1 - 19 * 8 / (2 * 14 * 6) = 0.0952.
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    two = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    alpha, reason = krippendorff_alpha([one, two])
    assert alpha == pytest.approx(1 - 19 * 8 / (2 * 14 * 6))
    assert reason is None


def test_alpha_with_three_sources_and_gaps():
    rows = [["h", "h", None, "d", "r"], ["h", "d", "d", "d", None], [None, "h", "d", "d", "r"]]
    alpha, _ = krippendorff_alpha(rows)
    # Disagreeing values in a unit's pairs, over its number of values less 1: unit 2 has h d h,
    # so 4 / 2 = 2; the others 0. Values: h 4, d 6, r 2 of 12: expected
    # (144 - 16 - 36 - 4) / 11 = 8; alpha = 1 - 2 / 8.
    assert alpha == pytest.approx(0.75)


@pytest.mark.parametrize("rows", [[["h", "h"], ["h", "h"]], [["h", None], [None, "d"]], [["h", "d"]]])
def test_alpha_without_meaning_says_why(rows):
    alpha, reason = krippendorff_alpha(rows)
    assert isnan(alpha)
    assert reason
