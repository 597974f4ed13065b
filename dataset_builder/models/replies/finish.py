"""Why a server ended an answer: one closed list of words that mean that it is whole.

Servers have a word of their own for every end. What means a whole answer is listed; a filter, a limit, a
tool and a breakdown are statuses of their own, and a word that nobody knows is never taken for an answer.
"""

from __future__ import annotations

import re
from typing import Any, Final

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    OK,
    PROVIDER_ERROR,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
)

# As ``_plain`` spells them: small letters, words joined by underscores, without FINISH_REASON in front.
# fmt: off
FINISHES: Final = {
    OK: frozenset({
        "stop", "stopped", "end", "end_turn", "eos", "eos_token", "eos_found", "stop_token", "stop_sequence",
        "stop_string", "complete", "completed", "done", "finish", "finished", "normal", "success",
    }),
    TRUNCATED: frozenset({
        "length", "max_tokens", "max_token", "max_length", "max_output_tokens", "max_completion_tokens",
        "max_new_tokens", "token_limit", "max_tokens_reached", "length_limit", "model_length",
        "model_context_window_exceeded", "context_length", "context_length_exceeded",
        "context_window_exceeded", "incomplete", "truncated",
    }),
    CONTENT_FILTER: frozenset({
        "content_filter", "content_filtered", "content_filtering", "filtered", "filter", "safety",
        "image_safety", "prohibited_content", "blocklist", "blocked", "block", "recitation", "spii",
        "sensitive", "sensitive_content", "risk", "refusal", "guardrail", "guardrails",
        "guardrail_intervened", "moderation", "moderated", "policy_violation", "content_policy",
        "content_policy_violation", "contentfilter", "data_inspection_failed",
    }),
    TOOL_CALL: frozenset({
        "tool_calls", "tool_call", "tool_use", "tool", "function_call", "function_calls",
        "malformed_function_call", "unexpected_tool_call",
    }),
    PROVIDER_ERROR: frozenset({
        "error", "server_error", "internal_error", "internal_server_error", "network_error", "failed",
        "failure", "timeout", "time_limit", "abort", "aborted", "cancel", "cancelled", "canceled",
        "interrupted", "insufficient_system_resource", "engine_overloaded", "overloaded", "unavailable",
        "disconnected",
    }),
}
# fmt: on
_STATUS_BY_WORD: Final = {word: status for status, words in FINISHES.items() for word in words}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9]+")


def status_of_finish(finish: str | None, native: str | None = None) -> str:
    """The status that a finish reason stands for: ``ok``, or why the answer is not whole.

    ``finish`` None is an end without a word, which many servers give to a whole answer. ``native`` is the word
    of the server behind a router, which often tells more: the router's ``stop`` over its ``SAFETY`` is a filter.
    """
    behind = _STATUS_BY_WORD.get(_plain(native)) if native else None
    if finish is None or not finish.strip():
        # The closed list holds for the only word that there is.
        return (behind or UNKNOWN_FINISH) if native else OK
    status = _STATUS_BY_WORD.get(_plain(finish), UNKNOWN_FINISH)
    # The router's word stands unless it is vague; an unknown word behind a known one says nothing.
    return behind if behind is not None and status in (OK, UNKNOWN_FINISH) else status


def _plain(word: str | None) -> str:
    """A word in one spelling: ``FinishReason.MAX_TOKENS``, ``maxTokens`` and ``max-tokens`` are the same."""
    text = (word or "").strip()
    text = text if text.isupper() else _CAMEL.sub("_", text)
    text = _NOT_A_WORD.sub("_", text).strip("_").lower()
    for prefix in ("finish_reason_", "stop_reason_"):
        text = text.removeprefix(prefix)
    return text


def is_filtered(data: Any, choice: Any) -> bool:
    """Whether a reply without an answer says elsewhere that a filter withheld it.

    Read are block reasons (``promptFeedback.blockReason``) and filter annotations of the answer or the prompt.
    """
    for holder in (data, choice):
        if not isinstance(holder, dict):
            continue
        for name in ("promptFeedback", "prompt_feedback"):
            if isinstance(feedback := holder.get(name), dict) and _is_block(feedback):
                return True
        if _is_block(holder):
            return True
        prompts = holder.get("prompt_filter_results") or holder.get("prompt_annotations")
        results = [holder.get("content_filter_results"), holder.get("content_filter_result"), prompts]
        if any(_any_filtered(result, 4) for result in results):
            return True
    return False


def answer_is_filtered(choice: Any) -> bool:
    """Whether the annotations of an answer say that a part of it was withheld."""
    if not isinstance(choice, dict):
        return False
    return any(_any_filtered(choice.get(name), 3) for name in ("content_filter_results", "content_filter_result"))


def _is_block(holder: dict[str, Any]) -> bool:
    reason = holder.get("blockReason") or holder.get("block_reason")
    named = isinstance(reason, str) and _plain(reason) not in (
        "",
        "block_reason_unspecified",
        "blocked_reason_unspecified",
    )
    return named or holder.get("blocked") is True


def _any_filtered(value: Any, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(value, list):
        return any(_any_filtered(one, depth - 1) for one in value)
    if isinstance(value, dict):
        return value.get("filtered") is True or any(_any_filtered(one, depth - 1) for one in value.values())
    return False
