"""Asking one model: requests counted by a breaker, costs, and questions whose reply is read strictly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Generic, Protocol, TypeVar

from dataset_builder.dataset.taxonomy import CONTENT_FILTER, EMPTY, FAILURES, TOOL_CALL, TRUNCATED
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.reply import LONGEST_REPLY, UnreadableReply, declines
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.work.cost import Price, cost_of_answer
from dataset_builder.work.stopping import RETRY_ERRORS, Breaker, Stop, total_cost

T = TypeVar("T")
# How often a question is asked whose reply cannot be read.
_TRIES: Final = 2


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
        """The answer to one question, by a JSON schema where the server takes one. Raises as ``complete`` does."""
        return await self.complete(
            ChatRequest(
                messages=tuple(messages),
                max_tokens=self._max_tokens,
                temperature=self._temperature,
                schema=schema,
                schema_name=name,
                providers=self._providers,
                excluded_providers=self._excluded_providers,
            )
        )

    async def read(self, question: Question[T]) -> Reply[T]:
        """The answer to a question, asked once more where it cannot be read. Raises as ``complete`` does."""
        costs: list[float | None] = []
        complaint: str | None = None
        raw: str | None = None
        status = ReplyStatus.UNREADABLE

        def ended(status: ReplyStatus, value: T | None, why: str | None) -> Reply[T]:
            return Reply(status, value, why, raw, total_cost(costs), bool(costs))

        for _ in range(_TRIES):
            prompt = question.prompt(complaint)
            answer = await self.ask(prompt.messages, question.schema, question.name)
            if answer.status in FAILURES:
                if answer.may_be_paid:
                    costs.append(self.cost(answer))
                return ended(ReplyStatus.NO_REPLY, None, answer.error)
            costs.append(self.cost(answer))
            raw = answer.text[:LONGEST_REPLY] or raw
            if answer.status == CONTENT_FILTER or answer.declined:
                return ended(ReplyStatus.REFUSED, None, answer.error)
            if answer.status == TRUNCATED and answer.reasoning and not answer.text.strip():
                # The same again would end the same way, and cost as much.
                raw = answer.reasoning[:LONGEST_REPLY]
                why = f"spent its {self._max_tokens:,} tokens on reasoning and came to no verdict"
                return ended(ReplyStatus.OUT_OF_TOKENS, None, why)
            if answer.status == EMPTY:
                status, complaint = ReplyStatus.NO_REPLY, "it was empty"
            elif answer.status == TRUNCATED:
                status, complaint = ReplyStatus.UNREADABLE, "it was cut off before its end; keep the reasoning short"
            elif answer.status == TOOL_CALL:
                status, complaint = ReplyStatus.UNREADABLE, "it called a tool, and there is none"
            else:
                # A reply that can be read carries its end with it, whatever word the server ended it with.
                try:
                    return ended(ReplyStatus.READ, question.read(answer.text, prompt.code), None)
                except UnreadableReply as fault:
                    status, complaint = (
                        ReplyStatus.REFUSED if declines(answer.text) else ReplyStatus.UNREADABLE,
                        str(fault),
                    )
        return ended(status, None, complaint)
