from __future__ import annotations

import asyncio
import json
import pickle
import time
from typing import Any

import pytest

from dataset_builder.api_keys import ApiKey
from dataset_builder.chat import ChatClient, Retries, Timeouts
from dataset_builder.chat_answer import ChatAnswer, split_thought
from dataset_builder.chat_request import ChatRequest
from dataset_builder.errors import InputError, RemoteError
from dataset_builder.providers import PROVIDER_BY_ID, Endpoint, resolve_endpoint
from tests.support.chat_server import PASSING_FAULTS, ChatServer, Reply, Script, answer, completion, error, html

KEY = "sk-test-0123456789abcdefghij"
QUICK = Retries(first_wait_s=0.01, longest_wait_s=0.05)
SHORT = Timeouts(connect=2.0, first_byte=0.3, total=0.5)


def ask(
    server: ChatServer,
    *queries: str,
    key_env: str | None = None,
    retries: Retries = QUICK,
    endpoint: Endpoint | None = None,
    max_body: int = 2**20,
    concurrency: int = 16,
    **parameters: Any,
) -> list[ChatAnswer]:
    """Ask a server each of some questions, all at once."""

    async def run() -> list[ChatAnswer]:
        where = endpoint or resolve_endpoint("m", server.base_url, key_env)
        async with ChatClient(
            where, retries=retries, timeouts=SHORT, max_body=max_body, concurrency=concurrency
        ) as client:
            requests = [ChatRequest.of_user(q, **parameters) for q in queries or ("How?",)]
            return list(await asyncio.gather(*(client.complete(r) for r in requests)))

    return asyncio.run(run())


def reply(script: Script | Reply, **options: Any) -> ChatAnswer:
    with ChatServer(script if callable(script) else lambda _: script) as server:
        return ask(server, **options)[0]


def test_a_plain_answer_with_its_usage_and_cost() -> None:
    got = reply(answer("Use strips.", cost=0.0125))
    assert (got.status, got.text, got.finish_reason, got.attempts) == ("ok", "Use strips.", "stop", 1)
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.cost) == (100, 20, 0.0125)
    assert got.served_model == "test-model-0"


def test_what_is_sent() -> None:
    with ChatServer() as server:
        ask(server, "How?", max_tokens=8000, temperature=0, reasoning="low", seed=3)
        (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert "authorization" not in request.headers
    assert request.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "How?"}],
        "max_tokens": 8000,
        "temperature": 0,
        "reasoning_effort": "low",
        "seed": 3,
    }


def test_openrouter_is_asked_in_its_own_dialect() -> None:
    openrouter = PROVIDER_BY_ID["openrouter"]
    with ChatServer() as server:
        here = Endpoint(type(openrouter)(**{**_fields(openrouter), "base_url": server.base_url}), "m", None)
        ask(server, endpoint=here, reasoning="high")
        body = server.requests[0].body
    assert body["reasoning"] == {"effort": "high"}
    assert body["usage"] == {"include": True}


def _fields(provider: Any) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in provider.__slots__}


@pytest.mark.parametrize(
    "fault", PASSING_FAULTS, ids=[f.fault or f"{f.status}-{f.body[:24]!r}" for f in PASSING_FAULTS]
)
def test_a_passing_fault_is_tried_again(fault: Reply) -> None:
    got = reply(lambda r: fault if r.attempt <= 2 else answer("At last."))
    assert (got.status, got.text, got.attempts, got.error) == ("ok", "At last.", 3, None)


@pytest.mark.parametrize(
    "fault", PASSING_FAULTS, ids=[f.fault or f"{f.status}-{f.body[:24]!r}" for f in PASSING_FAULTS]
)
def test_a_lasting_fault_is_an_error_with_a_reason_and_never_an_answer(fault: Reply) -> None:
    got = reply(fault, retries=Retries(attempts=3, refusals=3, first_wait_s=0.001))
    assert (got.status, got.text, got.attempts) == ("provider_error", "", 3)
    assert got.error


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (completion("I cannot", finish="content_filter"), "content_filter"),
        (completion(None, finish="SAFETY"), "content_filter"),
        (completion("", finish="stop"), "empty_answer"),
        (completion(" \n", finish="stop"), "empty_answer"),
        (completion(None), "empty_answer"),
        (completion("<think>Hm. They ask", finish="stop"), "empty_answer"),
        (completion("First, take the", finish="length"), "truncated_answer"),
        (completion("", finish="length"), "truncated_answer"),
        (completion("Take the stairs.", finish=None), "ok"),
    ],
)
def test_what_is_no_answer_has_a_status_of_its_own(body: bytes, status: str) -> None:
    got = reply(Reply(body))
    assert (got.status, got.attempts) == (status, 1)


@pytest.mark.parametrize(
    "refusal",
    [
        error(403, "flagged", metadata={"reasons": ["violence"], "flagged_input": "how"}),
        error(400, "filtered", code="content_filter"),
        error(400, "filtered", innererror={"code": "ResponsibleAIPolicyViolation"}),
    ],
)
def test_a_moderated_request_is_filtered_not_refused(refusal: Reply) -> None:
    got = reply(refusal)
    assert (got.status, got.attempts, got.text) == ("content_filter", 1, "")


def test_a_prose_message_about_content_filters_is_only_an_error() -> None:
    assert reply(error(400, "your content_filter settings are invalid")).status == "provider_error"


def test_an_error_that_no_try_can_mend_is_not_tried_again() -> None:
    got = reply(error(404, "no such model"))
    assert (got.status, got.attempts, got.http_status) == ("provider_error", 1, 404)
    assert got.error == "HTTP 404: no such model"


def test_a_redirect_is_not_followed() -> None:
    with ChatServer(lambda _: Reply(status=307, headers={"location": "http://127.0.0.1:9/steal"})) as server:
        got = ask(server)[0]
        assert len(server.requests) == 1
    assert (got.status, got.http_status) == ("provider_error", 307)


def test_retry_after_is_honoured() -> None:
    def script(request: Any) -> Reply:
        return error(429, headers={"retry-after": "0.4"}) if request.attempt == 1 else answer()

    before = time.perf_counter()
    got = reply(script)
    assert (got.status, got.attempts) == ("ok", 2)
    assert time.perf_counter() - before >= 0.4


def test_a_server_that_asks_for_hours_is_given_up() -> None:
    got = reply(error(429, "daily quota", headers={"retry-after": "3600"}))
    assert (got.status, got.attempts) == ("provider_error", 1)
    assert "wait 3600 s" in str(got.error)


def test_a_crowded_server_is_sent_fewer_requests_at_once() -> None:
    with ChatServer() as server:
        server.script = lambda r: error(429) if server.under_way > 4 else answer(delay=0.01)

        async def run() -> tuple[list[ChatAnswer], float]:
            retries = Retries(refusals=60, first_wait_s=0.02, longest_wait_s=0.1)
            endpoint = resolve_endpoint("m", server.base_url)
            async with ChatClient(endpoint, concurrency=32, retries=retries, timeouts=SHORT) as client:
                requests = [ChatRequest.of_user(f"q{i}") for i in range(200)]
                answers = await asyncio.gather(*(client.complete(r) for r in requests))
                return list(answers), client.concurrency.lowest

        answers, lowest = asyncio.run(run())
    assert {a.status for a in answers} == {"ok"}
    assert lowest <= 4


def test_a_slow_drip_is_cut_off() -> None:
    before = time.perf_counter()
    got = reply(Reply(fault="drip"), retries=Retries(attempts=2, first_wait_s=0.001))
    assert got.status == "provider_error"
    assert "no whole answer within 0.5 s" in str(got.error)
    assert time.perf_counter() - before < 3


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    got = reply(Reply(completion("x" * 200_000)), max_body=100_000)
    assert (got.status, got.attempts) == ("provider_error", 1)
    assert "larger than 100000 bytes" in str(got.error)


def test_nothing_listens() -> None:
    with ChatServer() as server:
        url = server.base_url
    server.port = int(url.rpartition(":")[2].removesuffix("/v1"))
    got = ask(server, retries=Retries(attempts=2, first_wait_s=0.001))[0]
    assert got.status == "provider_error"
    assert "ConnectError" in str(got.error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": "x"}]}',
        b'{"choices": [{"message": {"content": {"a": 1}}}]}',
    ],
)
def test_a_body_that_is_no_completion(body: bytes) -> None:
    assert reply(Reply(body), retries=Retries(attempts=1)).status == "provider_error"


def test_half_a_surrogate_pair_is_kept_as_a_question_mark() -> None:
    got = reply(Reply(completion("Yes HALF").replace(b"HALF", b"\\ud83d")))
    assert (got.status, got.text) == ("ok", "Yes ?")


def test_wrong_types_beside_a_good_answer_do_no_harm() -> None:
    body = json.loads(completion("Fine."))
    body["usage"] = {"prompt_tokens": "many", "completion_tokens": -4, "cost": "free", "prompt_tokens_details": 3}
    body["model"] = ["m"]
    got = reply(Reply(json.dumps(body).encode()))
    assert (got.status, got.text, got.cost, got.served_model) == ("ok", "Fine.", None, None)
    assert got.usage.prompt_tokens is None
    assert got.usage.completion_tokens is None


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"reasoning": "I weigh it."}, "I weigh it."),
        ({"reasoning_content": "I weigh it."}, "I weigh it."),
        ({"reasoning_details": [{"text": "I weigh"}, {"summary": "it."}, 3]}, "I weigh\nit."),
        ({}, None),
    ],
)
def test_reasoning_is_kept_apart(message: dict[str, Any], reasoning: str | None) -> None:
    got = reply(answer("Do it.", **message))
    assert (got.text, got.reasoning) == ("Do it.", reasoning)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\nhm\n</think>\n\nYes.", ("Yes.", "hm")),
        ("hm</think>Yes.", ("Yes.", "hm")),
        ("<think>never done", ("", "never done")),
        ("Use the <think> tag, then </think>.", ("Use the <think> tag, then </think>.", None)),
        ("Yes.", ("Yes.", None)),
    ],
)
def test_thoughts_inside_an_answer(text: str, parts: tuple[str, str | None]) -> None:
    assert split_thought(text) == parts


def test_content_in_parts() -> None:
    got = reply(answer([{"type": "text", "text": "Take "}, {"type": "text", "text": "the stairs."}]))
    assert got.text == "Take the stairs."


def test_structured_output_is_asked_for() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    with ChatServer(lambda _: answer('{"a": "b"}')) as server:
        got = ask(server, schema=schema)[0]
        sent = server.requests[0].body["response_format"]
    assert sent == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    assert got.schema_enforced


def test_a_server_without_structured_output_is_asked_again_without() -> None:
    def script(request: Any) -> Reply:
        return error(400, "response_format is not supported") if "response_format" in request.body else answer("{}")

    with ChatServer(script) as server:
        got = ask(server, "one", schema={"type": "object"})[0]
    assert (got.status, got.text, got.schema_enforced, got.attempts) == ("ok", "{}", False, 2)


def test_a_server_that_wants_the_new_name_of_the_token_limit() -> None:
    def script(request: Any) -> Reply:
        if "max_tokens" in request.body:
            return error(400, "Unsupported parameter: use 'max_completion_tokens' instead.", param="max_tokens")
        return answer(str(request.body["max_completion_tokens"]))

    assert reply(script, max_tokens=50).text == "50"


def test_a_declined_structured_answer_says_so() -> None:
    got = reply(answer(None, refusal="I will not judge this."))
    assert (got.status, got.text, got.declined) == ("ok", "I will not judge this.", True)


class TestKeys:
    @pytest.fixture(autouse=True)
    def key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", KEY)

    def test_the_key_is_sent_in_one_header(self) -> None:
        with ChatServer() as server:
            ask(server, key_env="TEST_KEY")
            request = server.requests[0]
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert KEY not in json.dumps(request.body)

    @pytest.mark.parametrize("status", [401, 402])
    def test_a_rejected_key_stops_everything(self, status: int) -> None:
        with (
            ChatServer(lambda _: error(status, f"Incorrect API key provided: {KEY}, or sk-te****ghij")) as server,
            pytest.raises(RemoteError) as caught,
        ):
            ask(server, key_env="TEST_KEY")
        assert "[key]" in str(caught.value)
        assert KEY not in repr(caught.getrepr(showlocals=True))
        assert "ghij" not in str(caught.value)

    @pytest.mark.parametrize("padding", [0, 250, 290, 299, 2390])
    def test_no_error_shows_the_key_or_a_cut_piece_of_it(self, padding: int) -> None:
        for body in (f"{'x' * padding}{KEY}", json.dumps({"error": {"message": "x" * padding + KEY}})):
            with ChatServer(lambda _, body=body: Reply(body.encode(), status=400)) as server:
                got = ask(server, key_env="TEST_KEY")[0]
            assert "sk-test" not in repr(got)

    def test_an_answer_that_echoes_the_key_is_kept_without_it(self) -> None:
        escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
        body = completion("KEYHERE", reasoning="KEYHERE").replace(b"KEYHERE", escaped.encode())
        with ChatServer(lambda _: Reply(body)) as server:
            got = ask(server, key_env="TEST_KEY")[0]
        assert (got.text, got.reasoning) == ("[key]", "[key]")

    def test_the_key_is_in_no_text_of_its_holder(self) -> None:
        key = ApiKey("TEST_KEY")
        assert KEY not in f"{key!r} {key!s}"
        with pytest.raises(TypeError, match="not to be stored"):
            pickle.dumps(key)

    def test_a_placeholder_is_not_taken_for_a_secret_in_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", "EMPTY")
        with ChatServer(lambda _: answer("The form is EMPTY.")) as server:
            assert ask(server, key_env="TEST_KEY")[0].text == "The form is EMPTY."

    @pytest.mark.parametrize("value", ["", "  ", "two words here", "schlüssel-0123456789"])
    def test_a_key_that_cannot_be_sent(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_KEY", value)
        with pytest.raises(InputError, match="TEST_KEY") as caught:
            ApiKey("TEST_KEY")
        assert not value.strip() or value not in str(caught.value)


def test_html_pages_are_described_and_not_quoted() -> None:
    got = reply(html(403))
    assert got.error == "HTTP 403: no explanation"
