"""What is asked of a model, and how it is put to a server that may not know every option."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import msgspec

from dataset_builder.models.faults import ProviderFault
from dataset_builder.models.providers import Endpoint

_NEW_TOKEN_FIELD: Final = "max_completion_tokens"  # noqa: S105 - the name of a field


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model. None leaves a parameter out, for the server to choose."""

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    reasoning: str | None = None
    seed: int | None = None
    # A JSON schema that the answer is to obey, and its name; dropped where the server has no such thing.
    schema: dict[str, Any] | None = None
    schema_name: str = "answer"

    @classmethod
    def of_user(cls, text: str, **parameters: Any) -> Self:
        """A request of one user message and nothing before it."""
        return cls(messages=(Message("user", text),), **parameters)

    def encode(self, endpoint: Endpoint, dialect: Dialect) -> bytes:
        """The body of the HTTP request."""
        provider = endpoint.provider
        payload: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            **provider.extra,
        }
        if self.max_tokens is not None:
            payload[dialect.token_field] = self.max_tokens
        if self.temperature is not None:
            payload["temperature"] = self.temperature
        if self.seed is not None:
            payload["seed"] = self.seed
        if self.reasoning is not None:
            level = {"effort": self.reasoning}
            payload |= {"reasoning": level} if provider.reasoning_object else {"reasoning_effort": self.reasoning}
        if self.schema is not None and dialect.takes_schema:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": self.schema_name, "strict": True, "schema": self.schema},
            }
        # Escaped to ASCII, so that a lone surrogate in a text can be sent as it is.
        return json.dumps(payload).encode()


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server was found to understand."""

    token_field: str
    takes_schema: bool = True

    def adapted(self, request: ChatRequest, fault: ProviderFault) -> Dialect | None:
        """The dialect that a server's complaint asks for, or None where no other spelling would help."""
        if fault.http_status not in (400, 422):
            return None
        said = f"{fault.parameter or ''} {fault.message}"
        if request.schema and self.takes_schema and any(w in said for w in ("response_format", "json_schema")):
            return replace(self, takes_schema=False)
        if self.token_field != _NEW_TOKEN_FIELD and _NEW_TOKEN_FIELD in said:
            return replace(self, token_field=_NEW_TOKEN_FIELD)
        return None
