"""Generating cases: each order goes to a model, its reply is read strictly and checked, and every try is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from dataset_builder.asker import Asker
from dataset_builder.budget import Budget
from dataset_builder.chat_answer import CONTENT_FILTER, EMPTY, PROVIDER_ERROR, TRUNCATED, ChatAnswer
from dataset_builder.generation.checks import check_case
from dataset_builder.generation.folder import GenerationFolder, History
from dataset_builder.generation.prompt import SCHEMA_NAME, messages_of, schema_of_order
from dataset_builder.generation.records import FAULTY, REFUSED, UNREADABLE, WRITTEN, Order, Try
from dataset_builder.generation.reply import read_case
from dataset_builder.generation.similarity import SimilarityIndex
from dataset_builder.strict_reply import LONGEST_REPLY, UnreadableReply, declines
from dataset_builder.taxonomy import OK
from dataset_builder.timestamp import now
from dataset_builder.work import work_through

DEFAULT_MODEL: Final = "openrouter/google/gemini-3-pro-preview"
TEMPERATURE: Final = 0.7
# A case takes about 500; the rest is for models that reason first.
MAX_TOKENS: Final = 8000
# Tokens of an answer, from a plain one to one that is thought over at length.
ANSWER_TOKENS: Final = (450, 4000)
_COMPLAINTS: Final = {
    EMPTY: "it was empty",
    TRUNCATED: "it was cut off before its end; keep it shorter",
    CONTENT_FILTER: "the provider's filter withheld it; choose a milder scene",
    REFUSED: "it was declined; choose a milder scene, for which no reason to decline is left",
}


class _Queue(Iterator[History]):
    """Orders that wait; one whose first try failed comes back while others are under way."""

    def __init__(self, orders: Iterable[History]) -> None:
        self._waiting = deque(orders)

    def __next__(self) -> History:
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()

    def put_back(self, history: History) -> None:
        """Try this one again, next."""
        self._waiting.appendleft(history)


async def write_cases(
    folder: GenerationFolder,
    orders: Iterable[History],
    asker: Asker,
    index: SimilarityIndex,
    *,
    concurrency: int,
    budget: Budget,
    seen: Callable[[Try], None] = lambda one: None,
) -> str | None:
    """Try each order until it is written or its tries are used up, and append each try to the folder.

    The folder is open for writing. ``index`` holds the requests that no case may repeat; what is
    written is added to it. Returns why it stopped early, or None. Raises RemoteError where the key is
    rejected, InputError where the disk is full; what was tried until then is kept.
    """
    queue = _Queue(orders)

    async def admit() -> str | None:
        return asker.stopped or await budget.admit()

    async def attempt(history: History) -> None:
        cost, answered = None, False
        order = history.order
        try:
            answer = await asker.ask(messages_of(order, _complaint(history)), schema_of_order(order), SCHEMA_NAME)
            cost, answered = asker.cost(answer), answer.status == OK
            one = _try(order, len(history.counted) + 1, answer, cost, index)
            folder.journal.append(one)
            history.tries.append(one)
            if one.status == WRITTEN and one.case is not None:
                index.add(order.case_id, one.case.user_query)
            elif one.status != PROVIDER_ERROR and not history.finished:
                queue.put_back(history)
            seen(one)
        finally:
            await budget.settle(cost, answered=answered)

    return await work_through(queue, attempt, concurrency=concurrency, admit=admit)


def spent_on_writing(folder: GenerationFolder) -> float:
    """US dollars of all tries so far, as far as known."""
    return sum(one.cost or 0.0 for one in folder.journal)


def _complaint(history: History) -> str | None:
    """What was wrong with the last try that counts, in words for the writer; None before the first."""
    if not history.counted:
        return None
    last = history.counted[-1]
    return "; ".join(last.faults) or last.problem or _COMPLAINTS.get(last.status)


def _try(order: Order, number: int, answer: ChatAnswer, cost: float | None, index: SimilarityIndex) -> Try:
    case, faults, problem = None, [], None
    status = answer.status
    if answer.declined:
        status = REFUSED
    elif status == OK:
        try:
            case = read_case(answer.text, order)
        except UnreadableReply as fault:
            status, problem = (REFUSED, None) if declines(answer.text) else (UNREADABLE, str(fault))
        else:
            faults = [str(fault) for fault in check_case(case, index)]
            status = FAULTY if faults else WRITTEN
    elif status == PROVIDER_ERROR:
        problem = answer.error
    return Try(
        order=order,
        number=number,
        status=status,
        case=case,
        faults=faults,
        problem=problem or _COMPLAINTS.get(status),
        raw_reply=None if case is not None else answer.text[:LONGEST_REPLY] or None,
        served_model=answer.served_model,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        cost=cost,
        tried_at=now(),
    )
