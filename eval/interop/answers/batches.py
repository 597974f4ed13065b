"""Output of batches: each line a request's name and the server's reply, which is read as a live one is."""

from __future__ import annotations

from typing import Any

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer, read_kept
from dataset_builder.storage.sheets import Row
from eval.interop.answers.collected import Collected, name_of, number, time_of


def from_openai(row: Row) -> Collected:
    """A line of an OpenAI batch's output or errors, as other servers with such batches write them too."""
    case_id = name_of(row.values, "custom_id", "this line")
    response, error = row.values.get("response"), row.values.get("error")
    if isinstance(response, dict) and response.get("body") is not None:
        body = response["body"]
        answer = read_kept(_chat(body), _status(response.get("status_code")))
        return Collected(row.where, case_id, answer, at=_time(body))
    if error:
        return Collected(row.where, case_id, read_kept({"error": error}))
    raise InputError("holds neither a response with its body nor an error")


def from_anthropic(row: Row) -> Collected:
    """A line of the results of an Anthropic Message Batch."""
    case_id = name_of(row.values, "custom_id", "this line")
    result = row.values.get("result")
    kind = result.get("type") if isinstance(result, dict) else None
    if isinstance(result, dict) and kind == "succeeded":
        return Collected(row.where, case_id, read_kept(_of_message(result.get("message"))))
    if isinstance(result, dict) and kind == "errored":
        return Collected(row.where, case_id, read_kept({"error": result.get("error") or "no explanation"}))
    if kind in ("canceled", "cancelled", "expired"):
        return Collected(row.where, case_id, ChatAnswer(status="provider_error", error=f"the batch has {kind} it"))
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


def _of_message(message: Any) -> Any:
    """Anthropic's message as a chat completion: its content is a list of parts already."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        return message
    parts = message["content"]
    calls = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_use"]
    texts = [part for part in parts if part not in calls]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": texts, "tool_calls": calls},
        "finish_reason": message.get("stop_reason"),
    }
    return {"model": message.get("model"), "usage": message.get("usage"), "choices": [choice]}


def _status(code: Any) -> int:
    """The reply's status like HTTP's; 200 where none is told."""
    value = number(code)
    return int(value) if value and 100 <= value < 600 else 200


def _time(body: Any) -> str | None:
    if not isinstance(body, dict):
        return None
    return time_of(body.get("created")) or time_of(body.get("created_at"))
