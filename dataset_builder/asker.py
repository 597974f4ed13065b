"""Structured questions to a model: a schema with each, the temperature dropped where it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataset_builder.breaker import Breaker
from dataset_builder.chat import ChatClient
from dataset_builder.chat_answer import PROVIDER_ERROR, ChatAnswer
from dataset_builder.chat_request import ChatRequest, Message
from dataset_builder.prices import Price, cost_of

AGAIN: str = "Then run the same command: what was answered is kept."


class Asker:
    """Asks one model through an open ChatClient; ``price`` is for providers that do not tell what an answer costs."""

    def __init__(
        self, client: ChatClient, *, temperature: float | None, max_tokens: int, price: Price | None = None
    ) -> None:
        self._client = client
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._price = price
        self._breaker = Breaker(AGAIN)

    @property
    def stopped(self) -> str | None:
        """Why nothing more is to be asked, or None."""
        return self._breaker.reason

    async def ask(self, messages: Sequence[Message], schema: dict[str, Any], name: str) -> ChatAnswer:
        """The answer to one question. Raises RemoteError where the key is rejected or the credit is used up."""
        answer = await self._client.complete(self._request(messages, schema, name))
        # Some models that always reason take no temperature, and refuse every request that carries one.
        refused = answer.status == PROVIDER_ERROR and answer.http_status in (400, 422)
        if refused and self._temperature is not None and "temperature" in (answer.error or ""):
            self._temperature = None
            answer = await self._client.complete(self._request(messages, schema, name))
        self._breaker.note(answer)
        return answer

    def cost(self, answer: ChatAnswer) -> float | None:
        """US dollars of an answer; None where that is not known."""
        return cost_of(answer.cost, answer.usage, self._price)

    def _request(self, messages: Sequence[Message], schema: dict[str, Any], name: str) -> ChatRequest:
        return ChatRequest(
            messages=tuple(messages),
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            schema=schema,
            schema_name=name,
        )
