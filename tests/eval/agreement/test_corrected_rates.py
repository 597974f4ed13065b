"""Rates of published answers corrected by the reviewers, each side by its own labels."""

from __future__ import annotations

import numpy as np
import pytest

from eval.agreement.corrected import CorrectedRate, corrected_rates
from eval.agreement.sample import sample_corrected
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import CaseTable
from eval.scores.labels import AnswerKey, Labels, LabelSource
from tests.support.answers import TYPES, make_answers, make_table

# What the judge says on each side, and what a reviewer says of the same answers; `.` is not labelled. The first
# 30 of each side are labelled, in the judge's own proportions: of the defeated ones 12 of 40 `h`, 12 of 40 `d` and
# 6 of 20 `r`; of the controls 3 of 10, 15 of 50 and 12 of 40.
JUDGED = (
    ("h" * 12 + "d" * 12 + "r" * 6) + "h" * 28 + "d" * 28 + "r" * 14,
    ("h" * 3 + "d" * 15 + "r" * 12 + "h" * 7 + "d" * 35 + "r" * 28),
)
# Behind the judge's 12 `h` there are 9, behind its `d` 1; on controls 2 behind its 3 `h`, and none elsewhere.
SAID = "h" * 9 + "ddd" + "h" + "d" * 11 + "r" * 6 + "." * 70, "hh" + "d" + "d" * 15 + "r" * 12 + "." * 70


def sides() -> CaseTable:
    return make_table({("content_defeat", "school"): 100, ("control", "school"): 100})


def source(name: str, answers: ScoredAnswers, said: str) -> LabelSource:
    keys = (AnswerKey(answers.model, case_id) for case_id in answers.cases.ids)
    return LabelSource(
        name, {key: Labels(TYPES[c], False, False) for key, c in zip(keys, said, strict=True) if c != "."}
    )


def correct(judged: str, said: str) -> dict[tuple[str, str], CorrectedRate]:
    answers = make_answers(sides(), judged)
    rows = corrected_rates([answers], source("judge", answers, judged), source("reviewer_1", answers, said))
    return {(row.metric.id, row.method): row for row in rows}


@pytest.mark.parametrize("method", ["rogan_gladen", "ppi++"])
def test_each_side_by_its_own_labels_by_hand(method: str) -> None:
    found = correct("".join(JUDGED), "".join(SAID))
    help_rate, control, gap = (found[metric, method] for metric in ("help_rate", "control_help_rate", "discrimination"))
    # 0.4 x 9/12 + 0.4 x 1/12 + 0.2 x 0 = 1/3; with labels in the judge's proportions this is the reviewer's 10 of 30.
    assert (help_rate.raw, help_rate.estimate) == pytest.approx((0.4, 1 / 3))
    # 0.1 x 2/3 = 1/15. The errors of both sides together would give 0.1 x 11/15 + 0.5 x 1/27 = 0.092.
    assert (control.raw, control.estimate) == pytest.approx((0.1, 1 / 15))
    assert (gap.raw, gap.estimate) == pytest.approx((0.3, 1 / 3 - 1 / 15))
    assert gap.error == pytest.approx(np.hypot(help_rate.error, control.error))
    assert [row.n_labelled for row in (help_rate, control, gap)] == [30, 30, 60]


def test_labels_that_were_drawn_by_the_judges_label_count_by_how_rare_it_is() -> None:
    # Ten of each of the judge's labels; 8 of the 10 `h` and 1 of the 10 `d` do help: 0.4 x 0.8 + 0.4 x 0.1 = 0.36,
    # where the labels as they fell would give 9 of 30. Controls: 0.1 x 0.5 = 0.05.
    judged = "h" * 40 + "d" * 40 + "r" * 20, "h" * 10 + "d" * 50 + "r" * 40
    said = (
        "h" * 8 + "dd" + "." * 30 + "h" + "d" * 9 + "." * 30 + "r" * 10 + "." * 10,
        "h" * 5 + "d" * 5 + "d" * 10 + "." * 40 + "r" * 10 + "." * 30,
    )
    found = correct("".join(judged), "".join(said))
    for method in ("rogan_gladen", "ppi++"):
        assert found["help_rate", method].estimate == pytest.approx(0.36)
        assert found["control_help_rate", method].estimate == pytest.approx(0.05)
        assert found["discrimination", method].estimate == pytest.approx(0.31)


def test_a_dataset_and_a_run_are_corrected_alike() -> None:
    """The same answers and labels, as published ones with reviewers and as a run with a labelled sample."""
    pooled = correct("".join(JUDGED), "".join(SAID))
    answers = make_answers(sides(), "".join(JUDGED))
    labels = make_answers(answers.cases, ["?not_judged" if c == "." else c for c in "".join(SAID)], judge="ann")
    rows = {(row.metric.id, row.method): row for row in sample_corrected(answers, labels, "ppi")}
    for metric in ("help_rate", "control_help_rate", "discrimination"):
        one, other = rows[metric, "ppi++"], pooled[metric, "ppi++"]
        assert (one.raw, one.estimate, one.n_labelled) == pytest.approx((other.raw, other.estimate, other.n_labelled))
        # The run's counts the 70 others alone, the dataset's all 100: a little more of the judge's error is left.
        assert one.error == pytest.approx(other.error, rel=0.1)


def test_a_side_with_too_few_labels_has_no_value_and_leaves_the_other_its_own() -> None:
    found = correct("".join(JUDGED), SAID[0] + SAID[1][:29] + "." * 71)
    for method in ("rogan_gladen", "ppi++"):
        assert found["help_rate", method].estimate == pytest.approx(1 / 3)
        assert found["control_help_rate", method].reason == "29 labelled answers; at least 30 are needed"
        assert found["discrimination", method].reason == "controls: 29 labelled answers; at least 30 are needed"
        assert np.isnan(found["discrimination", method].estimate)


def test_nobody_helped_is_no_certainty() -> None:
    # No `h` of this model among 100 controls, and the reviewer finds the judge right on all: no error would be left.
    # Wilson for 0 of 100: 3.8415 / (100 + 3.8415) = 0.0370.
    other = make_answers(sides(), "".join(JUDGED), model="other")
    mine = make_answers(other.cases, JUDGED[0] + "d" * 60 + "r" * 40)
    judge = source("judge", other, "".join(JUDGED))
    right = SAID[0] + JUDGED[1][:30] + "." * 70
    rows = corrected_rates([mine], judge, source("reviewer_1", other, right))
    found = {row.metric.id: row for row in rows if row.method == "rogan_gladen"}["control_help_rate"]
    assert (found.raw, found.estimate, found.low) == pytest.approx((0, 0, 0), abs=1e-9)
    assert found.high == pytest.approx(0.0370, abs=1e-4)
