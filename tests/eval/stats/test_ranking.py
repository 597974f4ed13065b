from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eval.stats.ranking import UNRANKED, competition_rank, rank_at, rank_models


def test_ties_share_a_rank():
    assert competition_rank(np.array([0.5, 0.9, 0.5, 0.1]), 1).tolist() == [2, 1, 2, 4]
    assert competition_rank(np.array([0.5, 0.9, 0.5, 0.1]), -1).tolist() == [2, 4, 2, 1]


def test_no_value_no_rank_and_in_nobodys_way():
    assert competition_rank(np.array([0.5, np.nan, 0.9]), 1).tolist() == [2, UNRANKED, 1]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_agrees_with_scipy(values):
    expected = stats.rankdata(-np.array(values, float), method="min")
    assert competition_rank(np.array(values, float), 1).tolist() == expected.astype(int).tolist()


def test_rank_interval_by_hand():
    # a beats b in 96 of 100 resamples, c is always last: 2.5 % of 100 draws are left out at
    # each end, so 4 upsets stay in a's and b's interval.
    draws = np.tile(np.array([[0.9], [0.5], [0.1]], np.float32), (1, 100))
    draws[:2, :4] = draws[[1, 0], :4]
    ranks = rank_models(np.array([0.9, 0.5, 0.1]), draws, 1)
    assert ranks.rank.tolist() == [1, 2, 3]
    assert ranks.low.tolist() == [1, 1, 3]
    assert ranks.high.tolist() == [2, 2, 3]
    draws[:2, :2] = draws[[1, 0], :2]  # 2 upsets are left: outside
    assert rank_models(np.array([0.9, 0.5, 0.1]), draws, 1).high.tolist() == [1, 2, 3]


def test_without_draws_there_is_no_interval():
    ranks = rank_models(np.array([0.9, 0.5]), None, 1)
    assert ranks.rank.tolist() == [1, 2]
    assert ranks.low.tolist() == ranks.high.tolist() == [UNRANKED] * 2


def test_ranks_at_another_value_by_hand():
    values = np.array([0.5, 0.4, 0.4, 0.1, np.nan])
    # The first falls behind both at 0.4, the fourth passes them at 0.45; a model never counts against itself.
    moved = np.array([0.39, 0.4, 0.6, 0.45, 0.9])
    assert rank_at(values, moved, 1).tolist() == [3, 2, 1, 2, 0]
    # Where less is better: behind none, one ahead at each of the lower ones.
    assert rank_at(values, values, -1).tolist() == [4, 2, 2, 1, 0]
