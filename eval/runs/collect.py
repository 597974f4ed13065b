"""The collector: asks a model every query that has no answer yet, and keeps each answer as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dataset_builder.models.chat import ChatClient
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.storage.files import now as now
from dataset_builder.work.asking import RETRY_HINT as RETRY_HINT
from dataset_builder.work.asking import Breaker as Breaker
from dataset_builder.work.asking import work_through
from dataset_builder.work.cost import Budget, Price, cost_of_answer
from eval.runs.folder import RunFolder
from eval.runs.response import REPEATABLE, RunResponse, response_of
from eval.runs.settings import RunSettings


class Query(NamedTuple):
    """One case to ask: its id and the text that is sent."""

    case_id: str
    text: str


def request_of(settings: RunSettings, text: str) -> ChatRequest:
    """What is sent for one query under the settings of a run."""
    system = () if settings.system_prompt is None else (Message("system", settings.system_prompt),)
    return ChatRequest(
        messages=(*system, Message("user", text)),
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        reasoning=settings.reasoning,
        seed=settings.seed,
        providers=settings.providers,
        excluded_providers=settings.excluded_providers,
    )


def outstanding(run: RunFolder, queries: Iterable[Query], *, retry_errors: bool) -> Iterator[Query]:
    """The queries that have no record yet, and with ``retry_errors`` those that got no word."""
    statuses = run.statuses()
    for query in queries:
        status = statuses.get(query.case_id)
        if status is None or (retry_errors and status in REPEATABLE):
            yield query


async def collect(
    run: RunFolder,
    queries: Iterable[Query],
    client: ChatClient,
    *,
    concurrency: int,
    budget: Budget,
    price: Price | None = None,
    seen: Callable[[RunResponse], None] = lambda response: None,
) -> str | None:
    """Ask all queries and append each answer to the run, which is open for writing.

    Memory does not grow with the number of queries. Returns why it stopped early, or None.
    Raises RemoteError where the key is rejected, InputError where the disk is full; what was
    answered until then is kept.
    """
    breaker = Breaker()

    async def admit() -> str | None:
        return breaker.reason or await budget.admit()

    async def ask(query: Query) -> None:
        cost, answered = None, False
        try:
            answer = await client.complete(request_of(run.settings, query.text))
            cost, answered = cost_of_answer(answer, price), answer.may_be_paid
            response = response_of(query.case_id, query.text, answer, cost, now())
            run.append_response(response)
            breaker.note(answer)
            seen(response)
        finally:
            await budget.settle(cost, answered=answered)

    return await work_through(queries, ask, concurrency=concurrency, admit=admit)
