"""Rows of a table: a case, its answer, and what else is known of it under the usual names."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dataset_builder.dataset.taxonomy import OK, PROVIDER_ERROR, RESPONSE_STATUSES
from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer, read_kept
from dataset_builder.models.faults import shorten
from dataset_builder.storage.sheets import Row, scientific
from eval.interop.answers.collected import Collected, Told, is_blank, name_of, number, time_of

CASE, ANSWER = "case_id", "response"
_QUERY: Final = "user_query"
_REASONING: Final = ("reasoning", "reasoning_content", "thinking")
_SYSTEM: Final = "system_prompt"
# Of these not a blank is trimmed.
EXACT: Final = (ANSWER, _QUERY, _SYSTEM, *_REASONING)
_COUNTS: Final = (
    "prompt_tokens",
    "input_tokens",
    "completion_tokens",
    "output_tokens",
    "total_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost",
    "total_cost",
)
# By what a file calls it; the first name that has a value counts.
_FINISH: Final = ("finish_reason", "stop_reason")
_SERVED: Final = ("served_model", "model_id", "model")
_TIMES: Final = ("collected_at", "created_at", "timestamp", "created")
_LATENCY: Final = ("latency_s", "latency")
_TEXTS: Final = ("native_finish_reason", "provider", "system_fingerprint")
_OTHERS: Final = ("temperature", "max_tokens", "query_hash", "status", "error", "usage", "attempts")
KNOWN: Final = frozenset([CASE, *EXACT, *_COUNTS, *_FINISH, *_SERVED, *_TIMES, *_LATENCY, *_TEXTS, *_OTHERS])


def collected(row: Row) -> Collected:
    """The answer of a row. Raises InputError, with what is wrong, where it cannot be one."""
    values = row.values
    case_id = name_of(values, CASE, "this row")
    if scientific(case_id):
        raise InputError(f"{CASE} {case_id} is a number that a spreadsheet made of an id: import that column as text")
    limit, attempts = number(values.get("max_tokens")), number(values.get("attempts"))
    return Collected(
        where=row.where,
        case_id=case_id,
        answer=_answer(values),
        query=_text(values, _QUERY),
        query_hash=_text(values, "query_hash"),
        at=next((at for name in _TIMES if (at := time_of(values.get(name)))), None),
        latency_s=next((n for name in _LATENCY if (n := number(values.get(name))) is not None and n >= 0), None),
        attempts=int(attempts) if attempts and attempts >= 1 else None,
        told=Told(number(values.get("temperature")), int(limit) if limit else None, _text(values, _SYSTEM)),
    )


def _answer(values: dict[str, Any]) -> ChatAnswer | None:
    response = _response(values)
    if isinstance(response, dict):
        # The server's whole reply, kept as it came.
        return _dressed(read_kept(response), values)
    status, finish, failure = values.get("status"), _first(values, _FINISH), _failure(values)
    known = str(status) if status in RESPONSE_STATUSES else None
    if known is None and finish is None and number(status) is None and not is_blank(status):
        # "completed" or "failed": the one word of how it ended.
        finish = str(status)
    if not response:
        if failure is not None:
            return _dressed(failure, values)
        if finish is None and known in (None, OK):
            return None
    answer = _dressed(read_kept(_reply(values, response, finish)), values)
    if failure is not None and answer.status == OK:
        answer = msgspec.structs.replace(answer, status=PROVIDER_ERROR, error=failure.error)
    # What a run of ours, or an export of one, has found already.
    return answer if known in (None, OK) else msgspec.structs.replace(answer, status=str(known))


def _response(values: dict[str, Any]) -> str | dict[str, Any] | list[Any]:
    """What stands in the column of answers; an empty text where nothing does."""
    response = values.get(ANSWER)
    if isinstance(response, str):
        return response if response.strip() else ""
    if is_blank(response):
        return ""
    if isinstance(response, dict) or (
        isinstance(response, list) and all(isinstance(part, str | dict) for part in response)
    ):
        return response
    raise InputError(f"{ANSWER} is a {type(response).__name__}, and a text was expected")


def _failure(values: dict[str, Any]) -> ChatAnswer | None:
    """The end of a request that the row calls failed, by an error or a status like HTTP's; None where it does not."""
    error, code = values.get("error"), int(number(values.get("status")) or 0)
    if is_blank(error) and not 400 <= code < 600:
        return None
    said = f"HTTP {code}" if is_blank(error) else error if isinstance(error, dict | list) else str(error)
    found = read_kept({"error": said}, code if 400 <= code < 600 else 200)
    return found if isinstance(said, dict | list) else msgspec.structs.replace(found, error=shorten(said))


def _reply(values: dict[str, Any], response: Any, finish: str | None) -> dict[str, Any]:
    """The row as the server's reply that it was."""
    message = {"role": "assistant", "content": response, "reasoning": _first(values, _REASONING)}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": finish,
        "native_finish_reason": _first(values, ("native_finish_reason",)),
    }
    usage = values.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return {
        "choices": [choice],
        "usage": usage | {name: number(values.get(name)) for name in _COUNTS if name in values},
    }


def _dressed(answer: ChatAnswer, values: dict[str, Any]) -> ChatAnswer:
    """An answer with what the row tells beside the reply."""
    told = {
        "served_model": _first(values, _SERVED),
        "provider": _first(values, ("provider",)),
        "system_fingerprint": _first(values, ("system_fingerprint",)),
    }
    return msgspec.structs.replace(answer, **{name: value for name, value in told.items() if value is not None})


def _first(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of these columns that holds something, as text."""
    return next((text for name in names if (text := _text(values, name)) is not None), None)


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    if is_blank(value) or isinstance(value, dict | list):
        return None
    return str(value).encode("utf-8", "replace").decode()
