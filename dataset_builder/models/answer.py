"""What a model answered, read from a server's JSON that may be wrong in any way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from dataset_builder.dataset.taxonomy import OK
from dataset_builder.models.faults import FILTER_FINISHES, TOO_MANY, ProviderFault, fault_of, shorten

PROVIDER_ERROR, CONTENT_FILTER = "provider_error", "content_filter"
EMPTY, TRUNCATED = "empty_answer", "truncated_answer"

_THOUGHT: Final = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>", re.DOTALL)
_OPEN_THOUGHT: Final = re.compile(r"\s*<think(?:ing)?>", re.DOTALL)
_END_OF_THOUGHT: Final = "</think>"


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one request as the provider counted them; None where it does not say."""

    prompt_tokens: int | None = None
    # Reasoning included.
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one request: an answer, or the status that says why there is none.

    ``status`` is one of taxonomy.RESPONSE_STATUSES; ``text`` is what there is of an answer, which may
    be something even where the status is not ``ok`` (a truncated answer keeps its beginning).
    """

    status: str
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    # The provider's own mark for a refusal of the model, given with structured output only.
    declined: bool = False
    served_model: str | None = None
    usage: Usage = Usage()
    # In US dollars, where the provider tells.
    cost: float | None = None
    # Seconds that the last attempt took.
    latency_s: float = 0.0
    attempts: int = 1
    error: str | None = None
    http_status: int | None = None
    # False where a schema was asked for and the server could not enforce it.
    schema_enforced: bool = True


def read_answer(
    http_status: int,
    content_type: str,
    body: bytes,
    wait: float | None = None,
    clean: Callable[[str], str] = str,
) -> ChatAnswer:
    """Read one answer of a server.

    ``wait`` is what its headers ask for, in seconds; ``clean`` takes secrets out of an error's text,
    before anything is cut from it.

    Raises ProviderFault for an error status, an error in the body, or a body that is not a chat completion.
    """
    data = _decode(body)
    error = data.get("error") if isinstance(data, dict) else None
    if http_status != 200:
        # Redirects are not followed: they would carry the request, and maybe the key, elsewhere.
        plain = "" if "html" in content_type else body[:4000].decode("utf-8", "replace")
        raise fault_of(http_status, error, clean(_message(error) or plain), wait)
    if data is None:
        raise ProviderFault(
            f"the answer is not JSON ({shorten(clean(content_type)) or 'no content type'}, {len(body)} bytes)",
            retryable=True,
        )
    if error:
        raise fault_of(_code(error), error, clean(_message(error)), wait)
    return _read_completion(data, clean)


def _decode(body: bytes) -> Any:
    """The JSON of a body, or None where it is none."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        # Takes half a surrogate pair, which a model may well be cut off after, and msgspec does not.
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _read_completion(data: Any, clean: Callable[[str], str]) -> ChatAnswer:
    choices = data.get("choices") if isinstance(data, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise ProviderFault("the answer holds no choice", retryable=True)
    if choice.get("error"):
        raise fault_of(_code(choice["error"]), choice["error"], clean(_message(choice["error"])))
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ProviderFault("the answer's choice holds no message", retryable=True)
    declined = _string(message.get("refusal"))
    text, thought = split_thought(_content(message.get("content")))
    finish = _string(choice.get("finish_reason")) or None
    usage = data.get("usage")
    return ChatAnswer(
        status=_status(finish, text or declined),
        text=text or declined,
        reasoning=_reasoning(message) or thought,
        finish_reason=finish,
        declined=bool(declined),
        served_model=_string(data.get("model")) or None,
        usage=_usage(usage),
        cost=_cost(usage),
    )


def _status(finish: str | None, text: str) -> str:
    reason = (finish or "").lower()
    if reason in FILTER_FINISHES:
        return CONTENT_FILTER
    if reason in ("length", "max_tokens"):
        return TRUNCATED
    if reason == "error":
        raise ProviderFault("the provider broke the answer off with an error", retryable=True)
    return OK if text.strip() else EMPTY


def split_thought(text: str) -> tuple[str, str | None]:
    """An answer without the reasoning that some servers leave in it, and that reasoning.

    Only a block at the very start counts, closed or not, or a start that was opened in the prompt
    and is closed in the answer.
    """
    match = _THOUGHT.match(text)
    if match:
        return text[match.end() :].lstrip(), match[1].strip() or None
    opened = _OPEN_THOUGHT.match(text)
    if opened:
        return "", text[opened.end() :].strip() or None
    head, mark, tail = text.partition(_END_OF_THOUGHT)
    if mark and "<think>" not in head:
        return tail.lstrip(), head.strip() or None
    return text, None


def _content(content: Any) -> str:
    """The text of a message: a string, a list of parts, or nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _string(content)
    if isinstance(content, list):
        parts = [_string(part) or _string(_get(part, "text")) for part in content]
        return "".join(parts)
    raise ProviderFault(f"the answer's content is a {type(content).__name__}, not a text", retryable=True)


def _reasoning(message: dict[str, Any]) -> str | None:
    for name in ("reasoning", "reasoning_content"):
        if text := _string(message.get(name)).strip():
            return text
    details = message.get("reasoning_details")
    if isinstance(details, list):
        parts = [_string(_get(d, "text")) or _string(_get(d, "summary")) for d in details]
        return "\n".join(p for p in parts if p).strip() or None
    return None


def _usage(usage: Any) -> Usage:
    return Usage(
        prompt_tokens=_count(_get(usage, "prompt_tokens")),
        completion_tokens=_count(_get(usage, "completion_tokens")),
        reasoning_tokens=_count(_get(_get(usage, "completion_tokens_details"), "reasoning_tokens")),
        cached_tokens=_count(_get(_get(usage, "prompt_tokens_details"), "cached_tokens")),
    )


def _cost(usage: Any) -> float | None:
    cost = _get(usage, "cost")
    sound = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e6
    return float(cost) if sound else None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _string(value: Any) -> str:
    """A text that UTF-8 can hold: half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _message(error: Any) -> str:
    if isinstance(error, str):
        return _string(error)
    message = _string(_get(error, "message"))
    raw = _string(_get(_get(error, "metadata"), "raw"))
    return f"{message}: {raw}" if message and raw else message


def _code(error: Any) -> int:
    """The status inside an error that came with 200; a fault with none is the server's, and worth another try."""
    code = _get(error, "code")
    if isinstance(code, str) and "rate" in code.lower():
        return TOO_MANY
    number = str(code)
    return int(number) if len(number) == 3 and number.isascii() and number.isdecimal() and number[0] in "45" else 500
