"""Replies of judges that are odd and can be read all the same, and judges that run out of tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from dataset_builder.errors import DataError
from dataset_builder.work.choice import ModelChoice
from eval.judges.interface import JudgeOptions
from eval.judges.model.judge import make
from eval.runs.folder import RunFolder
from eval.runs.run import JudgeRecord
from eval.runs.tally import Verdicts
from tests.support.chat_server import Reply, Request, answer
from tests.support.runs import a_record, a_run
from tests.support.scripted_judge import code_of, judged, verdict_json


def test_raw_line_breaks_and_tabs_in_a_verdict_are_read() -> None:
    def script(request: Request) -> Reply:
        text = verdict_json(code_of(request), reasoning="FIRST")
        return answer(text.replace("FIRST", "First line,\n\tsecond line."))

    (verdict,), requests = judged(script)
    assert (verdict.unscored_reason, verdict.reasoning, len(requests)) == (None, "First line,\n\tsecond line.", 1)


@pytest.mark.parametrize(
    "around",
    [
        "[THINK]Is it?[/THINK]{}",
        "<|channel|>analysis<|message|>Is it?<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
        "Is it?\n</think>\n\n{}",
    ],
)
def test_a_verdict_behind_reasoning_is_read(around: str) -> None:
    (verdict,), requests = judged(lambda r: answer(around.replace("{}", verdict_json(code_of(r)))))
    assert (verdict.scored, len(requests)) == (True, 1)


def test_a_verdict_that_can_be_read_is_whole_whatever_word_it_ends_with() -> None:
    (verdict,), _ = judged(lambda r: answer(verdict_json(code_of(r)), finish="OTHER"))
    assert verdict.scored
    (verdict,), _ = judged(lambda r: answer(verdict_json(code_of(r))[:-1], finish="OTHER"))
    assert verdict.unscored_reason == "unreadable_verdict"


@pytest.mark.parametrize(
    "reply",
    [
        answer(None, reasoning="Hm, is it", finish="length"),
        answer("<think>Hm, is it", finish="length"),
        answer("<think>Hm, is it"),
    ],
)
def test_a_judge_that_spent_its_tokens_thinking_says_so_and_is_not_asked_again(reply: Reply) -> None:
    (verdict,), requests = judged(lambda _: reply, max_tokens=77)
    assert (verdict.unscored_reason, len(requests)) == ("judge_out_of_tokens", 1)
    assert requests[0].body["max_tokens"] == 77
    assert "77 tokens on reasoning" in str(verdict.reasoning)
    assert verdict.raw_reply == "Hm, is it"
    told = Verdicts()
    told.add(verdict)
    assert "1 of them judge_out_of_tokens" in told.line(paid=False)
    assert "--judge-max-tokens" in told.line(paid=False)


def test_a_router_is_told_who_is_to_judge_and_the_run_records_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, requests = judged(lambda r: answer(verdict_json(code_of(r))), providers=("Azure",), excluded_providers=("Groq",))
    assert requests[0].body["provider"] == {"only": ["Azure"], "ignore": ["Groq"]}
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-0123456789abcdef")
    choice = ModelChoice(providers=("Azure", "OpenAI"))
    judge = make("openrouter/openai/gpt-5.4", JudgeOptions(cast("Any", None), choice=choice))
    assert judge.settings["providers"] == ["Azure", "OpenAI"]
    # As in runs from before there was a choice.
    assert "excluded_providers" not in judge.settings


def test_more_room_for_a_reply_is_no_other_judge(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", a_record(a_run("a")))
    with run.writing():
        run.record_judge(JudgeRecord(judge="model:m", rubric="1", settings={"max_tokens": 4000, "temperature": 0}))
        run.record_judge(JudgeRecord(judge="model:m", rubric="1", settings={"max_tokens": 9000, "temperature": 0}))
        with pytest.raises(DataError, match="other settings"):
            run.record_judge(JudgeRecord(judge="model:m", rubric="1", settings={"max_tokens": 9000, "temperature": 1}))
    kept = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["judges"]
    assert [one["settings"]["max_tokens"] for one in kept] == [9000]
