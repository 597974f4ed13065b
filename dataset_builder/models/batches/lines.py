"""A line of a batch's output: the name of a request and the server's reply, which is read as a live one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dataset_builder.dataset.taxonomy import PROVIDER_ERROR
from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer, read_kept

NAME: Final = "custom_id"
_BAD_REQUEST: Final = 400


def openai_line(line: Mapping[str, Any]) -> ChatAnswer:
    """A line of an OpenAI batch's output or errors, as other servers with such batches write them too.

    Raises InputError where it holds neither a response nor an error.
    """
    response, error = line.get("response"), line.get("error")
    if isinstance(response, dict) and response.get("body") is not None:
        return read_kept(_chat(response["body"]), _status(response.get("status_code")))
    if error:
        return read_kept({"error": error})
    raise InputError("holds neither a response with its body nor an error")


def anthropic_line(line: Mapping[str, Any]) -> ChatAnswer:
    """A line of the results of an Anthropic Message Batch. Raises InputError for a result of an unknown type."""
    result = line.get("result")
    kind = result.get("type") if isinstance(result, dict) else None
    if isinstance(result, dict) and kind == "succeeded":
        return read_kept(result.get("message"))
    if isinstance(result, dict) and kind == "errored":
        error = result.get("error") or "no explanation"
        inner = error.get("error") if isinstance(error, dict) else None
        refused = isinstance(inner, dict) and inner.get("type") == "invalid_request_error"
        return read_kept({"error": error}, _BAD_REQUEST if refused else 200)
    if kind in ("canceled", "cancelled", "expired"):
        return ChatAnswer(status=PROVIDER_ERROR, error=f"the batch has {kind} it")
    raise InputError(f"result is of the unknown type {str(kind)[:40]!r}")


def _chat(body: Any) -> Any:
    """A body as that of a chat completion: the Responses API has one of its own."""
    if not (isinstance(body, dict) and body.get("object") == "response"):
        return body
    if body.get("error"):
        return {"error": body["error"]}
    output = _objects(body.get("output"))
    parts: list[Any] = []
    for one in output:
        if one.get("type") == "reasoning":
            parts += [{"type": "reasoning", "text": text} for text in _texts(one)]
        elif one.get("type") == "message":
            parts += one["content"] if isinstance(one.get("content"), list) else [one.get("content")]
    calls = [one for one in output if str(one.get("type")).endswith("_call")]
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    message = {"role": "assistant", "content": parts, "tool_calls": calls}
    kept = {name: body.get(name) for name in ("model", "usage", "created_at")}
    return kept | {"choices": [{"index": 0, "message": message, "finish_reason": reason or body.get("status")}]}


def _texts(item: dict[str, Any]) -> list[str]:
    held = [*_objects(item.get("summary")), *_objects(item.get("content"))]
    return [one["text"] for one in held if isinstance(one.get("text"), str)]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _status(code: Any) -> int:
    """The reply's status like HTTP's; 200 where none is told."""
    try:
        value = int(float(code))
    except (TypeError, ValueError, OverflowError):
        return 200
    return value if 100 <= value < 600 else 200
