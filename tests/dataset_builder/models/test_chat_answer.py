"""What a server's answer is taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dataset_builder.models.chat import Retries
from dataset_builder.models.replies.thoughts import split_thought
from tests.support.chat_client import reply
from tests.support.chat_server import Reply, answer, completion, error, html


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (completion("I cannot", finish="content_filter"), "content_filter"),
        (completion(None, finish="SAFETY"), "content_filter"),
        (completion("", finish="stop"), "empty_answer"),
        (completion(" \n", finish="stop"), "empty_answer"),
        (completion(None), "empty_answer"),
        (completion("<think>Hm. They ask", finish="stop"), "truncated_answer"),
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
    # "How?" and "Fine." at 4 characters a token, and 8 for the template.
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.estimated) == (9, 2, True)


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
    assert split_thought(text)[:2] == parts


def test_content_in_parts() -> None:
    got = reply(answer([{"type": "text", "text": "Take "}, {"type": "text", "text": "the stairs."}]))
    assert got.text == "Take the stairs."


def test_a_declined_structured_answer_says_so() -> None:
    got = reply(answer(None, refusal="I will not judge this."))
    assert (got.status, got.text, got.declined) == ("ok", "I will not judge this.", True)


def test_html_pages_are_described_and_not_quoted() -> None:
    got = reply(html(403))
    assert got.error == "HTTP 403: no explanation"
