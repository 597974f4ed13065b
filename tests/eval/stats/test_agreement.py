from __future__ import annotations

from math import isfinite, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from eval.stats.agreement import agreement, confusion, krippendorff_alpha

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


@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3))
def test_kappa_and_its_interval_agree_with_statsmodels(table):
    counts = np.array(table)
    first, second = spread(table)
    found = agreement(first, second, LABELS)
    assert found.table.tolist() == table
    if isnan(found.kappa):
        assert found.reason
        return
    with np.errstate(all="ignore"):  # its z value for a kappa without spread
        theirs = cohens_kappa(counts)
    assert found.kappa == pytest.approx(theirs.kappa, abs=1e-9)
    assert found.kappa_error**2 == pytest.approx(max(theirs.var_kappa, 0), abs=1e-9)
    if isfinite(theirs.kappa_low):  # rounding can leave a variance a hair below 0, and then it has no limits
        assert found.kappa_low == pytest.approx(max(-1, theirs.kappa_low), abs=1e-4)
        assert found.kappa_high == pytest.approx(min(1, theirs.kappa_upp), abs=1e-4)


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
