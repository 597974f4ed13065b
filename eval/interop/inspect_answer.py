"""Inspect's model outputs as answers of a chat, and an Inspect model as a client that our model judge can ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    ResponseSchema,
)
from inspect_ai.util import JSONSchema

from dataset_builder.dataset.taxonomy import CONTEXT_LIMIT, PROVIDER_ERROR
from dataset_builder.models.answer import ChatAnswer, Usage, ended
from dataset_builder.models.faults import names_context_limit
from dataset_builder.models.replies.finish import status_of_finish
from dataset_builder.models.request import ChatRequest


def chat_answer(output: ModelOutput, *, failure: str | None = None) -> ChatAnswer:
    """What a model said, with the status that this project gives such an end.

    ``failure`` is why there is no answer, for an output without any choice.
    """
    if not output.choices:
        said = failure or output.error or "no answer"
        status = CONTEXT_LIMIT if names_context_limit(said) else PROVIDER_ERROR
        return ChatAnswer(status=status, error=as_logged(said))
    choice = output.choices[0]
    parts = choice.message.content if isinstance(choice.message.content, list) else []
    # What else it may say is told of answers that are whole as well.
    details = choice.stop_details if choice.stop_reason == "content_filter" else None
    behind = details.type if details else None
    status, split = ended(
        status_of_finish(choice.stop_reason, behind),
        as_logged(choice.message.text),
        calls=bool(choice.message.tool_calls),
    )
    reasoning = "\n".join(
        as_logged(part.summary or "" if part.redacted else part.reasoning) for part in parts if part.type == "reasoning"
    ).strip()
    return ChatAnswer(
        status=status,
        text=split.answer,
        reasoning="\n".join(filter(None, (reasoning, split.thought))) or None,
        finish_reason=choice.stop_reason,
        native_finish_reason=as_logged(behind) if behind else None,
        declined=any(part.type == "text" and bool(part.refusal) for part in parts),
        served_model=as_logged(output.model) or None,
        usage=_usage(output.usage),
        cost=output.usage.total_cost if output.usage else None,
        latency_s=output.time or 0.0,
        error=as_logged(output.error) if output.error else None,
    )


def _usage(usage: ModelUsage | None) -> Usage:
    if usage is None:
        return Usage()
    cached = usage.input_tokens_cache_read
    # Inspect counts what was cached apart, we count it in.
    sent = usage.input_tokens + (cached or 0) + (usage.input_tokens_cache_write or 0)
    return Usage(
        prompt_tokens=sent,
        completion_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cached_tokens=cached,
    )


def as_logged(text: str) -> str:
    r"""A text as Inspect writes it to a log: half a surrogate pair is written out, such as \ud83d.

    Hashes are taken of this, as a log that is read back holds nothing else.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def host_of(base_url: str | None, model: str) -> str:
    """Where a model was asked: the host of its address, or the provider that its name begins with."""
    try:
        host = urlsplit(base_url or "").hostname
    except ValueError:
        host = None
    return host or model.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a grader is, as a judge records it."""

    host: str


class GraderClient:
    """Asks a model through Inspect, and answers as ``dataset_builder.models.chat.ChatClient`` does.

    Retries, limits and the cache are Inspect's. What Inspect raises ends the sample there, so that
    its own ways to resume hold: a grader that could not be asked gives no verdict.
    """

    def __init__(self, model: Model, *, structured_output: bool = True) -> None:
        self.endpoint = Place(host_of(model.api.base_url, str(model)))
        self._model = model
        self._structured_output = structured_output

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The grader's reply to a request."""
        config: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
        if request.schema is not None and self._structured_output:
            schema = JSONSchema.model_validate(request.schema)
            config["response_schema"] = ResponseSchema(name=request.schema_name, json_schema=schema, strict=True)
        messages: list[ChatMessage] = [
            ChatMessageSystem(content=m.content) if m.role == "system" else ChatMessageUser(content=m.content)
            for m in request.messages
        ]
        return chat_answer(await self._model.generate(messages, config=GenerateConfig(**config)))

    async def aclose(self) -> None:
        """Inspect closes its models itself."""
