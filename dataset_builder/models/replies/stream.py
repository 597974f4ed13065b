"""An event stream put together: many chunks of an answer become one completion.

Format: server-sent events (WHATWG HTML, section 9.2), each with one JSON object, ended by ``[DONE]``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

_DONE: Final = "[DONE]"
# One alone is plain JSON.
_FEWEST_LINES: Final = 2
_CHOICE_MEMBERS: Final = (
    "finish_reason",
    "finishReason",
    "native_finish_reason",
    "stop_reason",
    "stop_details",
    "content_filter_results",
    "error",
)
_REPLY_MEMBERS: Final = (
    "model",
    "provider",
    "system_fingerprint",
    "usage",
    "x_groq",
    "timings",
    "error",
    "promptFeedback",
    "prompt_filter_results",
)


class Stream(NamedTuple):
    """What came over an event stream: one completion, or whatever else was in it."""

    data: Any
    # False where the stream ended without a finish reason or [DONE]: it was cut off.
    whole: bool


def is_event_stream(content_type: str, body: bytes) -> bool:
    """Whether a body that is no JSON is a stream of events, by what the server says or by how it begins."""
    return "text/event-stream" in content_type.lower() or body.lstrip()[:6].startswith((b"data:", b"event:", b":"))


def read_stream(body: bytes) -> Stream | None:
    """The completion that a stream of events holds; None where it holds no event that can be read."""
    datas = _datas(body.decode("utf-8", "replace").lstrip("\ufeff"))
    chunks = []
    for text in datas:
        if text.strip() == _DONE:
            continue
        try:
            chunks.append(msgspec.json.decode(text))
        except (ValueError, RecursionError):
            chunks.append(text)
    if not chunks:
        return _behind_comments(body)
    done = any(text.strip() == _DONE for text in datas)
    # Where one event says that it failed, nothing else in the stream matters.
    failed = next((one for one in chunks if isinstance(one, dict) and (one.get("error") or _is_error(one))), None)
    if failed is not None:
        return Stream(failed, True)
    parts = [one for one in chunks if isinstance(one, dict)]
    if not parts:
        return Stream(chunks[0], True)
    if not any("choices" in one for one in parts):
        # What it says last is why there is no answer.
        return Stream(parts[-1], True)
    return merge_chunks(parts, done=done)


def _behind_comments(body: bytes) -> Stream | None:
    """JSON behind the comments that keep a connection alive."""
    rest = b"\n".join(line for line in body.split(b"\n") if not line.lstrip().startswith(b":"))
    try:
        return Stream(msgspec.json.decode(rest), True)
    except (ValueError, RecursionError):
        return None


def read_lines(body: bytes) -> Stream | None:
    """The completion whose pieces stand one a line, as JSON with no more around it; None for anything else."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) < _FEWEST_LINES:
        return None
    try:
        pieces = [msgspec.json.decode(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    return merge_chunks(pieces) if all(is_chunk(one) for one in pieces) else None


def is_chunk(value: Any) -> bool:
    """Whether a value is a piece of a completion."""
    choices = value.get("choices") if isinstance(value, dict) else None
    return isinstance(choices, list) and any(isinstance(one, dict) and "delta" in one for one in choices)


def merge_chunks(chunks: list[dict[str, Any]], *, done: bool = True) -> Stream:
    """One completion out of its pieces, in the order in which they came."""
    reply: dict[str, Any] = {}
    choice: dict[str, Any] = {}
    message: dict[str, Any] = {}
    for chunk in chunks:
        reply |= {name: chunk[name] for name in _REPLY_MEMBERS if chunk.get(name)}
        for piece in chunk.get("choices") or ():
            if not isinstance(piece, dict) or piece.get("index") not in (0, None):
                continue
            # Until its end some servers say "null" in each piece.
            choice |= {name: piece[name] for name in _CHOICE_MEMBERS if piece.get(name) not in (None, "", "null")}
            if isinstance(whole := piece.get("message"), dict):
                message |= whole
            elif isinstance(delta := piece.get("delta"), dict):
                _add(message, delta)
            elif isinstance(text := piece.get("text"), str):
                message["content"] = _joined(message.get("content"), text)
    if choice or message:
        reply["choices"] = [{**choice, "message": message}]
    return Stream(reply, done or not choice.keys().isdisjoint(("finish_reason", "finishReason")))


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if isinstance(value, str | list) and name != "role":
            message[name] = _joined(message.get(name), value)


def _joined(before: Any, piece: str | list[Any]) -> Any:
    """Texts end to end, parts one after the other; a text among parts becomes one of them."""
    if before is None or before == "":
        return piece
    if isinstance(before, str) and isinstance(piece, str):
        return before + piece
    return [*(before if isinstance(before, list) else [before]), *(piece if isinstance(piece, list) else [piece])]


def _is_error(chunk: dict[str, Any]) -> bool:
    return "choices" not in chunk and (chunk.get("object") == "error" or chunk.get("type") == "error")


def _datas(text: str) -> list[str]:
    """The data of each event: lines end at CR, LF or both, and at nothing else."""
    found: list[str] = []
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if not line:
            if lines:
                found.append("\n".join(lines))
            lines = []
        elif name == "data":
            value = value.removeprefix(" ")
            # Some servers leave out the empty line between two events.
            if lines and value.startswith(("{", _DONE)):
                found.append("\n".join(lines))
                lines = []
            lines.append(value)
    if lines:
        found.append("\n".join(lines))
    return found
