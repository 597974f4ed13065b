"""Tokens and money of one reply, by whatever names a server gives them, and an estimate where it gives none."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

CHARS_PER_TOKEN: Final = 4.0
# What a chat template puts around a message.
TEMPLATE_TOKENS: Final = 8
_PROMPT: Final = (
    "prompt_tokens",
    "input_tokens",
    "promptTokens",
    "inputTokens",
    "promptTokenCount",
    "prompt_eval_count",
    "prompt_n",
)
_COMPLETION: Final = (
    "completion_tokens",
    "output_tokens",
    "completionTokens",
    "outputTokens",
    "candidatesTokenCount",
    "eval_count",
    "predicted_n",
)
_TOTAL: Final = ("total_tokens", "totalTokens", "totalTokenCount")
_DETAILS: Final = ("completion_tokens_details", "output_tokens_details")
_PROMPT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details")
_LONGEST_NUMBER: Final = 30
_COSTS: Final = ("cost", "total_cost", "estimated_cost", "cost_usd")


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one request as the provider counted them; None where it does not say."""

    prompt_tokens: int | None = None
    # Reasoning included.
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    # Whether we put the first two in from the length of the texts, as the server did not count.
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Tokens of two requests together."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__struct_fields__[:4])
        prompt, completion, reasoning, cached = (
            None if mine is None and theirs is None else (mine or 0) + (theirs or 0) for mine, theirs in pairs
        )
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            reasoning_tokens=reasoning,
            cached_tokens=cached,
            estimated=self.estimated or other.estimated,
        )


def read_usage(usage: Any) -> Usage:
    """The token counts of a reply's ``usage`` member, None for each that it does not give."""
    prompt, completion = _first(usage, _PROMPT), _first(usage, _COMPLETION)
    total = _first(usage, _TOTAL)
    if completion is None and prompt is not None and total is not None and total >= prompt:
        completion = total - prompt
    details = [_get(usage, name) for name in _DETAILS]
    prompt_details = [_get(usage, name) for name in _PROMPT_DETAILS]
    reasoning = [_count(_get(one, "reasoning_tokens")) for one in (*details, usage)]
    cached = [
        *(_count(_get(one, "cached_tokens")) for one in (*prompt_details, usage)),
        _count(_get(usage, "cache_read_input_tokens")),
        _count(_get(usage, "prompt_cache_hit_tokens")),
    ]
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        reasoning_tokens=next((n for n in reasoning if n is not None), None),
        cached_tokens=next((n for n in cached if n is not None), None),
    )


def usage_in(reply: dict[str, Any]) -> Any:
    """The member of a reply that counts tokens, wherever it stands."""
    inner = (reply.get("usage"), _get(reply.get("x_groq"), "usage"), reply.get("timings"))
    return next((one for one in inner if isinstance(one, dict) and one), reply.get("usage"))


def read_cost(usage: Any) -> float | None:
    """US dollars that a reply's ``usage`` member tells; None where it tells none.

    Where a router has the user's own key used, what the provider behind it charges comes on top.
    """
    behind = amount(_get(_get(usage, "cost_details"), "upstream_inference_cost")) or 0.0
    for name in _COSTS:
        value = _get(usage, name)
        told = (
            next((value[one] for one in ("total_cost", "total") if one in value), None)
            if isinstance(value, dict)
            else value
        )
        if (cost := amount(_number(told))) is not None:
            return cost + behind if cost == 0 or _get(usage, "is_byok") is True else cost
    return None


def _number(value: Any) -> Any:
    """A number that a server wrote as a text."""
    try:
        return float(value) if isinstance(value, str) and len(value) < _LONGEST_NUMBER else value
    except ValueError:
        return None


def amount(value: Any) -> float | None:
    """A sound number of dollars, or None."""
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6
    return float(value) if sound else None


def prompt_tokens(chars: int) -> int:
    """Tokens of a request of so many characters, as far as one can tell without its tokenizer."""
    return math.ceil(chars / CHARS_PER_TOKEN) + TEMPLATE_TOKENS


def completed(usage: Usage, asked_chars: int, answer_chars: int) -> Usage:
    """The usage with what the server left out estimated from the length of the texts, at 4 characters a token.

    A count of 0 for a request that had text, or for an answer that has, is as good as none.
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    lacks_prompt, lacks_completion = not prompt, completion is None or (completion == 0 and answer_chars > 0)
    if not (lacks_prompt or lacks_completion):
        return usage
    return msgspec.structs.replace(
        usage,
        prompt_tokens=prompt_tokens(asked_chars) if lacks_prompt else prompt,
        completion_tokens=math.ceil(answer_chars / CHARS_PER_TOKEN) if lacks_completion else completion,
        estimated=True,
    )


def _first(usage: Any, names: tuple[str, ...]) -> int | None:
    """The first count above 0 under these names, else 0 where one says so, else None."""
    counts = [count for name in names if (count := _count(_get(usage, name))) is not None]
    return next((count for count in counts if count), counts[0] if counts else None)


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**9
    return math.ceil(value) if sound else None
