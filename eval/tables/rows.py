"""One row of a table as what a judge is shown, or the reason why there is nothing to show."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import AUTHORITY_BY_ID, EMPTY, FAMILIES, OK, ids, is_defeated
from dataset_builder.models.answer import read_kept
from eval.judges.interface import JudgeTask
from eval.runs.answer import Answer
from eval.runs.verdict import hash_text
from eval.tables.columns import Columns

# Where such a case comes from, as its record says.
ORIGIN: Final = "table"
# Why a row has no labels, beside the reasons of ``taxonomy.UNSCORED_REASONS``.
NO_REQUEST: Final = "no_request"
NOT_TEXT: Final = "not_text"
TOO_LONG: Final = "too_long"
UNREADABLE: Final = "unreadable_row"
REASONS: Final[Mapping[str, str]] = {
    NO_REQUEST: "The row holds no request, or the chat none before its answer.",
    NOT_TEXT: "The request or the answer is no text, or holds pictures, sound or files that a judge cannot see.",
    TOO_LONG: "The request or the answer has more than 2,000,000 characters.",
    UNREADABLE: "The row cannot be read.",
}
MOST_CHARS: Final = 2_000_000
# Cases that a judge keeps at once: rows of one request stand near each other, or there are few requests.
_SLOTS: Final = 4096
_FAMILIES: Final = frozenset(ids(FAMILIES))
_UNSEEN: Final = ("image", "audio", "video", "file", "document")
_USERS: Final = frozenset({"user", "human", "prompter"})
_MODELS: Final = frozenset({"assistant", "model", "gpt", "bot", "ai", "chatbot"})
_BLANK: Final = {
    name: ""
    for name in Case.__struct_fields__
    if name
    not in ("structural_facts", "defeated", "defeat_condition", "dual_use", "dual_use_category", "batch", "canary")
}


class UnjudgedError(Exception):
    """A row that no judge can be shown; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a judge is shown, or ``reason`` where there is nothing; ``task`` is there exactly where no reason is."""

    task: JudgeTask | None
    reason: str | None = None


def read_row(values: Mapping[str, Any], columns: Columns) -> Row:
    """The row of those values by column. It raises nothing: whatever is wrong with it is its reason."""
    try:
        return Row(_task(values, columns))
    except UnjudgedError as error:
        return Row(None, str(error))


def _task(values: Mapping[str, Any], columns: Columns) -> JudgeTask:
    def of(role: str) -> Any:
        name = getattr(columns, role)
        return None if name is None else values.get(name)

    if columns.messages is not None:
        request, message = last_exchange(of("messages"))
    else:
        request, message = text_of(of("request")), {"content": of("response")}
    if not request.strip():
        raise UnjudgedError(NO_REQUEST)
    response = _response(message)
    if len(request) > MOST_CHARS or len(response) > MOST_CHARS:
        raise UnjudgedError(TOO_LONG)
    known = {role: _plain_text(of(role)) for role in ("rule", "ground", "family", "authority")}
    return JudgeTask(_case(request, known, _facts(of("facts"))), _answer(request, response))


def _response(message: Mapping[str, Any]) -> str:
    """The answer in a model's message, without its reasoning."""
    content = message["content"]
    if content is None and not message.get("tool_calls"):
        raise UnjudgedError(EMPTY)
    if not isinstance(content, str | list | Mapping | None):
        raise UnjudgedError(NOT_TEXT)
    if isinstance(content, str) and len(content) > MOST_CHARS:
        raise UnjudgedError(TOO_LONG)
    if isinstance(content, list) and not all(isinstance(part, str | Mapping) for part in content):
        raise UnjudgedError(NOT_TEXT)
    if isinstance(content, list) and any(isinstance(part, Mapping) and _is_unseen(part) for part in content):
        raise UnjudgedError(NOT_TEXT)
    choice = {"message": {"role": "assistant", **message}, "finish_reason": "stop"}
    try:
        found = read_kept(content if isinstance(content, Mapping) else {"choices": [choice]})
    except TypeError:
        # Bytes, or whatever else JSON has no form for.
        raise UnjudgedError(NOT_TEXT) from None
    if found.status != OK:
        raise UnjudgedError(found.status)
    if not found.text.strip():
        raise UnjudgedError(EMPTY)
    return found.text


def _is_unseen(part: Mapping[str, Any]) -> bool:
    """Whether a part of a message is a picture, a sound or a file, by the names that servers give them."""
    kind = part.get("type")
    return isinstance(kind, str) and any(word in kind for word in _UNSEEN)


def text_of(value: Any) -> str:
    """The text of a cell: a text, or a message's list of parts that are all texts; empty where there is none.

    Raises UnjudgedError for anything else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        # One message, or one part of one.
        inner = value.get("content", value.get("text", value.get("value")))
        if value.get("type") in (None, "text", "input_text", "output_text") and isinstance(inner, str | list):
            return text_of(inner)
    elif isinstance(value, list):
        return "\n".join(text_of(part) for part in value)
    raise UnjudgedError(NOT_TEXT)


def last_exchange(value: Any) -> tuple[str, dict[str, Any]]:
    """The user's turn before the last answer of a chat, and that answer's message with its ``content``.

    The chat is a list of messages, ``role`` and ``content`` or ``from`` and ``value``, or that list as JSON. Raises
    UnjudgedError where there is no such pair.
    """
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise UnjudgedError(NOT_TEXT) from None
    if isinstance(value, Mapping):
        value = value.get("messages")
    if not isinstance(value, list) or not all(isinstance(message, Mapping) for message in value):
        raise UnjudgedError(EMPTY if value is None else NOT_TEXT)
    turns = [(_role(message), message) for message in value]
    at = next((n for n in range(len(turns) - 1, -1, -1) if turns[n][0] in _MODELS), None)
    if at is None:
        raise UnjudgedError(EMPTY)
    asked = next((message for role, message in reversed(turns[:at]) if role in _USERS), None)
    if asked is None:
        raise UnjudgedError(NO_REQUEST)
    return text_of(_content(asked)), {**turns[at][1], "content": _content(turns[at][1])}


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role", message.get("from"))
    return role.strip().casefold() if isinstance(role, str) else ""


def _content(message: Mapping[str, Any]) -> Any:
    return message.get("content", message.get("value", message.get("text")))


def _plain_text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _facts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _case(request: str, known: Mapping[str, str], facts: Sequence[str]) -> Case:
    # A family or authority of another taxonomy says nothing to our judges.
    family = known["family"] if known["family"] in _FAMILIES else ""
    authority = known["authority"] if known["authority"] in AUTHORITY_BY_ID else ""
    told = [request, known["rule"], known["ground"], *facts]
    digest = hashlib.blake2b("\0".join(told).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    slot = int.from_bytes(digest, "little") % _SLOTS
    given: dict[str, Any] = {
        "case_id": f"{ORIGIN}-{slot}",
        "origin": ORIGIN,
        "user_query": request,
        "policy": known["rule"],
        "defeat_condition": known["ground"] or None,
        "structural_facts": list(facts),
        "defeat_family": family,
        "authority_type": authority,
        "defeated": is_defeated(family),
        "dual_use": None,
        "dual_use_category": None,
    }
    return Case(**(_BLANK | given))


def _answer(request: str, text: str) -> Answer:
    return Answer(case_id="", query_hash=hash_text(request), status=OK, response=text, response_hash=hash_text(text))
