"""Finish reasons: a closed list means a whole answer, and everything else is a status of its own."""

from __future__ import annotations

from collections import Counter

import pytest

from dataset_builder.dataset.taxonomy import RESPONSE_STATUSES
from dataset_builder.models.replies.finish import FINISHES, finish_of, is_filtered, status_of_finish


@pytest.mark.parametrize(
    ("finish", "native", "status"),
    [
        ("stop", None, "ok"),
        ("STOP", None, "ok"),
        ("end_turn", None, "ok"),
        ("endTurn", None, "ok"),
        ("eos", None, "ok"),
        ("COMPLETE", None, "ok"),
        (None, None, "ok"),
        ("", None, "ok"),
        ("length", None, "truncated_answer"),
        ("MAX_TOKENS", None, "truncated_answer"),
        ("max-tokens", None, "truncated_answer"),
        ("FinishReason.MAX_TOKENS", None, "truncated_answer"),
        ("FINISH_REASON_MAX_TOKENS", None, "truncated_answer"),
        ("content_filter", None, "content_filter"),
        ("sensitive", None, "content_filter"),
        ("SAFETY", None, "content_filter"),
        ("refusal", None, "refusal_stop"),
        ("guardrail_intervened", None, "content_filter"),
        ("tool_calls", None, "tool_call"),
        ("tool_use", None, "tool_call"),
        ("network_error", None, "provider_error"),
        ("insufficient_system_resource", None, "provider_error"),
        # Words of servers that were not read until their users were asked for them.
        ("stopStringFound", None, "ok"),
        ("end_of_turn", None, "ok"),
        ("maxPredictedTokensReached", None, "truncated_answer"),
        ("contextLengthReached", None, "truncated_answer"),
        ("ERROR_LIMIT", None, "truncated_answer"),
        ("ERROR_TOXIC", None, "content_filter"),
        ("IMAGE_PROHIBITED_CONTENT", None, "content_filter"),
        ("censorship_blocked", None, "content_filter"),
        ("ResponsibleAIPolicyViolation", None, "content_filter"),
        ("malformed_tool_use", None, "tool_call"),
        ("USER_CANCEL", None, "provider_error"),
        ("modelUnloaded", None, "provider_error"),
        ("not_finished", None, "provider_error"),
        ("LANGUAGE", None, "unknown_finish"),
        ("OTHER", None, "unknown_finish"),
        ("stop-sk-123", None, "unknown_finish"),
        ("完了", None, "unknown_finish"),
        # The word behind a router tells more than the router's own.
        ("stop", "SAFETY", "content_filter"),
        ("stop", "MAX_TOKENS", "truncated_answer"),
        ("stop", "completed", "ok"),
        ("stop", "some_new_word", "ok"),
        ("OTHER", "content_filter", "content_filter"),
        ("OTHER", "end_turn", "ok"),
        ("length", "stop", "truncated_answer"),
        (None, "SAFETY", "content_filter"),
        # What a router calls a filter may be a refusal stop behind it, and nothing else.
        ("content_filter", "refusal", "refusal_stop"),
        ("stop", "refusal", "refusal_stop"),
        ("refusal", "content_filter", "refusal_stop"),
        ("content_filter", "end_turn", "content_filter"),
        ("length", "refusal", "truncated_answer"),
        (None, "some_new_word", "unknown_finish"),
    ],
)
def test_the_status_of_a_finish_reason(finish: str | None, native: str | None, status: str) -> None:
    assert status_of_finish(finish, native) == status


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ({"finish_reason": {"type": "length", "length": 10}}, "length"),
        ({"finish_reason": {"reason": "MAX_TOKENS"}}, "MAX_TOKENS"),
        ({"finish_reason": {"matched": 2}}, "an object"),
        ({"finish_reason": 2}, "2"),
        ({"finish_reason": True}, "True"),
        ({"finish_reason": ["length"]}, "['length']"),
        ({"finish_reason": None, "finish_details": {"type": "max_tokens"}}, "max_tokens"),
        ({"done_reason": "length"}, "length"),
        ({"finishReason": "SAFETY"}, "SAFETY"),
        ({"finish_reason": "null", "stop_reason": "max_tokens"}, "max_tokens"),
        ({"stop_type": "limit"}, "limit"),
        ({"finish_reason": " stop ", "stop_reason": "user:"}, "stop"),
        # The number of a token, beside a word or alone, is no word.
        ({"finish_reason": "stop", "stop_reason": 128009}, "stop"),
        ({"finish_reason": None, "stop_reason": 128009}, None),
        ({"finish_reason": "NULL"}, None),
        ({"finish_reason": "  "}, None),
        ({}, None),
    ],
)
def test_the_word_for_an_end_is_found_wherever_it_stands(choice: dict[str, object], word: str | None) -> None:
    assert finish_of(choice) == word


def test_every_word_stands_in_the_table_once_and_is_read_as_it_stands_there() -> None:
    times = Counter(word for words in FINISHES.values() for word in words)
    assert [word for word, n in times.items() if n > 1] == []
    assert set(FINISHES) <= set(RESPONSE_STATUSES)
    for status, words in FINISHES.items():
        for word in words:
            assert {status_of_finish(word), status_of_finish(word.upper())} == {status}


@pytest.mark.parametrize(
    ("data", "choice", "filtered"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, None, True),
        ({"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}}, None, False),
        ({"prompt_feedback": {"block_reason": "OTHER"}}, None, True),
        ({"block_reason": "prohibited"}, None, True),
        ({"prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}]}, None, True),
        ({"prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": False}}}]}, None, False),
        ({}, {"content_filter_results": {"violence": {"filtered": True, "severity": "high"}}}, True),
        ({}, {"content_filter_results": {"jailbreak": {"filtered": False, "detected": True}}}, False),
        (None, [], False),
    ],
)
def test_a_filter_is_found_where_replies_tell_of_it(data: object, choice: object, filtered: bool) -> None:
    assert is_filtered(data, choice) is filtered
