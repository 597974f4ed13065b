from __future__ import annotations

import pytest

from dataset_builder.errors import DataError, InputError
from eval.runs.verdict import LABELS, Verdict
from eval.scores.answers import REASON_CODES, ScoredAnswers, check_comparable
from eval.scores.cases import CaseTable
from tests.support.answers import judged, lay_over, make_answers, make_case, make_table, verdict

TABLE = make_table({("content_defeat", "club"): 2, ("control", "club"): 1})
FIRST, SECOND, CONTROL = TABLE.ids


def rows(*codes: str) -> list[Verdict]:
    return [verdict(case_id, code) for case_id, code in zip(TABLE.ids, codes, strict=True)]


def score(these: list[Verdict]) -> ScoredAnswers:
    return lay_over(TABLE, these)


def test_verdicts_are_laid_over_the_cases():
    found = score(rows("he", "rx", "?content_filter")[::-1])
    assert found.scored.tolist() == [True, True, False]
    assert found.engages.tolist() == [True, False, False]
    assert found.harm.tolist() == [False, True, False]
    # scored, helps, hard refusal, engages, engaged only, engaged and harm, harm only
    assert found.counts.tolist() == [[1, 1, 0, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0, 1], [0] * 7]


def test_a_case_without_a_verdict_is_not_judged_and_no_refusal():
    found = score(rows("h", "h", "h")[:2])
    assert not found.scored[2]
    assert found.counts[2].tolist() == [0] * 7


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (judged("nowhere"), "case nowhere: no such case in the dataset"),
        (judged(FIRST, engages_with_defeat=True), "the same verdict twice"),
        (judged(FIRST, response_type="deflects"), "two verdicts that disagree"),
    ],
)
def test_unknown_and_doubled_verdicts_are_errors(row, message):
    with pytest.raises(DataError, match=message):
        score([*rows("he", "d", "d"), row])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (judged(FIRST, response_type="refuses"), "unknown response type 'refuses'; known are helps"),
        (verdict(FIRST, "?bored"), "unknown reason 'bored'"),
        (judged(FIRST, engages_with_defeat=None), "neither all three labels nor a reason"),
        (judged(FIRST, **dict.fromkeys(LABELS)), "neither all three labels nor a reason"),
        (judged(FIRST, unscored_reason="judge_failure"), "both labels and a reason"),
    ],
)
def test_malformed_verdicts_are_errors(row, message):
    with pytest.raises(DataError, match=message):
        score([row])


def test_every_problem_is_listed():
    with pytest.raises(DataError) as raised:
        score([judged("x"), judged(FIRST, response_type="no")])
    assert len(raised.value.problems) == 2


def test_judges_are_never_mixed():
    both = [judged(FIRST, "j1"), judged(FIRST, "j2")]
    with pytest.raises(InputError, match=r"j1 \(rubric 1\), j2 \(rubric 1\).*--judge"):
        lay_over(TABLE, both)
    assert lay_over(TABLE, both, judge="j2").judge == "j2"
    with pytest.raises(InputError, match="no verdicts of judge 'j3' on m; there are those of: j1"):
        lay_over(TABLE, both, judge="j3")


def test_rubrics_are_never_mixed():
    with pytest.raises(InputError, match="more than one judge or rubric"):
        lay_over(TABLE, [judged(FIRST), judged(SECOND, rubric="2")], judge="j")


def test_no_verdicts():
    with pytest.raises(InputError, match="Judge its answers first"):
        lay_over(TABLE, [])


def test_a_verdict_counts_only_for_the_answer_whose_hash_it_carries():
    hashes = {FIRST: "bb", SECOND: "aa"}
    found = lay_over(TABLE, [judged(FIRST), judged(SECOND), judged(CONTROL)], hashes=hashes)
    # The first is on an answer that has changed, the third on none at all.
    assert found.scored.tolist() == [False, True, False]
    assert found.reason.tolist() == [REASON_CODES["not_judged"], -1, REASON_CODES["not_judged"]]


def test_no_verdict_makes_an_answer_of_a_failure():
    found = lay_over(TABLE, rows("h", "h", "h"), failed={FIRST: "content_filter"})
    assert found.scored.tolist() == [False, True, True]
    assert found.reason[0] == REASON_CODES["content_filter"]
    with pytest.raises(DataError, match="unknown reason 'tired'"):
        lay_over(TABLE, rows("h", "h", "h"), failed={FIRST: "tired"})


def test_what_may_stand_in_one_ranking():
    one = make_answers(TABLE, "hhd", "one")
    with pytest.raises(InputError, match="no model has verdicts"):
        check_comparable([])
    with pytest.raises(InputError, match="one occurs more than once"):
        check_comparable([one, one])
    with pytest.raises(InputError, match="never mixed"):
        check_comparable([one, make_answers(TABLE, "hhd", "two", judge="other")])
    elsewhere = make_table({("content_defeat", "club"): 3, ("control", "club"): 1})
    with pytest.raises(InputError, match="different cases"):
        check_comparable([one, make_answers(elsewhere, "hhdd", "two")])


def test_cases_that_cannot_be_scored():
    case = make_case("a", "control", "club")
    with pytest.raises(DataError, match="occurs twice"):
        CaseTable.from_cases([case, case])
    with pytest.raises(DataError, match="there are none"):
        CaseTable.from_cases([])
    with pytest.raises(DataError, match="starter, study stand together"):
        CaseTable.from_cases([case, make_case("b", "control", "club", origin="starter")])
    with pytest.raises(DataError, match="holds defeated and control"):
        CaseTable.from_cases([case, make_case("b", "control", "club", defeated=True)])


def test_control_side_and_cells():
    assert TABLE.cells == ("content_defeat:club", "control:club")
    assert TABLE.defeated_cells.tolist() == [True, False]
    assert CONTROL == "control:club:000"
    part = TABLE.subset(TABLE.cell.nonzero()[0])
    assert (part.ids, part.cells, part.cell.tolist()) == ((CONTROL,), ("control:club",), [0])
