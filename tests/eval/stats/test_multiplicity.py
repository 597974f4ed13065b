from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from eval.stats.multiplicity import benjamini_hochberg, holm


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.04 times 3, 2, 1: 0.03, 0.04, 0.04.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_benjamini_hochberg_by_hand():
    # 0.01 * 3/1, 0.02 * 3/2, 0.04 * 3/3, each at most what follows it: 0.03, 0.03, 0.04.
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])


@pytest.mark.usefixtures("nothing_to_collect")
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
@settings(max_examples=20)  # statsmodels collects garbage at each call
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_agrees_with_statsmodels(ours, theirs, p):
    assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1], abs=1e-12)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_a_test_that_was_not_made_is_not_counted(correct):
    assert correct([0.01, np.nan, 0.02])[[0, 2]] == pytest.approx(correct([0.01, 0.02]))
    assert np.isnan(correct([0.01, np.nan])[1])
    assert np.isnan(correct([np.nan])).all()
