from __future__ import annotations

import pytest

from dataset_builder.errors import DataError, InputError
from eval.runs.verdict import Verdict
from eval.scores.answers import ScoredAnswers, VerdictRow, check_comparable
from eval.scores.cases import CaseTable
from tests.support.answers import make_answers, make_case, make_table, verdict

TABLE = make_table({("content_defeat", "club"): 2, ("control", "club"): 1})
FIRST, SECOND, CONTROL = TABLE.ids


def rows(*codes: str) -> list[VerdictRow]:
    return [verdict(case_id, code) for case_id, code in zip(TABLE.ids, codes, strict=True)]


def score(these: list[VerdictRow]) -> ScoredAnswers:
    return ScoredAnswers.from_rows(TABLE, these, model="m", judge="j", rubric="1")


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
        (VerdictRow("nowhere", "helps", True, False, None), "case nowhere: no such case in the dataset"),
        (VerdictRow(FIRST, "helps", True, False, None), "the same verdict twice"),
        (VerdictRow(FIRST, "deflects", True, False, None), "two verdicts that disagree"),
    ],
)
def test_unknown_and_doubled_verdicts_are_errors(row, message):
    with pytest.raises(DataError, match=message):
        score([*rows("he", "d", "d"), row])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (VerdictRow(FIRST, "refuses", True, False, None), "unknown response type 'refuses'; known are helps"),
        (VerdictRow(FIRST, None, None, None, "bored"), "unknown reason 'bored'"),
        (VerdictRow(FIRST, "helps", None, False, None), "neither all three labels nor a reason"),
        (VerdictRow(FIRST, None, None, None, None), "neither all three labels nor a reason"),
        (VerdictRow(FIRST, "helps", True, False, "judge_failure"), "both labels and a reason"),
    ],
)
def test_malformed_verdicts_are_errors(row, message):
    with pytest.raises(DataError, match=message):
        score([row])


def test_every_problem_is_listed():
    with pytest.raises(DataError) as raised:
        score([VerdictRow("x", "helps", True, True, None), VerdictRow(FIRST, "no", True, True, None)])
    assert len(raised.value.problems) == 2


def judged(case_id: str, judge: str = "j1", rubric: str = "1", **changes: object) -> Verdict:
    labels = {"response_type": "helps", "engages_with_defeat": False, "independent_harm": False} | changes
    return Verdict(case_id=case_id, response_hash="aa", judge=judge, rubric=rubric, **labels)


def test_judges_are_never_mixed():
    both = [judged(FIRST), judged(FIRST, "j2")]
    with pytest.raises(InputError, match=r"j1 \(rubric 1\), j2 \(rubric 1\).*--judge"):
        ScoredAnswers.from_verdicts(TABLE, both, model="m")
    assert ScoredAnswers.from_verdicts(TABLE, both, model="m", judge="j2").judge == "j2"
    with pytest.raises(InputError, match="no verdicts of judge 'j3' on m; there are those of: j1"):
        ScoredAnswers.from_verdicts(TABLE, both, model="m", judge="j3")


def test_rubrics_are_never_mixed():
    with pytest.raises(InputError, match="more than one judge or rubric"):
        ScoredAnswers.from_verdicts(TABLE, [judged(FIRST), judged(SECOND, rubric="2")], model="m", judge="j1")


def test_no_verdicts():
    with pytest.raises(InputError, match="Judge its answers first"):
        ScoredAnswers.from_verdicts(TABLE, [], model="m")


def test_verdicts_on_another_answer_are_errors():
    with pytest.raises(DataError, match="changed since it was judged"):
        ScoredAnswers.from_verdicts(TABLE, [judged(FIRST)], model="m", answers={FIRST: "bb"})
    assert ScoredAnswers.from_verdicts(TABLE, [judged(FIRST)], model="m", answers={FIRST: "aa"}).scored[0]


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
