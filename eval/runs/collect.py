"""The collector: asks a model every query that has no answer yet, and keeps each answer as it comes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple

from dataset_builder.models.replies.usage import Usage
from dataset_builder.models.request import ChatRequest, Message
from dataset_builder.storage.files import now as now
from dataset_builder.work.asking import Asker
from dataset_builder.work.session import Session
from dataset_builder.work.stopping import Spent, Stop
from eval.runs.answer import REPEATABLE, Answer
from eval.runs.folder import RunFolder
from eval.runs.run import Run

# Given an answer, and how many of its tries brought nothing with their tokens: the words of the progress display.
Seen = Callable[[Answer, int, Usage], str]


class Query(NamedTuple):
    """One case to ask: its id and the text that is sent.

    Where the user insists, ``first`` is what the model had answered and ``insist`` what the user says then.
    """

    case_id: str
    text: str
    first: str | None = None
    insist: str | None = None


def request_of(settings: Run, query: Query) -> ChatRequest:
    """What is sent for one query under the settings of a run."""
    system = () if settings.system_prompt is None else (Message("system", settings.system_prompt),)
    more: tuple[Message, ...] = ()
    if query.first is not None and query.insist is not None:
        more = Message("assistant", query.first), Message("user", query.insist)
    return ChatRequest(
        messages=(*system, Message("user", query.text), *more),
        max_tokens=settings.token_limit,
        temperature=settings.temperature,
        reasoning=settings.reasoning,
        seed=settings.seed,
        top_p=settings.top_p,
        stop=settings.stop,
        extra=json.loads(settings.extra_body) if settings.extra_body else {},
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


def collect(run: RunFolder, queries: Iterable[Query], session: Session, seen: Seen = lambda *_: "") -> Stop | None:
    """Ask all queries and append each answer to the run, which is open for writing.

    ``seen`` gives the words of the progress display. Returns why it stopped early, or None. Raises RemoteError
    where the key is rejected, InputError where the disk is full; what was answered until then is kept.
    """

    return session.ask_model(queries, asking(run, session, seen), max_tokens=run.settings.token_limit)


def asking(run: RunFolder, session: Session, seen: Seen) -> Callable[[Asker, Query], Awaitable[Spent]]:
    """What ``collect`` does with one query."""

    async def ask(asker: Asker, query: Query) -> Spent:
        answer = await asker.complete(request_of(run.settings, query))
        cost = asker.cost(answer)
        response = Answer.of(query.case_id, query.text, answer, cost, now())
        run.append_answer(response)
        session.advance(seen(response, answer.lost_tries, answer.lost))
        return Spent(cost, answer.may_be_paid)

    return ask
