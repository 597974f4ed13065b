"""Generating cases: each order goes to a model, its reply is read strictly and checked, and every try is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from dataset_builder.batch.folder import TRIES, GenerationFolder, History, new_batch
from dataset_builder.batch.records import FAULTY, REFUSED, STATUSES, UNREADABLE, WRITTEN, Order, Settings, Try
from dataset_builder.batch.targets import Cell
from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    CONTROL_MARKS,
    EMPTY,
    FAILURES,
    OK,
    PROVIDER_ERROR,
    REFUSAL_STOP,
    TRUNCATED,
    UNKNOWN_FINISH,
)
from dataset_builder.generation.checks import check_case
from dataset_builder.generation.language import check_code
from dataset_builder.generation.plan import plan_orders
from dataset_builder.generation.plots import VERSION
from dataset_builder.generation.prompt import SCHEMA_NAME, messages_of, prompt_hash, read_case, schema_of_order
from dataset_builder.generation.similarity import DEFAULT, Existing, SimilarityIndex, read_existing
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.reply import LONGEST_REPLY, UnreadableReply, declines
from dataset_builder.storage.files import now
from dataset_builder.wording import counted
from dataset_builder.work.asking import Asker
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.session import USUAL, Conditions, Session
from dataset_builder.work.stopping import RUN_AGAIN, Spent, Stop

TEMPERATURE: Final = 0.7
# A case takes about 500; the rest is for models that reason first.
MAX_TOKENS: Final = 8000
# Tokens of an answer, from a plain one to one that is thought over at length.
ANSWER_TOKENS: Final = (450, 4000)
_COMPLAINTS: Final = {
    EMPTY: "it was empty",
    TRUNCATED: "it was cut off before its end; keep it shorter",
    CONTENT_FILTER: "the provider's filter withheld it; choose a milder scene",
    REFUSAL_STOP: "the provider stopped it as a refusal; choose a milder scene",
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
    elif status in (OK, CONTROL_MARKS, UNKNOWN_FINISH):
        # An object that can be read is whole, whatever stands in its texts and whatever word it ended with.
        try:
            case = read_case(answer.text, order)
        except UnreadableReply as fault:
            status, problem = (REFUSED, None) if declines(answer.text) else (UNREADABLE, str(fault))
        else:
            faults = [str(fault) for fault in check_case(case, index)]
            status = FAULTY if faults else WRITTEN
    elif status in FAILURES:
        status, problem = PROVIDER_ERROR, answer.error
    elif status not in STATUSES:
        # Ended in a way that leaves no whole case: a tool call, a finish that nobody knows.
        status, problem = UNREADABLE, answer.error or f"it was a {status}"
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


# One sitting of writing cases: folder, orders, estimate, and the work itself.


# More than any order takes, by the estimate; a local model's conversation is made this much longer.
QUERY_TOKENS: Final = 2600


class WritingSession:
    """What one command is about to write. ``spent_elsewhere`` are US dollars that count beside those of writing."""

    def __init__(
        self,
        folder: GenerationFolder,
        choice: ModelChoice,
        existing: Existing,
        orders: list[History],
        spent_elsewhere: float = 0.0,
        conditions: Conditions = USUAL,
    ) -> None:
        self.folder, self.existing, self.orders = folder, existing, orders
        # As if each were written at its first try.
        lengths = (sum(len(m.content) for m in messages_of(h.order)) for h in orders)
        self.estimate = choice.estimate(lengths, folder.settings.max_tokens, ANSWER_TOKENS)
        spent = spent_on_writing(folder) + spent_elsewhere
        self.session = Session("writing", len(orders), choice, self.estimate, spent, conditions, remedy=RUN_AGAIN)

    def lines(self) -> Iterator[str]:
        """The session in words, before it begins."""
        settings = self.folder.settings
        yield f"Folder: {self.folder.path} (batch {settings.batch})"
        yield f"Writer: {settings.model} at {settings.endpoint}, temperature {settings.temperature:g}"
        yield f"Held against {counted(len(self.existing.queries), 'request')} of {', '.join(self.existing.names)}"
        if not self.orders:
            yield "Nothing to order: the folder has had as many orders as asked for"
            return
        yield "An order that fails is tried once more, which the estimate leaves out"

    def run(self) -> Stop | None:
        """Try each order until it is written or its tries are used up, and append each try to the folder.

        Returns why it stopped early, or None. Raises RemoteError where the key is rejected, InputError where
        the disk is full; what was tried until then is kept.
        """
        folder, settings = self.folder, self.folder.settings
        index = self.existing.index()
        for history in folder.histories().values():
            if history.end.status == WRITTEN and history.end.case is not None:
                index.add(history.order.case_id, history.end.case.user_query)
        queue = _Queue(self.orders)
        written, paid = 0, 0.0

        async def attempt(asker: Asker, history: History) -> Spent:
            nonlocal written, paid
            order = history.order
            answer = await asker.ask(messages_of(order, _complaint(history)), schema_of_order(order), SCHEMA_NAME)
            cost = asker.cost(answer)
            one = _try(order, len(history.counted) + 1, answer, cost, index)
            folder.journal.append(one)
            history.tries.append(one)
            written += one.status == WRITTEN
            paid += cost or 0.0
            if one.status == WRITTEN and one.case is not None:
                index.add(order.case_id, one.case.user_query)
            elif one.status != PROVIDER_ERROR and not history.finished:
                queue.put_back(history)
            if one.status in (WRITTEN, PROVIDER_ERROR) or one.number >= TRIES:
                self.session.advance(f"{written} written, ${paid:.4f}")
            return Spent(cost, answer.may_be_paid)

        with folder.writing():
            return self.session.ask_model(
                queue,
                attempt,
                max_tokens=settings.max_tokens,
                temperature=settings.temperature,
                query_tokens=QUERY_TOKENS,
            )


def writing_session(
    targets: Mapping[Cell, int],
    choice: ModelChoice,
    *,
    out: Path,
    temperature: float = TEMPERATURE,
    max_tokens: int = MAX_TOKENS,
    language: str = "en",
    seed: int = 0,
    existing: Sequence[str] = (),
) -> WritingSession:
    """Prepare to bring a folder to ``targets`` orders. Raises InputError and its children for bad options."""
    created = now()
    settings = Settings(
        batch=new_batch(created[:10]),
        model=choice.model,
        endpoint=choice.host,
        engine=choice.engine,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        language=check_code(language),
        prompt=prompt_hash(),
        plots=VERSION,
    )
    found = read_existing(tuple(existing) or DEFAULT)
    folder = GenerationFolder.create(out, settings, created)
    return WritingSession(folder, choice, found, plan_orders(folder, targets, found.cases))
