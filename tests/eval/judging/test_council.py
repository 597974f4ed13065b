"""A council of judges: majorities by hand, what it needs, and what its report says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from eval.boards.rows import plain_leaderboard, rank_remarks
from eval.judges.interface import JudgeOptions
from eval.judging.council import CouncilJudge, Member, majority, make
from eval.judging.developers import are_kin, developer_of, own_developer_lines, own_developer_note
from eval.runs.answer import Answer
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict, hash_text
from eval.scores.results import read_results
from space.cli import command
from tests.support.runs import a_record, a_run

# By a judge and a case: type (h, d, r), then whether it engages; "?" for no label.
SAID = {
    "model:acme/one": ["h+", "h+", "d-", "r-", "h-", "?"],
    "model:bolt/two": ["h+", "d+", "d-", "r-", "h+", "h+"],
    "model:core/three": ["h-", "r+", "d+", "r-", "?", "d+"],
}
# Case 1 and case 5 have no majority of three seats; case 4 has two for help, who part on engaging.
MAJORITY = ["helps", None, "deflects", "hard_refusal", None, None]
_TYPES = {"h": "helps", "d": "deflects", "r": "hard_refusal"}


def verdict_of(judge: str, case_id: str, text: str, said: str) -> Verdict:
    labels = (
        {"unscored_reason": "judge_failure"}
        if said == "?"
        else {"response_type": _TYPES[said[0]], "engages_with_defeat": said[1] == "+", "independent_harm": False}
    )
    return Verdict(case_id=case_id, response_hash=hash_text(text), judge=judge, rubric="1-aa", cost=0.01, **labels)


@pytest.fixture
def run(dataset: OpenedDataset, tmp_path: Path) -> RunFolder:
    return run_of("dune/four", dataset, tmp_path)


def run_of(model: str, dataset: OpenedDataset, tmp_path: Path) -> RunFolder:
    ids = [case.case_id for case in dataset.built.cases()][:6]
    settings = a_run(*ids, model=model, sample="chosen")
    record = a_record(settings, source=str(dataset.built.path), cases_hash=dataset.built.cases_hash)
    folder = RunFolder.create(tmp_path / "run", record)
    with folder.writing():
        for case_id in ids:
            query = dataset.built.case_by_id[case_id].user_query
            text = f"On {case_id}."
            folder.append_answer(
                Answer(
                    case_id=case_id,
                    query_hash=hash_text(query),
                    status="ok",
                    response=text,
                    response_hash=hash_text(text),
                )
            )
        for judge, every in SAID.items():
            for case_id, said in zip(ids, every, strict=True):
                folder.append_verdict(verdict_of(judge, case_id, f"On {case_id}.", said))
    return RunFolder.open(folder.path)


def judge(run: RunFolder, who: str, *more: str) -> Result:
    return CliRunner().invoke(command, ["eval", "judge", str(run.path), "--judge", f"council:{who}", *more])


ALL = "acme/one+bolt/two+core/three"


def test_more_than_half_of_the_seats_decide() -> None:
    assert majority(["a", "a", "b"], 3) == "a"
    assert majority(["a", "b", "c"], 3) is None
    assert majority(["a"], 3) is None
    assert majority(["a", "a"], 2) == "a"
    assert majority(["a", "b"], 2) is None
    assert majority([], 2) is None


def test_the_majority_is_kept_in_the_run_and_asks_nobody(run: RunFolder) -> None:
    done = judge(run, ALL)
    assert done.exit_code == 0, done.output
    found = RunFolder.open(run.path).verdicts("council:model:acme/one+model:bolt/two+model:core/three")
    assert [verdict.response_type for verdict in found] == MAJORITY
    assert [verdict.unscored_reason for verdict in found] == [None if label else "judges_part" for label in MAJORITY]
    assert found[0].engages_with_defeat is True
    assert str(found[0].reasoning).split("; ") == [
        "model:acme/one: helps, engages_with_defeat",
        "model:bolt/two: helps, engages_with_defeat",
        "model:core/three: helps",
    ]
    assert {verdict.cost for verdict in found} == {0.0}
    # Whatever the order in which they are named, it is one council.
    again = judge(run, "core/three+model:acme/one+bolt/two")
    assert "6 judged already" in again.output


def test_the_report_tells_alpha_rates_and_each_left_out(run: RunFolder) -> None:
    said = json.loads(judge(run, ALL, "--json").output)["result"]["council"]
    # All three gave case 3 a refusal, case 2 a deflection, case 0 help.
    assert said["unanimous"] == pytest.approx(3 / 6)
    assert said["parted"] == pytest.approx(3 / 6)
    # By hand: 16 values, 7 help, 5 deflect, 4 refuse. Expected disagreement 1 - (7*6 + 5*4 + 4*3) / (16*15); observed
    # (6/2 in case 1 + 2/1 in case 5) / 16.
    alpha = said["krippendorff_alpha"]["response_type"]
    assert alpha["n"] == 6
    assert alpha["alpha"] == pytest.approx(1 - (5 / 16) / (1 - 74 / 240))
    whos = [row["who"] for row in said["rates"]]
    assert whos == ["the council", *SAID, *(f"without {name}" for name in SAID)]
    labelled = [row["labelled"] for row in said["rates"]]
    # Without one: two and three agree wholly on case 3 alone (0 and 2 part on engaging). Without two: on 3 alone.
    # Without three: on 0, 2 and 3.
    assert labelled == [3, 5, 6, 5, 1, 1, 3]


def test_two_judges_of_a_run_stand_against_each_other(run: RunFolder, dataset: OpenedDataset) -> None:
    def agreement(*more: str) -> Result:
        line = ["eval", "agreement", "--dataset", str(dataset.built.path), "--verdicts", str(run.path), *more]
        return CliRunner().invoke(command, line)

    one, two, _ = SAID
    done = agreement("--judge", two, "--against", one, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    found = json.loads(done.output)
    row = found["pairs"][0]
    # Cases 0 to 4: both help twice, part on case 1, deflect on 2, refuse on 3; the first gave no label to case 5.
    assert (row["first"], row["second"], row["n"]) == (one, two, 5)
    assert row["table"] == [[2, 1, 0], [0, 1, 0], [0, 0, 1]]
    # The same by the page's own way of counting.
    assert row["agreement"] == 4 / 5
    by_family = found["help_by_family"][0]
    assert (by_family["family"], by_family["helps"], by_family["called"]) == ("dune/four", 3, 2)
    assert (by_family["precision"], by_family["recall"]) == (1, pytest.approx(2 / 3))
    assert "needs --judge" in str(agreement("--against", one).exception)
    assert f"which {', '.join(SAID)} judged" in str(agreement("--judge", one, "--against", "model:x").exception)


def test_a_member_that_has_not_judged_all_is_named_with_the_command(run: RunFolder) -> None:
    failed = judge(run, "acme/one+other/five")
    assert "model:other/five has not judged 6 answers" in str(failed.exception)
    assert f"eval judge {run.path} --judge model:other/five" in str(failed.exception)


@pytest.mark.parametrize("who", ["acme/one", "acme/one+acme/one", "acme/one+", "a/1+b/2+c/3+d/4+e/5+f/6"])
def test_a_council_has_two_to_five_judges_each_once(run: RunFolder, who: str) -> None:
    assert isinstance(judge(run, who).exception, InputError)


def test_judges_of_one_developer_and_of_the_models_own_are_refused(run: RunFolder, dataset: OpenedDataset) -> None:
    options = JudgeOptions(dataset=dataset, model="openrouter/acme/flagship", run=run.path)
    with pytest.raises(InputError, match=r"model:acme/one is of the same developer.*--own-developer"):
        make(ALL, options)
    allowed = make(ALL, JudgeOptions(dataset=dataset, model="acme/flagship", run=run.path, own_developer=True))
    assert allowed.settings["of_own_developer"] == ["model:acme/one"]
    with run.writing():
        for case_id, answer in run.answers.items():
            run.append_verdict(verdict_of("model:openrouter/acme/six", case_id, answer.response or "", "h+"))
    with pytest.raises(InputError, match="model:acme/one and model:openrouter/acme/six are of one developer"):
        make("acme/one+openrouter/acme/six", JudgeOptions(dataset=dataset, model="m", run=run.path))


def test_who_made_a_model_is_told_by_its_name() -> None:
    assert developer_of("model:openrouter/openai/gpt-5.4") == developer_of("model:openai/gpt-5.4") == "openai"
    assert developer_of("model:anthropic/claude-x") == "anthropic"
    # A provider is no developer.
    assert developer_of("model:ollama/llama3.2") is None
    assert developer_of("model:m") is None
    assert developer_of("embedded") is None


def test_kin_is_told_by_developer_or_by_the_first_word_of_a_name() -> None:
    # The study's slugs and models of one's own server name no developer.
    assert are_kin("model:z-ai/glm-5", "model:published/glm-5-turbo")
    assert are_kin("model:ollama/qwen3:32b", "model:qwen/qwen3.5-plus")
    assert are_kin("cascade:openai/o4", "model:openai/gpt-5.4")
    assert not are_kin("model:ollama/llama3", "model:ollama/qwen3:8b")
    assert not are_kin("model:my-model", "model:my-other")
    assert not are_kin("embedded", "model:acme/one")
    assert own_developer_note("human:ann", "acme/one") is None
    # The study's own judge is a model too.
    assert own_developer_lines("gpt-5.4-2026-03-05", ["gpt-5-4-base", "glm-5", "gpt-5-4-mini-base"]) == [
        "gpt-5-4-base, gpt-5-4-mini-base: judged by gpt-5.4-2026-03-05, of the model's own developer"
    ]


def test_a_judge_of_the_models_own_developer_is_named_wherever_its_rates_are(
    dataset: OpenedDataset, tmp_path: Path
) -> None:
    run = run_of("acme/flagship", dataset, tmp_path)
    assert "--own-developer" in str(judge(run, ALL).exception)
    assert judge(run, ALL, "--own-developer").exit_code == 0
    name, said = f"council:{'+'.join(SAID)}", "judged by model:acme/one, of the model's own developer"
    score = ["eval", "score", str(run.path), "--judge", name, "--resamples", "100"]
    shown = CliRunner().invoke(command, score)
    assert f"acme/flagship: {said}" in shown.output
    assert CliRunner().invoke(command, [*score, "--out", str(tmp_path / "out")]).exit_code == 0
    (file,) = (tmp_path / "out").rglob("results.json")
    results = read_results(file)
    assert results.provenance.judge.settings["of_own_developer"] == ["model:acme/one"]
    board = plain_leaderboard({"results.json": results}).boards[0]
    assert board.rows[0].judge_note == said
    assert rank_remarks(board.rows[0], board.ranked_by)[0] == said


def test_verdicts_on_other_answers_do_not_count() -> None:
    lone = verdict_of("model:a/1", "c", "text", "h+")
    council = CouncilJudge([Member("model:a/1", "1", {"c": lone}), Member("model:b/2", "1", {})])
    assert council.decide("c", hash_text("text")).unscored_reason == "judges_part"
