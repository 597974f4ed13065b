"""Anthropic's Messages API: what is sent, and what its messages mean."""

from __future__ import annotations

from typing import Any

import pytest

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer, read_kept
from dataset_builder.models.anthropic import anthropic_payload
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.work.cost import Price, price_of


def test_what_is_sent() -> None:
    request = ChatRequest(
        messages=(Message("system", "Be brief."), Message("user", "How?")),
        max_tokens=100,
        temperature=0,
        top_p=0.9,
        stop=("END",),
        reasoning="low",
        schema={"type": "object"},
        extra={"metadata": {"user_id": "x"}},
    )
    assert anthropic_payload(request, "claude-x") == {
        "model": "claude-x",
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "How?"}],
        "temperature": 0,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "metadata": {"user_id": "x"},
    }
    plain = anthropic_payload(ChatRequest.of_user("How?", temperature=0), "m", schema=False, temperature=False)
    assert plain == {"model": "m", "max_tokens": 8000, "messages": [{"role": "user", "content": "How?"}]}


def message(*content: dict[str, Any], stop: str = "end_turn") -> ChatAnswer:
    usage = {"input_tokens": 12, "output_tokens": 7, "cache_read_input_tokens": 3}
    return read_kept(
        {
            "type": "message",
            "role": "assistant",
            "model": "c",
            "content": list(content),
            "stop_reason": stop,
            "usage": usage,
        }
    )


@pytest.mark.parametrize(
    ("content", "stop", "status", "text"),
    [
        ([{"type": "text", "text": "Do this."}], "end_turn", "ok", "Do this."),
        ([{"type": "text", "text": "Do"}], "max_tokens", "truncated_answer", "Do"),
        ([], "refusal", "refusal_stop", ""),
        ([{"type": "text", "text": "I can't"}], "refusal", "refusal_stop", "I can't"),
        ([{"type": "tool_use", "id": "t", "name": "n", "input": {}}], "tool_use", "tool_call", ""),
        ([{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Yes."}], "end_turn", "ok", "Yes."),
        ([{"type": "text", "text": "Yes."}], "something_new", "unknown_finish", "Yes."),
    ],
)
def test_what_a_message_means(content: list[dict[str, Any]], stop: str, status: str, text: str) -> None:
    got = message(*content, stop=stop)
    assert (got.status, got.text, got.finish_reason) == (status, text, stop)


def test_thoughts_and_tokens() -> None:
    got = message({"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Yes."})
    assert (got.text, got.reasoning, got.served_model) == ("Yes.", "Hm.", "c")
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.cached_tokens) == (12, 7, 3)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    found = resolve_endpoint("anthropic/claude-sonnet-4-6")
    assert found.url == "https://api.anthropic.com/v1/messages"
    assert (found.key_env, found.key_header) == ("ANTHROPIC_API_KEY", "x-api-key")
    # By the name with a dash, with a date or without.
    for name in ("claude-sonnet-4-6", "claude-sonnet-4-6-20260217"):
        price = price_of(resolve_endpoint(f"anthropic/{name}"))
        assert price == Price(3.0, 15.0)
        assert price.in_batches == Price(1.5, 7.5)
    assert price_of(resolve_endpoint("anthropic/claude-unknown")) is None
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/")
    assert resolve_endpoint("anthropic/c").url == "http://127.0.0.1:9/v1/messages"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "ftp://x")
    with pytest.raises(InputError, match="ANTHROPIC_BASE_URL"):
        resolve_endpoint("anthropic/c")
