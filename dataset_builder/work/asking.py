"""Work through items a few at a time; collecting and judging both do it this way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import click

from dataset_builder.dataset.taxonomy import CONTEXT_LIMIT, FAILURES, OK, PROVIDER_ERROR
from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.chat import ChatClient
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.work.cost import Estimate, Price, cost_of_answer

T = TypeVar("T")


async def work_through(
    items: Iterable[T],
    do: Callable[[T], Awaitable[None]],
    *,
    concurrency: int,
    admit: Callable[[], Awaitable[str | None]],
) -> str | None:
    """Do something with each item, ``concurrency`` at once; items are drawn as they are needed.

    Before each item ``admit`` is awaited; the reason that it gives ends the work, and so does an
    exception of ``do``. In both cases what is under way is finished first, as it is paid for. Returns
    the reason, None where all items were done; raises the first exception.
    """
    remaining = iter(items)
    reason: str | None = None
    failure: Exception | None = None

    async def worker() -> None:
        nonlocal reason, failure
        while reason is None and failure is None:
            # Drawn first: whoever is let in must come out again, or others wait for the place.
            try:
                item = next(remaining)
            except StopIteration:
                return
            refused = await admit()
            if refused is not None:
                reason = reason or refused
                return
            try:
                await do(item)
            except Exception as error:
                failure = failure or error
                return

    await asyncio.gather(*(worker() for _ in range(concurrency)))
    if failure is not None:
        raise failure
    return reason


# Noticing that a server is gone.


# Failures in a row after which a server counts as gone: before it has ever answered, and after.
_MOST_BEFORE_AN_ANSWER, _MOST_AFTER_ONE = 5, 20
RETRY_HINT: Final = "Then run the same command with --retry-errors: what was answered is kept."


class Breaker:
    """Notices that a server answers no more, so that a thousand cases are not spent on finding out.

    ``hint`` says what the user is to do then.
    """

    def __init__(self, hint: str = RETRY_HINT) -> None:
        self._hint = hint
        self.answered = False
        self._row = 0
        self._last = ""
        # Whether the same command can bring more; a context that is too short stays so.
        self._mends = True

    def note(self, answer: ChatAnswer) -> None:
        """Take the end of one request into account."""
        if answer.status in FAILURES:
            self._row += 1
            self._last = answer.error or "no reason given"
            self._mends = answer.status != CONTEXT_LIMIT
        else:
            self.answered = self.answered or answer.status == OK
            self._row = 0

    @property
    def reason(self) -> str | None:
        """Why to stop, or None."""
        if self._row < (_MOST_AFTER_ONE if self.answered else _MOST_BEFORE_AN_ANSWER):
            return None
        told = f"the last {self._row} requests all failed, the last one with: {self._last.rstrip('.')}."
        return f"{told} {self._hint}" if self._mends else told


# Structured questions to a model: a schema with each, the temperature dropped where it is refused.


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
        return cost_of_answer(answer, self._price)

    def _request(self, messages: Sequence[Message], schema: dict[str, Any], name: str) -> ChatRequest:
        return ChatRequest(
            messages=tuple(messages),
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            schema=schema,
            schema_name=name,
        )


# Asking before money is spent.


def confirm(estimate: Estimate, *, yes: bool) -> None:
    """Ask whether to begin, unless ``yes`` or it costs nothing.

    Raises InputError where there is nobody to ask, click.Abort where the answer is no.
    """
    if yes or not estimate.calls or (estimate.cost is not None and estimate.cost[1] == 0):
        return
    may_ask(yes=yes)
    click.confirm("Begin?", abort=True)


def may_ask(*, yes: bool) -> None:
    """Raise InputError where money may be spent, nobody said ``yes`` and there is nobody to ask."""
    if not yes and not sys.stdin.isatty():
        raise InputError("This may cost money, and there is nobody to ask. Give --yes to begin.")
