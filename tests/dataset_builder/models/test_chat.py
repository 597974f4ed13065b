"""What is sent, and a plain answer."""

from __future__ import annotations

from typing import Any

from dataset_builder.models.providers import PROVIDER_BY_ID, Endpoint
from tests.support.chat_client import ask, reply
from tests.support.chat_server import ChatServer, Reply, answer, error


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
        "stream": False,
    }


def test_openrouter_is_asked_in_its_own_dialect() -> None:
    openrouter = PROVIDER_BY_ID["openrouter"]
    with ChatServer() as server:
        here = Endpoint(type(openrouter)(**{**_fields(openrouter), "base_url": server.base_url}), "m", None)
        ask(server, endpoint=here, reasoning="high")
        body = server.requests[0].body
    assert body["reasoning"] == {"effort": "high"}
    assert body["usage"] == {"include": True}
    assert "provider" not in body


def test_a_router_is_told_whom_to_ask() -> None:
    with ChatServer() as server:
        ask(server, providers=("Azure",), excluded_providers=("Other", "Third"))
        assert server.requests[0].body["provider"] == {"only": ["Azure"], "ignore": ["Other", "Third"]}


def _fields(provider: Any) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in provider.__slots__}


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
