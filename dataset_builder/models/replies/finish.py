"""Why a server ended an answer: one closed list of words that mean that it is whole.

Servers have a word of their own for every end. What means a whole answer is listed; a filter, a refusal
stop, a limit, a tool and a breakdown are statuses of their own, and a word that nobody knows is never
taken for an answer.
"""

from __future__ import annotations

import re
from typing import Any, Final

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    OK,
    PROVIDER_ERROR,
    REFUSAL_STOP,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
)

# As ``_plain`` spells them: small letters, words joined by underscores, without FINISH_REASON in front.
# fmt: off
FINISHES: Final = {
    OK: frozenset({
        "stop", "stopped", "end", "end_turn", "end_of_turn", "end_of_sequence", "eos", "eos_token", "eos_token_id",
        "eos_found", "eot", "eot_id", "im_end", "stop_token", "stop_sequence", "stop_string", "stop_string_found",
        "stop_word", "stop_words", "word", "complete", "completed", "done", "finish", "finished", "normal", "natural",
        "success",
    }),
    TRUNCATED: frozenset({
        "length", "limit", "max_tokens", "max_token", "max_length", "max_output", "max_output_tokens",
        "max_completion_tokens", "max_new_tokens", "max_predicted_tokens_reached", "token_limit", "output_limit",
        "out_of_tokens", "hit_max_tokens", "max_tokens_reached", "length_limit", "error_limit", "model_length",
        "max_context_length", "max_sequence_length", "max_seq_len", "model_context_window_exceeded", "context_length",
        "context_length_exceeded", "context_length_reached", "context_window_exceeded", "incomplete", "truncated",
    }),
    CONTENT_FILTER: frozenset({
        "content_filter", "content_filtered", "content_filtering", "content_blocked", "filtered", "filter", "safety",
        "safety_filter", "safety_block", "image_safety", "prohibited_content", "image_prohibited_content", "blocklist",
        "blocked", "block", "recitation", "image_recitation", "spii", "sensitive", "sensitive_content", "risk",
        "risk_control", "guardrail", "guardrails", "guardrail_intervened", "model_armor", "moderation",
        "moderated", "policy_violation", "content_policy", "content_policy_violation", "contentfilter", "toxicity",
        "error_toxic", "censored", "censorship_blocked", "data_inspection_failed", "responsible_aipolicy_violation",
    }),
    # Anthropic's: a classifier of theirs, or the model itself, ended the answer; nobody outside can tell which.
    REFUSAL_STOP: frozenset({"refusal", "refused"}),
    TOOL_CALL: frozenset({
        "tool_calls", "tool_call", "tool_use", "tool", "function_call", "function_calls", "malformed_function_call",
        "malformed_tool_use", "unexpected_tool_call", "too_many_tool_calls",
    }),
    PROVIDER_ERROR: frozenset({
        "error", "server_error", "internal_error", "internal_server_error", "network_error", "failed",
        "failure", "timeout", "time_limit", "abort", "aborted", "cancel", "cancelled", "canceled", "user_cancel",
        "user_stop", "user_stopped", "interrupted", "preempted", "not_finished", "insufficient_system_resource",
        "insufficient_resources", "engine_overloaded", "overloaded", "rate_limit", "rate_limited", "quota_exceeded",
        "unavailable", "disconnected", "load", "unload", "model_unloaded", "malformed_model_output",
    }),
}
# fmt: on
_STATUS_BY_WORD: Final = {word: status for status, words in FINISHES.items() for word in words}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_A_WORD: Final = re.compile(r"[^A-Za-z0-9]+")


# Where a reply says why it ended, the first that does: some servers say it in a member of their own.
_SAID_IN: Final = ("finish_reason", "finishReason", "finish_details", "done_reason")
# Of these only a word tells: where a stop has a cause, some servers name a token by its number here.
_CAUSED_BY: Final = ("stop_reason", "stop_type")
# Characters that are kept of what a provider says about a stop.
_SAID: Final = 400
# A word that stands for no word.
_NO_WORDS: Final = frozenset({"null", "none", "undefined"})


def finish_word(value: Any) -> str | None:
    """The word that a member of a reply gives for its end, whatever holds it; None where it gives none.

    ``{"type": "length"}`` is ``length``; a number is a word that nobody knows.
    """
    if isinstance(value, dict):
        value = value.get("type") or value.get("reason") or "an object"
    if value is None or value == []:
        return None
    text = value if isinstance(value, str) else str(value)[:40]
    word = text.encode("utf-8", "replace").decode().strip()
    return word if word and word.lower() not in _NO_WORDS else None


def finish_of(choice: dict[str, Any]) -> str | None:
    """Why a choice ended, by the server's own word."""
    said = (finish_word(choice.get(name)) for name in _SAID_IN)
    caused = (finish_word(choice.get(name)) for name in _CAUSED_BY if isinstance(choice.get(name), str))
    return next((word for word in (*said, *caused) if word is not None), None)


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
    # The router's word stands unless it is vague; an unknown word behind a known one says nothing. Routers call
    # a refusal stop a content filter.
    vague = status in (OK, UNKNOWN_FINISH) or (status == CONTENT_FILTER and behind == REFUSAL_STOP)
    return behind if behind is not None and vague else status


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


def stopped_for(choice: dict[str, Any], status: str) -> str | None:
    """Why the provider stopped an answer as a refusal, by its own words (``stop_details``); None where it does not say.

    The category comes first (``cyber: …``), and no more than a sentence or two is kept.
    """
    details = choice.get("stop_details")
    if status != REFUSAL_STOP or not isinstance(details, dict):
        return None
    told = (details.get("category"), details.get("explanation"))
    return ": ".join(" ".join(one.split()) for one in told if isinstance(one, str) and one.strip())[:_SAID] or None


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
