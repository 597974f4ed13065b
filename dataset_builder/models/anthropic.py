"""Anthropic's Messages API: our requests in its form, and its messages as chat completions.

A request's system messages go into a field of their own, the limit on tokens is required, and reasoning is an effort.
A seed is not known there. Written from the API's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataset_builder.models.request import ChatRequest

# Required there; what the study allowed.
_USUAL_TOKENS: Final = 8000


def anthropic_payload(
    request: ChatRequest, model: str, *, schema: bool = True, temperature: bool = True
) -> dict[str, Any]:
    """The body of a request; ``schema`` and ``temperature`` say whether the server takes them."""
    system = "\n\n".join(m.content for m in request.messages if m.role == "system")
    payload: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_tokens or _USUAL_TOKENS,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages if m.role != "system"],
    }
    if system:
        payload["system"] = system
    if request.temperature is not None and temperature:
        payload["temperature"] = request.temperature
    if request.top_p is not None:
        payload["top_p"] = request.top_p
    if request.stop:
        payload["stop_sequences"] = list(request.stop)
    output: dict[str, Any] = {}
    if request.reasoning is not None:
        output["effort"] = request.reasoning
        payload["thinking"] = {"type": "adaptive"}
    if request.schema is not None and schema:
        output["format"] = {"type": "json_schema", "schema": request.schema}
    if output:
        payload["output_config"] = output
    return payload | dict(request.extra)


def is_message(data: Any) -> bool:
    """Whether a reply's body is a message of this API."""
    return (
        isinstance(data, dict)
        and data.get("type") == "message"
        and "choices" not in data
        and isinstance(data.get("content"), list)
    )


def as_completion(message: dict[str, Any]) -> dict[str, Any]:
    """A message as a chat completion: its content is a list of parts already."""
    parts = message["content"]
    calls = [part for part in parts if isinstance(part, dict) and part.get("type") == "tool_use"]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": [part for part in parts if part not in calls], "tool_calls": calls},
        "finish_reason": message.get("stop_reason"),
        "stop_details": message.get("stop_details"),
    }
    return {"model": message.get("model"), "usage": message.get("usage"), "choices": [choice]}
