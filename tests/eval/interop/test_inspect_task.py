from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from math import isnan
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="needs the extra `inspect`")

from dataset_builder.dataset.opened import BuiltDataset
from eval.interop.inspect_log import KEY
from eval.interop.inspect_metrics import SHOWN, headline_rates
from eval.interop.inspect_task import sample_of
from eval.judges.model.prompt import prompt_hash
from eval.judges.model.rubric import RUBRIC_VERSION, rubric_text
from eval.scores.cases import CaseTable
from eval.scores.scores import compute_scores
from eval.stats.metrics import METRICS
from tests.support.answers import lay_over, make_case, verdict
from tests.support.inspect_models import by_word, labelling, run_task, said, scorer_of, scripted
from tests.support.scripted_judge import read_prompt
from tests.support.small_dataset import build_small

ATTACKS = Path(__file__).parents[1].joinpath("attacks.json")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return build_small(tmp_path_factory.mktemp("small") / "dataset").path


def answers(query: str) -> str:
    """Yes to school and union where the rule is defeated, and to the control of the union."""
    if "control" in query:
        return "yes" if "union" in query else "no, harm"
    return "yes, why" if "school" in query or "union" in query else "well"


def test_the_task_asks_as_the_study_did_and_scores_as_we_do(dataset, tmp_path):
    asked: list[str] = []

    def model(query: str) -> str:
        asked.append(query)
        return answers(query)

    log = run_task(tmp_path, dataset, model, labelling(by_word))
    assert log.status == "success"
    built = BuiltDataset.open(dataset)
    # The query alone.
    assert sorted(asked) == sorted(case.user_query for case in built.cases())
    assert all([m.role for m in sample.messages] == ["user", "assistant"] for sample in log.samples)
    assert (log.plan.config.temperature, log.plan.config.max_tokens) == (0, 8000)
    assert log.eval.metadata[KEY]["cases_hash"] == built.cases_hash
    # Two of eight authorities are helped on defeated rules, one of eight on controls.
    (score,) = log.results.scores
    value = {name: metric.value for name, metric in score.metrics.items()}
    assert value["help_rate"] == pytest.approx(0.25)
    assert value["control_help_rate"] == pytest.approx(0.125)
    assert value["discrimination"] == pytest.approx(0.125)
    assert value["blind_refusal_rate"] == pytest.approx(0.75)
    assert value["engagement_rate"] == pytest.approx(0.25)
    assert log.results.headline.metric == "discrimination"
    # The same numbers as the leaderboard's, with clustered errors.
    codes = {
        c.case_id: {"yes": "h", "yes, why": "he", "well": "d"}.get(answers(c.user_query), "rx") for c in built.cases()
    }
    scored = lay_over(CaseTable.from_cases(built.cases()), [verdict(*pair) for pair in codes.items()])
    part = compute_scores([scored], by=(), resamples=100).overall
    for metric in SHOWN:
        at = METRICS.index(metric), 0
        assert value[f"{metric.id}_stderr"] == pytest.approx(part.error[at])
        assert (value[f"{metric.id}_low"], value[f"{metric.id}_high"]) == pytest.approx((part.low[at], part.high[at]))


def test_a_grader_gets_our_rubric_and_nothing_of_who_answered(dataset, tmp_path):
    seen: list[str] = []

    def grader(content: str) -> str:
        seen.append(content)
        return labelling(by_word)(content)

    log = run_task(tmp_path, dataset, lambda _: said("well", reasoning="I think"), grader, sample=3)
    assert len(seen) == len(log.samples) == 3
    for content in seen:
        assert "I think" not in content
        assert "mockllm" not in content
        assert "case_id" not in content
    for sample in log.samples:
        (event,) = (e for e in sample.events if e.event == "model" and e.role == "grader")
        assert sample.attachments[event.input[0].text.removeprefix("attachment://")] == rubric_text()
    config = event.config
    assert (config.temperature, config.response_schema.name, config.response_schema.strict) == (0, "verdict", True)
    given = log.samples[0].scores[scorer_of(log.samples[0].scores)].metadata[KEY]
    assert given["judge"] == "model:mockllm/judge"
    assert given["rubric"] == f"{RUBRIC_VERSION}-{prompt_hash()[:12]}"
    shown = run_task(
        tmp_path,
        dataset,
        lambda _: said("well", reasoning="I think"),
        grader,
        sample=1,
        show_reasoning=True,
    )
    assert "I think" in seen[-1]
    assert shown.samples[0].scores[scorer_of(shown.samples[0].scores)].metadata[KEY]["rubric"].endswith("+reasoning")


def test_what_is_no_answer_or_no_verdict_is_unscored_with_its_reason(dataset, tmp_path):
    ends = [
        said("", stop="stop"),
        said("half", stop="max_tokens"),
        said("", stop="content_filter"),
        said("prose"),
        said("declined"),
        said("<think>still thinking"),
        said("<think>so</think> yes"),
    ]
    cases = BuiltDataset.open(dataset).cases()[:7]
    by_query = {case.user_query: end for case, end in zip(cases, ends, strict=True)}

    def label(answer: str):
        return {"prose": "It helps, I would say.", "declined": "I'm sorry, no."}.get(answer) or by_word(answer)

    log = run_task(tmp_path, dataset, by_query.get, labelling(label), limit=7)
    scores = {sample.id: sample.scores[scorer_of(sample.scores)] for sample in log.samples}
    found = [scores[case.case_id] for case in cases]
    assert [s.reason for s in found] == [
        "no_response",
        "truncated_answer",
        "content_filter",
        "grader_failed",
        "grader_failed",
        "truncated_answer",
        None,
    ]
    assert all(isnan(s.value) for s in found[:6])
    ours = [(s.metadata or {}).get(KEY, {}).get("unscored_reason") for s in found]
    assert ours[3:5] == ["unreadable_verdict", "judge_refusal"]
    assert found[3].metadata[KEY]["raw_reply"] == "It helps, I would say."
    assert found[6].value == {"response_type": "helps", "engages_with_defeat": False, "independent_harm": False}
    (score,) = log.results.scores
    assert (score.scored_samples, score.unscored_samples) == (1, 6)
    # All seven are defeated rules: there is nothing to compare with.
    assert score.metrics["help_rate"].value == 1
    assert isnan(score.metrics["discrimination"].value)


def test_attacks_stay_inside_their_block(dataset, tmp_path):
    attacks = [attack["text"] for attack in json.loads(ATTACKS.read_text(encoding="utf-8"))][:30]
    texts = iter(attacks)
    frames: list[str] = []

    def grader(content: str) -> str:
        read = read_prompt(content)
        frames.append(read.frame)
        # A judge that repeats the answer gives no verdict.
        return read.blocks["THE ANSWER"]

    log = run_task(tmp_path, dataset, lambda _: next(texts), grader, limit=30, max_samples=1)
    assert len(frames) >= 30
    assert all(isnan(sample.scores[scorer_of(sample.scores)].value) for sample in log.samples)


def test_without_a_grader_nothing_is_asked(dataset, tmp_path):
    asked: list[str] = []

    def model(query: str) -> str:
        asked.append(query)
        return "yes"

    log = run_task(tmp_path, dataset, model, None, limit=3)
    assert log.status == "error"
    assert "grader" in log.error.message
    assert asked == []


def test_repeated_cases_count_in_their_cells():
    one, two = make_case("a", "content_defeat", "school"), make_case("b", "control", "school")
    helps = {"response_type": "helps", "engages_with_defeat": True, "independent_harm": False}
    found = headline_rates([(one, helps), (one, helps | {"response_type": "deflects"}), (two, helps), (two, "C")])
    assert found["help_rate"] == 0.5
    assert found["discrimination"] == -0.5
    assert all(isnan(value) for value in headline_rates([]).values())


def test_inspect_finds_the_task_by_its_entry_point(dataset, tmp_path):
    (entry,) = (e for e in entry_points(group="inspect_ai") if e.name == "blind_refusal")
    assert entry.value == "eval.interop.inspect_task"
    script = (
        "import sys\n"
        "from inspect_ai._eval.loader import load_tasks\n"
        "(task,) = load_tasks(['blind_refusal/blind_refusal'], {'dataset': sys.argv[1]})\n"
        "print(task.name, len(task.dataset))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(dataset)], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == ["blind_refusal/blind_refusal", "72"], done.stderr


def test_a_sample_holds_the_whole_case():
    case = make_case("a", "content_defeat", "school")
    sample = sample_of(case)
    assert (sample.id, sample.input, sample.metadata["policy"]) == ("a", case.user_query, case.policy)
    assert str(scripted(lambda _: "x")) == "mockllm/model"
