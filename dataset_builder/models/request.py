"""What is asked of a model, and how it is put to a server that may not know every option."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import msgspec

from dataset_builder.models.anthropic import anthropic_payload
from dataset_builder.models.faults import LastingFault, ProviderFault
from dataset_builder.models.providers import Endpoint

NEW_TOKEN_FIELD: Final = "max_completion_tokens"  # noqa: S105 - the name of a field
# What is written down of a request that went out without the temperature that it was to have.
NO_TEMPERATURE: Final = "no temperature"
NO_SCHEMA: Final = "no schema"
_UNSUPPORTED: Final = re.compile(
    r"\b(?:unsupported|not supported|instead|unrecogni[sz]ed|unknown|deprecated|not permitted|unexpected"
    r"|not allowed)\b",
    re.IGNORECASE,
)


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model. None leaves a parameter out, for the server to choose."""

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    reasoning: str | None = None
    seed: int | None = None
    # A JSON schema that the answer is to obey, and its name; dropped where the server has no such thing.
    schema: dict[str, Any] | None = None
    schema_name: str = "answer"
    # Whom a router may have answer, and whom not; empty for the router to choose.
    providers: tuple[str, ...] = ()
    excluded_providers: tuple[str, ...] = ()
    # Further fields, as this server takes them.
    extra: Mapping[str, Any] = {}

    @property
    def chars(self) -> int:
        """Characters of its messages, for an estimate of their tokens."""
        return sum(len(message.content) for message in self.messages)

    @classmethod
    def of_user(cls, text: str, **parameters: Any) -> Self:
        """A request of one user message and nothing before it."""
        return cls(messages=(Message("user", text),), **parameters)

    def encode(self, endpoint: Endpoint, dialect: Dialect) -> bytes:
        """The body of the HTTP request."""
        if endpoint.speaks_anthropic:
            payload = anthropic_payload(
                self, endpoint.model, schema=dialect.takes_schema, temperature=dialect.takes_temperature
            )
            return json.dumps(payload).encode()
        provider = endpoint.provider
        payload = {
            "model": endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            **provider.extra,
            # Said either way: there are servers that stream unless they are told not to.
            "stream": dialect.stream,
        }
        if dialect.stream and dialect.takes_stream_options:
            payload["stream_options"] = {"include_usage": True}
        if self.max_tokens is not None:
            payload[dialect.token_field] = self.max_tokens
        # Some models that always reason refuse a temperature; what is asked for stays the same without.
        if self.temperature is not None and dialect.takes_temperature:
            payload["temperature"] = self.temperature
        if self.top_p is not None:
            payload["top_p"] = self.top_p
        if self.stop:
            payload["stop"] = list(self.stop)
        if self.seed is not None:
            payload[provider.seed_field] = self.seed
        if self.reasoning is not None:
            level = {"effort": self.reasoning}
            payload |= {"reasoning": level} if provider.reasoning_object else {"reasoning_effort": self.reasoning}
        if self.schema is not None and dialect.takes_schema:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": self.schema_name, "strict": True, "schema": self.schema},
            }
        if self.providers or self.excluded_providers:
            routes = {"only": list(self.providers), "ignore": list(self.excluded_providers)}
            payload["provider"] = {name: names for name, names in routes.items() if names}
        payload |= self.extra
        # Escaped to ASCII, so that a lone surrogate in a text can be sent as it is.
        return json.dumps(payload).encode()


def refused_option(request: ChatRequest, fault: ProviderFault) -> str | None:
    """The option of the command whose field a server does not take, by what it says of that field; None for no such."""
    if fault.http_status not in (400, 422) or fault.filtered or fault.context:
        return None
    optional = {
        "seed": ("--seed", request.seed),
        "random_seed": ("--seed", request.seed),
        "top_p": ("--top-p", request.top_p),
        "stop": ("--stop", request.stop or None),
        "reasoning_effort": ("--reasoning", request.reasoning),
        "reasoning": ("--reasoning", request.reasoning),
        **{name: ("--extra-body", value) for name, value in request.extra.items()},
    }
    for name, (option, value) in optional.items():
        quoted = re.search(rf"(?<![\w.])['\"`]?{re.escape(name)}['\"`]?(?!\w)", fault.message)
        if value is not None and (fault.parameter == name or (quoted and _UNSUPPORTED.search(fault.message))):
            return option
    return None


# A server that takes calls for an event stream alone, in the words of several.
_STREAM_ONLY: Final = re.compile(
    r"\bnon[- ]stream|\bonly (?:supports? )?stream|\bstream(?:ing)?\b.{0,40}\b(?:only|required|must|true)\b"
    r"|\b(?:must|only|requires?|need)\b.{0,40}\bstream",
    re.IGNORECASE,
)
_NO_SUCH_OPTION: Final = frozenset({400, 404, 405, 415, 422, 501})
# A server may fail at a schema as it may fail at anything: after so many tries it is asked without.
_FAILED_OFTEN: Final = 3


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a server was found to understand."""

    token_field: str
    takes_schema: bool = True
    stream: bool = False
    takes_stream_options: bool = True
    takes_temperature: bool = True

    def adapted(self, request: ChatRequest, fault: ProviderFault, attempts: int = 1) -> Dialect | None:
        """The dialect that a server's complaint asks for, or None where no other spelling would help.

        ``attempts`` is how often this request was sent. Only what a server says of a field changes that field;
        a schema is left out whatever the words, as servers that know none have all kinds of words for it.
        """
        if fault.filtered or fault.context or isinstance(fault, LastingFault) or fault.http_status is None:
            return None
        refused = fault.http_status in (400, 422)
        said = f"{fault.parameter or ''} {fault.message}"
        if refused and request.max_tokens is not None and self._wants_new_field(fault, said):
            return replace(self, token_field=NEW_TOKEN_FIELD)
        if refused and self.stream and self.takes_stream_options and "stream_options" in said:
            return replace(self, takes_stream_options=False)
        if refused and not self.stream and _STREAM_ONLY.search(said):
            return replace(self, stream=True)
        sent = request.temperature is not None and self.takes_temperature
        if refused and sent and "temperature" in said:
            return replace(self, takes_temperature=False)
        hopeless = fault.http_status in _NO_SUCH_OPTION or (fault.http_status == 500 and attempts >= _FAILED_OFTEN)
        if request.schema and self.takes_schema and hopeless:
            return replace(self, takes_schema=False)
        return None

    def _wants_new_field(self, fault: ProviderFault, said: str) -> bool:
        """Whether it refuses the older name of the token limit; an error that names both is about something else."""
        if self.token_field == NEW_TOKEN_FIELD or NEW_TOKEN_FIELD not in said:
            return False
        return fault.parameter == self.token_field or _UNSUPPORTED.search(said) is not None

    def said(self, names: Collection[str]) -> Dialect:
        """This dialect with changes that have a name: ``max_completion_tokens``, ``no temperature``, ``no schema``."""
        return replace(
            self,
            token_field=NEW_TOKEN_FIELD if NEW_TOKEN_FIELD in names else self.token_field,
            takes_temperature=self.takes_temperature and NO_TEMPERATURE not in names,
            takes_schema=self.takes_schema and NO_SCHEMA not in names,
        )

    def departures(self, plain: Dialect) -> tuple[str, ...]:
        """How a request in this dialect differs from one in the dialect that the provider is known for."""
        found = []
        if self.token_field != plain.token_field:
            found.append(self.token_field)
        if self.stream != plain.stream:
            found.append("stream")
        if self.takes_temperature != plain.takes_temperature:
            found.append(NO_TEMPERATURE)
        return tuple(found)
