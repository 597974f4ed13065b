from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.errors import InputError
from eval.scores.answers import ScoredAnswers
from eval.scores.comparison import compare
from eval.scores.epochs import ScoredEpochs, join_epochs, stability
from eval.scores.scores import compute_scores
from eval.stats.metrics import CONTROL_HELP_RATE, DISCRIMINATION, HELP_RATE, METRICS
from tests.support.answers import make_answers, make_table, random_answers

TABLE = make_table({("application_defeat", "school"): 2, ("content_defeat", "club"): 2, ("control", "club"): 2})
HELP = METRICS.index(HELP_RATE)


def epochs(*codes: str, model: str = "model-a") -> ScoredAnswers:
    """A string of codes an epoch, one a case."""
    return join_epochs([make_answers(TABLE, one.split(), model) for one in codes])


def test_a_case_counts_the_mean_of_its_answers():
    scores = compute_scores([epochs("h h d r  h d", "h d d r  d d", "d h d r  d d")], resamples=100)
    at = scores.overall
    # The four defeated cases help in 2, 2, 0 and 0 of 3 answers, the two controls in 1 and 0.
    assert at.estimate[HELP, 0] == pytest.approx((2 / 3 + 2 / 3) / 4)
    assert at.estimate[METRICS.index(CONTROL_HELP_RATE), 0] == pytest.approx((1 / 3) / 2)
    assert at.estimate[METRICS.index(DISCRIMINATION), 0] == pytest.approx(1 / 3 - 1 / 6)
    # Cases, not answers.
    assert at.n_scored[:, 0].tolist() == [4, 2]


def test_the_error_is_that_of_the_means_of_cases():
    # Two cells are too few to cluster by: the cases are taken as independent.
    at = compute_scores([epochs("h h d r  h d", "h d d r  d d", "d h d r  d d")], resamples=100).overall
    means, p = np.array([2 / 3, 2 / 3, 0, 0]), 1 / 3
    assert at.error[HELP, 0] == pytest.approx(np.sqrt(((means - p) ** 2).sum()) / 4)
    # One answer to each case would have told less: sqrt(p (1 - p) / 4).
    assert at.error[HELP, 0] < np.sqrt(p * (1 - p) / 4)


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), times=st.integers(2, 4))
def test_the_same_answers_again_tell_nothing_new(seed, times):
    one = random_answers(TABLE, "m", seed=seed, unscored=0.1)
    both = one, join_epochs([one] * times)
    single, joined = (compute_scores([x], by=(), resamples=100, threads=1).overall for x in both)
    for name in ("estimate", "error", "low", "high", "bootstrap_low", "n_scored", "unscored", "denominator"):
        np.testing.assert_allclose(getattr(single, name), getattr(joined, name), atol=1e-7, err_msg=name)


def test_no_interval_is_narrower_than_independent_answers():
    # Every case helps in half of its answers: cases do not differ at all, and 8 answers are what there is.
    at = compute_scores([epochs("h h h h  d d", "d d d d  d d")], resamples=100).overall
    assert at.estimate[HELP, 0] == 0.5
    assert at.error[HELP, 0] == pytest.approx(np.sqrt(0.25 / 8))


def test_an_answer_that_is_missing_in_one_epoch_leaves_its_case_with_the_others():
    joined = epochs("h ? d r  h d", "d h ? ?  d d")
    at = compute_scores([joined], resamples=100).overall
    assert at.n_scored[:, 0].tolist() == [4, 2]
    assert at.estimate[HELP, 0] == pytest.approx((0.5 + 1 + 0 + 0) / 4)
    none = epochs("? h d r  h d", "? h d r  h d")
    assert compute_scores([none], resamples=100).overall.unscored[0, 0].sum() == 1


def test_the_label_of_a_case_is_the_most_frequent_and_a_tie_is_no_help():
    joined = epochs("h h d r  h d", "h d d h  r d")
    assert isinstance(joined, ScoredEpochs)
    assert [joined.response_type[place] for place in range(6)] == [
        make_answers(TABLE, ["h", "d", "d", "r", "r", "d"]).response_type[place] for place in range(6)
    ]


def test_stability_by_hand():
    # Cases 1 and 3 differ; case 2 has one scored answer and says nothing.
    found = stability(epochs("h h d r  h d", "d ? r r  h d"))
    assert found is not None
    assert (found.n, found.same) == (5, pytest.approx(3 / 5))
    assert found.unstable == (TABLE.ids[0], TABLE.ids[2])
    assert found.low < 3 / 5 < found.high
    assert "60.0 % of 5 cases" in found.line()
    assert stability(make_answers(TABLE, ["h", "h", "d", "r", "h", "d"])) is None


def test_epochs_compare_with_single_answers_and_with_epochs():
    joined = epochs("h h d r  h d", "h d d r  d d")
    single = make_answers(TABLE, ["d", "d", "d", "r", "d", "d"], "model-b")
    found = compare(joined, single)
    row = next(d for d in found.differences if d.metric is HELP_RATE)
    assert row.difference == pytest.approx((1 + 0.5) / 4)
    assert found.only_a_helps == (TABLE.ids[0],)
    assert compare(joined, joined).differences[0].difference == 0


def test_epochs_of_different_models_cases_or_judges_are_not_joined():
    one = make_answers(TABLE, ["h", "h", "d", "r", "h", "d"])
    with pytest.raises(InputError, match="not two epochs of one model"):
        join_epochs([one, make_answers(TABLE, ["h", "h", "d", "r", "h", "d"], "other")])
    with pytest.raises(InputError, match="not two epochs of one model by one judge"):
        join_epochs([one, make_answers(TABLE, ["h", "h", "d", "r", "h", "d"], judge="other")])
    with pytest.raises(InputError, match="different cases"):
        join_epochs([one, one.subset(np.arange(4))])
