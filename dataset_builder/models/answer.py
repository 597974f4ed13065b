"""What a model answered, read from a server's reply that may be wrong in any way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    CONTEXT_LIMIT,
    CONTROL_MARKS,
    EMPTY,
    OK,
    PROVIDER_ERROR,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
    WITHHELD,
)
from dataset_builder.models.anthropic import as_completion, is_message
from dataset_builder.models.faults import (
    ProviderFault,
    Said,
    fault_of,
    redirect_fault,
    said_in,
    shorten,
    status_inside,
)
from dataset_builder.models.replies.finish import (
    answer_is_filtered,
    finish_of,
    finish_word,
    is_filtered,
    status_of_finish,
    stopped_for,
)
from dataset_builder.models.replies.stream import is_chunk, is_event_stream, merge_chunks, read_lines, read_stream
from dataset_builder.models.replies.thoughts import Split, control_mark, split_thought
from dataset_builder.models.replies.usage import Usage as Usage
from dataset_builder.models.replies.usage import read_cost, read_usage, usage_in

_QUOTED_BYTES: Final = 4000
# fmt: off
_THOUGHT_PARTS: Final = frozenset({
    "thinking", "thought", "reasoning", "reasoning_content", "reasoning_text", "reasoning_summary", "summary_text",
    "redacted_thinking", "analysis", "commentary",
})
# fmt: on
_CALL_PARTS: Final = frozenset(["tool_use", "tool_call", "function_call"])
# How a call begins that a server left in the text.
_CALL: Final = re.compile(r"\s*<(tool_calls?|function_calls?)>")
# What has no sign that can be seen is no text.
_UNSEEN: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*")
_ENVELOPES: Final = ("data", "result", "response", "body", "output")


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one request: an answer, or the status that says why there is none.

    ``status`` is one of taxonomy.RESPONSE_STATUSES; ``text`` is what there is of an answer, which may
    be something even where the status is not ``ok`` (a truncated answer keeps its beginning).
    """

    status: str
    text: str = ""
    reasoning: str | None = None
    # As the server says it; then as the server behind a router does.
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    # The provider's own mark for a refusal of the model: a `refusal` member or part.
    declined: bool = False
    served_model: str | None = None
    # Who a router had answer, and what tells one set-up of a server from another.
    provider: str | None = None
    system_fingerprint: str | None = None
    usage: Usage = Usage()
    # In US dollars, where the provider tells.
    cost: float | None = None
    # Tries that the server answered, and may charge for, with nothing that could be read; and their tokens, estimated.
    lost_tries: int = 0
    lost: Usage = Usage()
    # Seconds that the last attempt took.
    latency_s: float = 0.0
    attempts: int = 1
    error: str | None = None
    http_status: int | None = None
    # False where a schema was asked for and the server could not enforce it.
    schema_enforced: bool = True
    # How what was sent differs from the plain request, as the server asked for it: `stream`, `max_completion_tokens`.
    adapted: tuple[str, ...] = ()

    @property
    def may_be_paid(self) -> bool:
        """Whether the server has answered at all, so that it may charge."""
        answered = self.http_status is not None and 200 <= self.http_status < 300
        return answered or self.lost_tries > 0


def read_answer(
    http_status: int,
    content_type: str,
    body: bytes,
    wait: float | None = None,
    clean: Callable[[str], str] = str,
    location: str = "",
) -> ChatAnswer:
    """Read one answer of a server: a completion, an event stream of its pieces, or either in a list.

    ``wait`` is what its headers ask for, in seconds; ``location`` where they point to; ``clean`` takes secrets
    out of an error's text, before anything is cut from it.

    Raises ProviderFault for an error status, an error in the body, or a body that is not a chat completion.
    """
    if 300 <= http_status < 400:
        raise redirect_fault(http_status, clean(location))
    data = _decode(body)
    plain = "" if "html" in content_type else body[:_QUOTED_BYTES].decode("utf-8", "replace")
    if not 200 <= http_status < 300:
        said = said_in(data)
        raise fault_of(http_status, said if said and said.message else _with_text(said, plain), wait, clean)
    whole = True
    if data is None and is_event_stream(content_type, body) and (stream := read_stream(body)) is not None:
        data, whole = stream
    elif data is None and (lines := read_lines(body)) is not None:
        data, whole = lines
    data, whole = _unwrapped(as_completion(data) if is_message(data) else data, whole)
    said = said_in(data)
    if said is not None and not (isinstance(data, str) and not said.message):
        raise fault_of(status_inside(said), said, wait, clean)
    if data is None:
        told = f": {shorten(clean(plain))}" if plain.strip() and plain.isprintable() else ""
        kind = shorten(clean(content_type)) or "no content type"
        raise ProviderFault(
            f"the answer is not JSON ({kind}, {len(body)} bytes){told}", retryable=True, unreadable=True
        )
    return _read_completion(data, clean, whole)


def read_kept(body: Any, http_status: int = 200) -> ChatAnswer:
    """Read a reply that somebody has kept, as ``read_answer`` reads one that has just come.

    ``body`` is what was decoded from JSON, or the text that the server sent. A fault is the end of that request.
    """
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        return read_answer(http_status, "application/json", text.encode("utf-8", "surrogatepass"))
    except ProviderFault as fault:
        return end_of(fault)


def end_of(fault: ProviderFault, more: str = "") -> ChatAnswer:
    """What is left of a request that failed for good; ``more`` is put after the error's words."""
    if fault.broken_off is not None:
        return fault.broken_off
    status = CONTENT_FILTER if fault.filtered else CONTEXT_LIMIT if fault.context else PROVIDER_ERROR
    return ChatAnswer(status=status, error=fault.message + more, http_status=fault.http_status)


def _with_text(said: Said | None, plain: str) -> Said:
    return Said(plain) if said is None else said._replace(message=plain)


def _unwrapped(data: Any, whole: bool) -> tuple[Any, bool]:
    """What a list of one completion, or of its pieces, holds; a piece alone is a completion too.

    So is what stands in an envelope (``{"code": 0, "data": {…}}``), or in a string of JSON.
    """
    if isinstance(data, str) and data.lstrip()[:1] == "{":
        data = _decode(data.encode("utf-8", "replace")) or data
    if isinstance(data, dict) and "choices" not in data:
        inner = (data.get(name) for name in _ENVELOPES)
        data = next((one for one in inner if isinstance(one, dict) and one.get("choices")), data)
    pieces = data if isinstance(data, list) else [data]
    if pieces and all(is_chunk(one) for one in pieces):
        return merge_chunks(pieces)
    if isinstance(data, list) and data and isinstance(data[0], dict) and said_in(data) is None:
        return data[0], whole
    return data, whole


def _decode(body: bytes) -> Any:
    """The JSON of a body, or None where it is none."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        # Takes half a surrogate pair, which a model may well be cut off after, and msgspec does not.
        return json.loads(body.removeprefix(b"\xef\xbb\xbf"), strict=False)
    except (ValueError, RecursionError):
        return None


def _read_completion(data: Any, clean: Callable[[str], str], whole: bool) -> ChatAnswer:
    choices = data.get("choices") if isinstance(data, dict) else None
    choice = _chosen(choices)
    if choice is None:
        if is_filtered(data, None):
            return _filtered(data, {})
        raise _unreadable("the answer holds no choice")
    if choice.get("error"):
        said = said_in({"error": choice["error"]}) or Said("")
        raise fault_of(status_inside(said), said, clean=clean)
    message = choice.get("message")
    if not isinstance(message, dict):
        if isinstance(choice.get("text"), str):
            # The answer of a completion without chat.
            message = {"content": choice["text"]}
        elif status_of_finish(*_finishes(choice)) in WITHHELD or is_filtered(data, choice):
            return _filtered(data, choice)
        else:
            raise _unreadable("the answer's choice holds no message")
    return _answer_of(data, choice, message, whole)


def _answer_of(data: dict[str, Any], choice: dict[str, Any], message: dict[str, Any], whole: bool) -> ChatAnswer:
    parts = _Parts(message.get("content"))
    declined = _string(message.get("refusal")) or "".join(parts.refusals)
    split = split_thought("".join(parts.texts))
    text = split.answer if split.answer.strip() else declined or split.answer
    finish, native = _finishes(choice)
    calls = parts.calls or bool(message.get("tool_calls") or message.get("function_call"))
    status = _status(status_of_finish(finish, native), split._replace(answer=text), calls=calls)
    if status in (OK, EMPTY) and (answer_is_filtered(choice) or (status == EMPTY and is_filtered(data, choice))):
        status = CONTENT_FILTER
    reasoning = _reasoning(message) or "\n".join(parts.thoughts).strip() or None
    answer = ChatAnswer(
        status=status,
        text=text,
        reasoning="\n".join(dict.fromkeys(filter(None, (reasoning, split.thought)))) or None,
        native_finish_reason=native,
        declined=bool(declined),
        error=_explained(status, finish or native, text) or stopped_for(choice, status),
        **_facts(data, finish),
    )
    if status == PROVIDER_ERROR or not whole:
        why = f"with {finish or native!r}" if status == PROVIDER_ERROR else "before its end"
        said = f"the provider broke the answer off {why}"
        broken = msgspec.structs.replace(answer, status=PROVIDER_ERROR, error=said)
        raise ProviderFault(said, retryable=True, broken_off=broken)
    return answer


def _facts(data: dict[str, Any], finish: str | None) -> dict[str, Any]:
    """What a reply tells beside the answer."""
    usage = usage_in(data)
    return {
        "finish_reason": finish,
        "served_model": _string(data.get("model")) or None,
        "provider": _string(data.get("provider")) or None,
        "system_fingerprint": _string(data.get("system_fingerprint")) or None,
        "usage": read_usage(usage),
        "cost": read_cost(usage),
    }


def _filtered(data: dict[str, Any], choice: dict[str, Any]) -> ChatAnswer:
    """The end of a request whose answer a filter withheld, message and all."""
    finish, native = _finishes(choice)
    status = status_of_finish(finish, native)
    status = status if status in WITHHELD else CONTENT_FILTER
    error = stopped_for(choice, status)
    return ChatAnswer(status=status, native_finish_reason=native, error=error, **_facts(data, finish))


def _chosen(choices: Any) -> dict[str, Any] | None:
    """The choice with index 0; where none says so, the first."""
    found = [one for one in choices if isinstance(one, dict)] if isinstance(choices, list) else []
    return next((one for one in found if one.get("index") == 0), found[0] if found else None)


def _finishes(choice: dict[str, Any]) -> tuple[str | None, str | None]:
    """Why the answer ended: by the server's word, and by the word of the server behind it."""
    return finish_of(choice), finish_word(choice.get("native_finish_reason"))


def _status(status: str, split: Split, *, calls: bool) -> str:
    """The status of an answer with a text, where ``status`` is what its finish reason stands for."""
    if status not in (OK, TOOL_CALL):
        return status
    has_text = not _UNSEEN.fullmatch(split.answer)
    if status == TOOL_CALL or (calls and not has_text) or _only_calls(split.answer):
        return TOOL_CALL
    if split.unclosed:
        return TRUNCATED
    if control_mark(split.answer) is not None:
        return CONTROL_MARKS
    return OK if has_text else EMPTY


def _only_calls(text: str) -> bool:
    """Whether a text is calls of tools from its beginning to its end."""
    called = _CALL.match(text)
    return called is not None and text.rstrip().endswith(f"</{called[1]}>")


def _explained(status: str, finish: str | None, text: str) -> str | None:
    if status == UNKNOWN_FINISH:
        return f"the server ended the answer with {finish!r}, which is no finish reason that is known"
    if status == CONTROL_MARKS:
        return f"the answer holds {control_mark(text)!r}"
    return None


def ended(status: str, text: str, *, calls: bool = False) -> tuple[str, Split]:
    """The status and the parts of a text whose finish reason stands for ``status``; for answers read elsewhere."""
    split = split_thought(text)
    return _status(status, split, calls=calls), split


def _unreadable(what: str) -> ProviderFault:
    return ProviderFault(what, retryable=True, unreadable=True)


class _Parts:
    """The content of a message, a text or a list of parts, by what each part is."""

    def __init__(self, content: Any) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.refusals: list[str] = []
        self.calls = False
        if isinstance(content, dict) and isinstance(content.get("text"), str):
            content = [content]
        if content is not None and not isinstance(content, str | list):
            raise _unreadable(f"the answer's content is a {type(content).__name__}, not a text")
        for part in [content] if isinstance(content, str) else content or ():
            kind = _get(part, "type")
            if kind in _THOUGHT_PARTS or _get(part, "thought") is True:
                self.thoughts.append(_flat(part))
            elif kind in _CALL_PARTS:
                self.calls = True
            elif kind == "refusal":
                self.refusals.append(_string(_get(part, "refusal")) or _flat(part))
            else:
                text = _get(part, "text")
                self.texts.append(_string(part) or _string(text) or _string(_get(text, "value")))


def _flat(part: Any) -> str:
    """The text of a part of reasoning, which may hold parts again."""
    for name in ("thinking", "reasoning", "text", "summary", "content"):
        value = _get(part, name)
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, list):
            return "\n".join(filter(None, (_string(one) or _string(_get(one, "text")) for one in value)))
    return _string(part)


def _reasoning(message: dict[str, Any]) -> str | None:
    for name in ("reasoning", "reasoning_content", "reasoning_text", "thinking"):
        value = message.get(name)
        if text := (_string(value) or (_flat(value) if isinstance(value, dict) else "")).strip():
            return text
    for name in ("reasoning_details", "thinking_blocks"):
        details = message.get(name)
        if isinstance(details, list) and (text := "\n".join(filter(None, map(_flat, details))).strip()):
            return text
    return None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _string(value: Any) -> str:
    """A text that UTF-8 can hold: half a surrogate pair becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
