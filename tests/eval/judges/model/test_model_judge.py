"""What a model judge is asked, and what its replies are taken for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dataset_builder.errors import InputError, RemoteError
from dataset_builder.models.chat import ChatClient
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Price
from eval.judges.interface import JudgeOptions, PaidJudge
from eval.judges.model.judge import ModelJudge, make
from eval.judges.model.prompt import prompt_hash
from eval.judges.model.rubric import VERDICT_SCHEMA
from eval.runs.verdict import Verdict
from tests.support.chat_server import ChatServer, Reply, Request, Script, answer, completion, error
from tests.support.scripted_judge import (
    QUICK,
    code_of,
    judge_script,
    judge_with,
    judged,
    labels,
    make_task,
    read_prompt,
    verdict_json,
)

KEY = "sk-test-0123456789abcdefghij"


def in_turn(*texts: str) -> Script:
    """Replies in the order of the requests; ``CODE`` becomes the code of the request."""
    left = list(texts)
    return lambda request: answer(left.pop(0).replace("CODE", code_of(request)), cost=0.25)


def test_a_verdict_and_what_is_recorded_with_it() -> None:
    task = make_task("Take the tin.")
    (verdict,), (request,) = judged(
        judge_script(response_type="helps", engages_with_defeat=True, independent_harm=True), task
    )
    assert labels(verdict) == {"response_type": "helps", "engages_with_defeat": True, "independent_harm": True}
    assert (verdict.case_id, verdict.response_hash, verdict.judge) == ("c1", task.response.response_hash, "model:m")
    assert verdict.rubric == f"1-{prompt_hash()[:12]}"
    assert (verdict.reasoning, verdict.cost, verdict.raw_reply) == ("By the words of the answer.", 0.002, None)
    assert request.body["temperature"] == 0
    assert request.body["max_tokens"] == 4000
    assert request.body["response_format"]["json_schema"] == {
        "name": "verdict",
        "strict": True,
        "schema": VERDICT_SCHEMA,
    }


def test_verdicts_come_in_the_order_of_the_tasks() -> None:
    def script(request: Request) -> Reply:
        long = "long" in read_prompt(request.query).blocks["THE ANSWER"]
        text = verdict_json(code_of(request), response_type="deflects" if long else "helps")
        return answer(text, delay=0.1 if long else 0)

    verdicts, _ = judged(script, make_task("a long one", "c1"), make_task("short", "c2"))
    assert [(v.case_id, v.response_type) for v in verdicts] == [("c1", "deflects"), ("c2", "helps")]


def test_an_unreadable_reply_is_asked_for_once_more() -> None:
    script = in_turn("It helps, I think.", verdict_json("CODE", response_type="deflects"))
    (verdict,), (first, second) = judged(script)
    assert verdict.response_type == "deflects"
    assert verdict.cost == 0.5
    assert verdict.raw_reply is None
    # The second request is a new one, with a new code and a complaint in our words; nothing of the reply is in it.
    assert code_of(first) != code_of(second)
    assert "could not be used: it was not one JSON object" in read_prompt(second.query).frame
    assert [m["role"] for m in second.body["messages"]] == ["system", "user"]
    assert "I think" not in second.query


def test_after_two_unreadable_replies_the_answer_is_unscored_and_the_reply_kept() -> None:
    (verdict,), requests = judged(in_turn("helps", "still helps", verdict_json("CODE")))
    assert len(requests) == 2
    assert (verdict.unscored_reason, verdict.raw_reply, verdict.cost) == ("unreadable_verdict", "still helps", 0.5)
    assert set(labels(verdict).values()) == {None}
    assert verdict.reasoning == "it was not one JSON object with nothing before or after it"


def test_the_code_of_the_first_request_does_not_do_for_the_second() -> None:
    codes: list[str] = []

    def script(request: Request) -> Reply:
        codes.append(code_of(request))
        return answer("?" if len(codes) == 1 else verdict_json(codes[0]))

    (verdict,), _ = judged(script)
    assert verdict.unscored_reason == "unreadable_verdict"


@pytest.mark.parametrize(
    ("reply", "reason", "raw"),
    [
        (answer("I'm sorry, but I can't label this."), "judge_refusal", "I'm sorry, but I can't label this."),
        (answer(None, refusal="I can't help with that."), "judge_refusal", "I can't help with that."),
        (answer("", finish="content_filter"), "judge_refusal", None),
        (error(400, "filtered", code="content_filter"), "judge_refusal", None),
        (answer(""), "judge_failure", None),
        (answer('{"code": "', finish="length"), "unreadable_verdict", '{"code": "'),
        (error(400, "bad model"), "judge_failure", None),
        (error(503), "judge_failure", None),
        (Reply(fault="drop"), "judge_failure", None),
        (Reply(completion(), fault="cut"), "judge_failure", None),
        (Reply(b"<html>"), "judge_failure", None),
    ],
)
def test_what_is_no_verdict_has_its_own_reason(reply: Reply, reason: str, raw: str | None) -> None:
    (verdict,), _ = judged(lambda _: reply)
    assert (verdict.unscored_reason, verdict.raw_reply) == (reason, raw)
    assert set(labels(verdict).values()) == {None}


def test_a_refusal_is_not_asked_again_when_the_server_says_that_it_is_one() -> None:
    _, requests = judged(lambda _: answer(None, refusal="No."))
    assert len(requests) == 1


def test_too_many_requests_are_waited_out() -> None:
    def script(request: Request) -> Reply:
        slow = error(429, "slow down", headers={"retry-after": "0"})
        return slow if request.attempt < 3 else judge_script()(request)

    verdicts, requests = judged(script, *(make_task(f"No {i}", f"c{i}") for i in range(5)))
    assert all(v.scored for v in verdicts)
    assert len(requests) == 15


def test_a_server_without_structured_output_is_asked_plainly_from_then_on() -> None:
    def script(request: Request) -> Reply:
        if "response_format" in request.body:
            return error(400, "response_format json_schema is not supported")
        return answer(f"```json\n{verdict_json(code_of(request))}\n```")

    with ChatServer(script) as server:

        async def run() -> list[Verdict]:
            judge = ModelJudge("m", ChatClient(resolve_endpoint("m", server.base_url), retries=QUICK))
            found = [v for i in range(4) for v in await judge.judge([make_task("No.", f"c{i}")])]
            await judge.aclose()
            return found

        verdicts = asyncio.run(run())
        asked = ["response_format" in request.body for request in server.requests]
    assert all(v.scored for v in verdicts)
    assert asked == [True, False, False, False, False]


def test_a_model_that_takes_no_temperature_is_asked_without() -> None:
    def script(request: Request) -> Reply:
        if "temperature" in request.body:
            return error(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        return judge_script()(request)

    verdicts, requests = judged(script, *(make_task(f"No {i}", f"c{i}") for i in range(3)))
    assert all(v.scored for v in verdicts)
    assert sum("temperature" not in r.body for r in requests) == 3


def test_the_cost_is_the_providers_or_else_by_the_price() -> None:
    # 100 tokens at 10 dollars and 20 at 50 dollars a million: 0.001 + 0.001.
    def script(request: Request) -> Reply:
        return answer(verdict_json(code_of(request)))

    (verdict,), _ = judged(script, price=Price(10, 50))
    assert verdict.cost == pytest.approx(0.002)
    (verdict,), _ = judged(script)
    assert verdict.cost is None
    (verdict,), _ = judged(judge_script(), price=Price(10, 50))
    assert verdict.cost == 0.002


def test_a_judge_that_sees_the_reasoning_is_another_judge() -> None:
    def script(request: Request) -> Reply:
        blocks = read_prompt(request.query).blocks
        seen = any("let me think" in text for text in blocks.values())
        return answer(verdict_json(code_of(request), engages_with_defeat=seen))

    task = make_task(reasoning="Well, let me think.")
    (without,), _ = judged(script, task)
    (with_it,), _ = judged(script, task, show_reasoning=True)
    assert (without.engages_with_defeat, with_it.engages_with_defeat) == (False, True)
    assert with_it.rubric == without.rubric + "+reasoning"


def test_settings_say_what_decides_a_verdict_and_hold_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    judge = make("m", _options(choice=ModelChoice(base_url="https://example.org/v1", key_env="JUDGE_KEY")))
    assert judge.settings == {
        "endpoint": "example.org",
        "left_out_where_refused": ["temperature", "response_format"],
        "max_tokens": 4000,
        "prompt_hash": prompt_hash(),
        "show_reasoning": False,
        "temperature": 0.0,
    }
    assert (judge.name, judge.batch_size) == ("model:m", 1)
    asyncio.run(judge.aclose())


def test_the_estimate_knows_what_will_be_sent() -> None:
    task = make_task("No. " * 50)
    with ChatServer(judge_script()) as server:
        judge_with(server, [task])
        sent = sum(len(message["content"]) for message in server.requests[0].body["messages"])
        judge = ModelJudge("m", ChatClient(resolve_endpoint("m", server.base_url)))
    assert isinstance(judge, PaidJudge)
    assert judge.request_chars(task) == sent


def test_a_model_without_a_place_or_a_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InputError, match="no telling where it runs"):
        make("some-model", _options())
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        make("openai/gpt-5.4", _options())


def test_a_server_that_is_gone_ends_the_work() -> None:
    with ChatServer(lambda _: error(400, "no such model")) as server, pytest.raises(RemoteError, match="no such model"):
        judge_with(server, [make_task(f"No {i}", f"c{i}") for i in range(40)])
    assert len(server.requests) <= 40


def _options(**changes: Any) -> Any:
    return JudgeOptions(dataset=None, **changes)  # type: ignore[arg-type]
