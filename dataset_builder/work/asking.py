"""Asking one model: requests counted by a breaker, costs, and questions whose reply is read strictly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar

from dataset_builder.dataset.taxonomy import EMPTY, FAILURES, TOOL_CALL, TRUNCATED, WITHHELD
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.reply import LONGEST_REPLY, UnreadableReply, declines
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.work.cost import Price, cost_of_answer
from dataset_builder.work.stopping import RETRY_ERRORS, Breaker, Stop, total_cost

T = TypeVar("T")


class Client(Protocol):
    """A ChatClient, or whatever answers like one."""

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The end of one request."""
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of one question, and the code that its reply must carry, as nothing else can know it."""

    code: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A question to be answered by one JSON object.

    ``prompt`` makes it, given what was wrong with an earlier reply (None at first); ``read`` takes a reply's
    text and the prompt's code and raises UnreadableReply.
    """

    name: str
    schema: dict[str, Any]
    prompt: Callable[[str | None], Prompt]
    read: Callable[[str, str], T]


class ReplyStatus(Enum):
    """What became of a question."""

    READ = auto()
    NO_REPLY = auto()
    REFUSED = auto()
    UNREADABLE = auto()
    # All tokens went into reasoning.
    OUT_OF_TOKENS = auto()


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What became of a question: ``value``, or the ``status`` that says why there is none.

    ``why`` says more, ``raw`` is the last reply as it came, ``cost`` the US dollars of all tries, None if
    unknown; ``answered`` where the provider answered at all.
    """

    status: ReplyStatus
    value: T | None
    why: str | None
    raw: str | None
    cost: float | None
    answered: bool


@dataclass(frozen=True, slots=True)
class Try(Generic[T]):
    """What one answer to a question came to; ``again`` where it is worth asking once more."""

    status: ReplyStatus
    value: T | None
    why: str | None
    raw: str | None
    costs: tuple[float | None, ...]
    again: bool

    def ended(self, first: Try[T] | None = None) -> Reply[T]:
        """What became of the question, ``first`` being the try before this one, if there was one."""
        costs = [*(first.costs if first else ()), *self.costs]
        raw = self.raw or (first.raw if first else None)
        return Reply(self.status, self.value, self.why, raw, total_cost(costs), bool(costs))


class Asker:
    """Asks one model through an open client; ``price`` is for providers that do not tell what an answer costs.

    ``providers`` and ``excluded_providers`` are those that a router may have answer its questions, and may not.
    """

    def __init__(
        self,
        client: Client,
        *,
        max_tokens: int,
        temperature: float | None = None,
        price: Price | None = None,
        providers: tuple[str, ...] = (),
        excluded_providers: tuple[str, ...] = (),
        remedy: str = RETRY_ERRORS,
    ) -> None:
        self._client = client
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._price = price
        self._providers, self._excluded_providers = providers, excluded_providers
        self._breaker = Breaker(remedy)

    @property
    def stop(self) -> Stop | None:
        """Why nothing more is to be asked, or None."""
        return self._breaker.stop

    def cost(self, answer: ChatAnswer) -> float | None:
        """US dollars of an answer; None where that is not known."""
        return cost_of_answer(answer, self._price)

    async def complete(self, request: ChatRequest) -> ChatAnswer:
        """The end of one request. Raises RemoteError where the key is rejected or the credit is used up."""
        answer = await self._client.complete(request)
        self._breaker.note(answer)
        return answer

    async def ask(self, messages: Sequence[Message], schema: dict[str, Any], name: str) -> ChatAnswer:
        """The answer to one question. Raises as ``complete`` does."""
        return await self.complete(self.request(messages, schema, name))

    def request(self, messages: Sequence[Message], schema: dict[str, Any], name: str) -> ChatRequest:
        """What is sent for one question, by a JSON schema where the server takes one."""
        return ChatRequest(
            messages=tuple(messages),
            max_tokens=self._max_tokens,
            temperature=self._temperature,
            schema=schema,
            schema_name=name,
            providers=self._providers,
            excluded_providers=self._excluded_providers,
        )

    async def read(self, question: Question[T]) -> Reply[T]:
        """The answer to a question, asked once more where it cannot be read. Raises as ``complete`` does."""
        first: Try[T] | None = None
        while True:
            prompt = question.prompt(first.why if first else None)
            answer = await self.complete(self.request(prompt.messages, question.schema, question.name))
            found = self.reading(question.read, prompt.code, answer)
            if first is not None or not found.again:
                return found.ended(first)
            first = found

    def reading(self, read: Callable[[str, str], T], code: str, answer: ChatAnswer) -> Try[T]:
        """What one answer to a question came to, ``read`` being the question's and ``code`` its prompt's."""
        costs = (self.cost(answer),)

        def ended(status: ReplyStatus, value: T | None, why: str | None, *, again: bool = False) -> Try[T]:
            return Try(status, value, why, answer.text[:LONGEST_REPLY] or None, costs, again)

        if answer.status in FAILURES:
            return Try(ReplyStatus.NO_REPLY, None, answer.error, None, costs if answer.may_be_paid else (), again=False)
        if answer.status in WITHHELD or answer.declined:
            return ended(ReplyStatus.REFUSED, None, answer.error)
        if answer.status == TRUNCATED and answer.reasoning and not answer.text.strip():
            # The same again would end the same way, and cost as much.
            why = f"spent its {self._max_tokens:,} tokens on reasoning and came to no verdict"
            raw = answer.reasoning[:LONGEST_REPLY]
            return Try(ReplyStatus.OUT_OF_TOKENS, None, why, raw, costs, again=False)
        if answer.status == EMPTY:
            return ended(ReplyStatus.NO_REPLY, None, "it was empty", again=True)
        if answer.status == TRUNCATED:
            why = "it was cut off before its end; keep the reasoning short"
            return ended(ReplyStatus.UNREADABLE, None, why, again=True)
        if answer.status == TOOL_CALL:
            return ended(ReplyStatus.UNREADABLE, None, "it called a tool, and there is none", again=True)
        # A reply that can be read carries its end with it, whatever word the server ended it with.
        try:
            return ended(ReplyStatus.READ, read(answer.text, code), None)
        except UnreadableReply as fault:
            status = ReplyStatus.REFUSED if declines(answer.text) else ReplyStatus.UNREADABLE
            return ended(status, None, str(fault), again=True)
