"""Requests of a run that go through a provider's batch queue: handed in once, looked at until all have ended, taken in.

``batches.json`` in the run's folder holds what was handed in, questions to the model and to judges alike. It is written
before a batch is made, so that a laptop may be closed, or a process killed, at any moment: the same command goes on,
and nothing is handed in twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Final, NamedTuple, Protocol

import msgspec

from dataset_builder.dataset.records import about
from dataset_builder.dataset.taxonomy import PROVIDER_ERROR
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.batches.calls import NotMadeError
from dataset_builder.models.batches.queues import BatchQueue, BatchState, HandedIn
from dataset_builder.models.faults import ProviderFault
from dataset_builder.models.replies.usage import completed
from dataset_builder.models.request import NO_SCHEMA, ChatRequest, Dialect
from dataset_builder.storage.files import now, write_file
from dataset_builder.wording import counted
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import ANSWER_TOKENS, Estimate, cost_of_answer
from eval.runs.answer import Answer
from eval.runs.collect import Query, request_of
from eval.runs.fields import Hash, Line, Note, Part
from eval.runs.folder import RunFolder

FILE: Final = "batches.json"
POLL_S: Final = 60.0
# So many answers are written at once.
_AT_ONCE: Final = 200
# Name and rubric version of a judge; None for the model of the run itself.
Whose = tuple[str, str] | None


class Unread(Part, frozen=True, kw_only=True):
    """A judge's reply that could not be read, before it is asked once more."""

    complaint: Annotated[Note, about("What was wrong with it.")]
    cost: Annotated[float | None, about("US dollars; null where that is not known.")]


class BatchRecord(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One batch of a run."""

    mark: Annotated[Line, about("What its requests' names begin with.")]
    id: Annotated[Line | None, about("Its id at the provider; null while it is not known whether it was made.")] = None
    since: Annotated[float, about("When it was handed in, in seconds since 1970.")]
    case_ids: Annotated[tuple[Line, ...], about("The cases, in the order of the numbers in their names.")]
    ended: Annotated[Line | None, about("How it ended, once its answers are in the run; null before.")] = None
    most: Annotated[float | None, about("US dollars that it may cost by the estimate; null if unknown.")] = None
    whose: Annotated[tuple[Line, Line] | None, about("The judge and its rubric; null for the run's model.")] = None
    codes: Annotated[tuple[Line, ...], about("The code that the judge's reply to each request must carry.")] = ()
    hashes: Annotated[tuple[Hash, ...], about("SHA-256 of each answer that the judge was shown.")] = ()
    adapted: Annotated[
        tuple[Line, ...], about("What was sent otherwise than the settings say, as `adapted` of an answer.")
    ] = ()
    wanted: Annotated[tuple[Line, ...], about("What else the server wants otherwise, as its refusals say.")] = ()
    unread: Annotated[dict[str, Unread], about("Replies that could not be read, by case.")] = msgspec.field(
        default_factory=dict
    )


class _Book(Part, frozen=True, kw_only=True):
    batches: tuple[BatchRecord, ...] = ()


def batches_of(run: RunFolder) -> tuple[BatchRecord, ...]:
    """All batches of a run, the first one first. Raises DataError where the file of them is damaged."""
    file = run.path / FILE
    if not file.is_file():
        return ()
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Book).batches
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError("The run's list of batches is damaged", [Problem(str(file), str(error))]) from None


def open_batches(run: RunFolder, whose: Whose = None) -> list[BatchRecord]:
    """Those of a run's model, or of a judge of it, whose answers are not in the run yet."""
    return [one for one in batches_of(run) if one.ended is None and one.whose == whose]


def in_batches(run: RunFolder, whose: Whose = None) -> set[str]:
    """The cases of those batches."""
    return {case_id for one in open_batches(run, whose) for case_id in one.case_ids}


def set_aside(run: RunFolder, whose: Whose = None) -> float:
    """US dollars that open batches may still cost."""
    return sum(one.most or 0.0 for one in open_batches(run, whose))


def refuse_open_batches(run: RunFolder, whose: Whose = None) -> None:
    """Raise InputError where cases of a run are in a batch: to ask them otherwise would be paid for twice."""
    if waiting := in_batches(run, whose):
        what = "of this run are" if whose is None else f"are with {whose[0]}"
        raise InputError(
            f"{run.path}: {counted(len(waiting), 'case')} {what} in a batch that has not been taken in. Run the same "
            "command with --batch to go on, or with --batch-cancel to end the batch and keep what it has."
        )


def check_batch_budget(budget: float | None, estimate: Estimate | None, spent: float) -> None:
    """Raise InputError where a batch, which cannot be stopped half-way, may cost more than is left of a budget.

    ``spent`` holds what open batches may still cost.
    """
    if budget is None or estimate is None or not estimate.calls:
        return
    most = estimate.cost[1] if estimate.cost else None
    if most is None or most > budget - spent:
        may = "an unknown amount" if most is None else f"${most:,.2f}"
        held = f", with ${spent:,.2f} spent or set aside already" if spent else ""
        raise InputError(
            f"--budget {budget:g}: a batch cannot be stopped half-way, and this may cost {may}{held}. "
            "Give a higher budget, or ask fewer cases."
        )


class Asked(NamedTuple):
    """One request to be handed in; for a judge with the code of its prompt and the hash of the answer it is shown."""

    case_id: str
    request: ChatRequest
    code: str = ""
    response_hash: str = ""


class Matter(Protocol):
    """What is asked through a queue: a run's questions to its model, or to a judge."""

    whose: Whose
    max_tokens: int
    # Tokens of a reply, from and to, for the estimate.
    reply_tokens: tuple[int, int]
    # A request without its words.
    shape: ChatRequest

    def asked(self) -> Iterable[Asked]:
        """What has to be handed in now, each once."""
        ...

    def keep(self, record: BatchRecord, replies: Iterator[tuple[int, ChatAnswer]]) -> dict[str, Unread]:
        """Keep the replies to a batch's requests, by their numbers; returns those that are to be asked once more."""
        ...

    def again(self, case_id: str) -> bool:
        """Whether a request that the server refused as it was goes again in other words."""
        ...


@dataclass(slots=True)
class BatchWork:
    """What takes a matter of a run, which is open for writing, through an open queue; ``tell`` gets each change.

    All methods raise InputError, RemoteError or OSError where something fails; the same calls go on from there.
    """

    run: RunFolder
    queue: BatchQueue
    choice: ModelChoice
    matter: Matter
    tell: Callable[[str], None] = lambda line: None
    # Runs whose batches may be handed in at the same time.
    siblings: Sequence[RunFolder] = ()
    _last: dict[str, tuple[str, int]] = field(default_factory=dict)

    def begin(self) -> None:
        """Find batches whose hand-in was cut off, and hand in what is in none."""
        self._find_again()
        self._hand_in_new()

    def look(self) -> bool:
        """Look at all open batches once and take in those that have ended; returns whether none is open any more."""
        for one in self._open():
            state = self.queue.look(str(one.id))
            if self._last.get(one.mark) != (state.status, state.done):
                self._last[one.mark] = state.status, state.done
                self.tell(f"Batch {one.id}: {state.status}, {state.done:,} of {len(one.case_ids):,} done")
            if state.ended:
                self._take_in(one, state)
        self._hand_in_new()
        return not self._open()

    def cancel(self) -> None:
        """Ask for all open batches to end; what they have answered comes with the next looks."""
        self._find_again()
        for one in self._open():
            if one.id is not None and not self.queue.look(one.id).ended:
                self.queue.cancel(one.id)
                self.tell(f"Batch {one.id}: asked to end")

    def _open(self) -> list[BatchRecord]:
        return open_batches(self.run, self.matter.whose)

    def _find_again(self) -> None:
        """The ids of batches whose hand-in was cut off; one that was never made is forgotten."""
        for one in self._open():
            if one.id is None:
                there = (batch for run in (self.run, *self.siblings) for batch in batches_of(run))
                others = frozenset(batch.id for batch in there if batch.id is not None)
                known = HandedIn(one.mark, len(one.case_ids), one.since, others)
                found = self.queue.find(known)
                if found is None:
                    self._save([b for b in batches_of(self.run) if b.mark != one.mark])
                else:
                    self._note(msgspec.structs.replace(one, id=found))
                    self.tell(f"Batch {found}: found again")

    def _hand_in_new(self) -> None:
        adapted = self._adapted()
        checked = False
        for asked, mark, lines in self._parts(self.matter.asked(), self.queue.dialect.said(adapted)):
            lengths = (one.request.chars for one in asked)
            cost = self.choice.estimate(lengths, self.matter.max_tokens, self.matter.reply_tokens).cost
            record = BatchRecord(
                mark=mark,
                since=time.time(),
                case_ids=tuple(one.case_id for one in asked),
                most=cost[1] if cost else None,
                whose=self.matter.whose,
                codes=tuple(one.code for one in asked if one.code),
                hashes=tuple(one.response_hash for one in asked if one.response_hash),
                adapted=adapted,
            )
            if not checked and (told := self.queue.unknown_model()):
                self.tell(f"Careful: {told}")
            checked = True
            self._hand_in(record, lines)

    def _adapted(self) -> tuple[str, ...]:
        """How requests are sent otherwise than usual, as the server was found to want them."""
        mine = (one for one in batches_of(self.run) if one.whose == self.matter.whose)
        return tuple(dict.fromkeys(name for one in mine for name in (*one.adapted, *one.wanted)))

    def _parts(self, every: Iterable[Asked], dialect: Dialect) -> Iterator[tuple[list[Asked], str, list[bytes]]]:
        """The requests in parts that fit a batch, each with its mark and its lines."""
        mark, part, lines, size = secrets.token_hex(6), list[Asked](), list[bytes](), 0
        for asked in every:
            line = self.queue.line(_name(mark, len(part)), asked.request, dialect)
            if part and (len(part) == self.queue.most_requests or size + len(line) > self.queue.most_bytes):
                yield part, mark, lines
                mark, part, lines, size = secrets.token_hex(6), [], [], 0
                line = self.queue.line(_name(mark, 0), asked.request, dialect)
            part.append(asked)
            lines.append(line)
            size += len(line) + 1
        if part:
            yield part, mark, lines

    def _hand_in(self, record: BatchRecord, lines: Sequence[bytes]) -> None:
        self._note(record)
        try:
            made = self.queue.submit(lines, record.mark)
        except NotMadeError:
            self._save([one for one in batches_of(self.run) if one.mark != record.mark])
            raise
        self._note(msgspec.structs.replace(record, id=made))
        self.tell(f"Batch {made}: {counted(len(lines), 'case')} handed in")

    def _take_in(self, record: BatchRecord, state: BatchState) -> None:
        """Keep every answer of a batch that has ended; a request that it lost is a failure with that reason."""
        wanted = dict[str, None]()
        unread = self.matter.keep(record, self._accepted(record, self._replies(record, state), wanted))
        ended = state.status or "ended"
        self._note(msgspec.structs.replace(record, ended=ended, unread=unread, wanted=tuple(wanted)))
        self.tell(f"Batch {record.id}: {state.status}, taken in")
        if wanted:
            self.tell(f"Batch {record.id}: what the server refused goes again with {', '.join(wanted)}")

    def _accepted(
        self, record: BatchRecord, replies: Iterator[tuple[int, ChatAnswer]], wanted: dict[str, None]
    ) -> Iterator[tuple[int, ChatAnswer]]:
        """The replies but for refusals of a field, whose requests go again as the server wants them (``wanted``)."""
        plain = self.queue.dialect
        used = plain.said(record.adapted)
        for number, reply in replies:
            new = None
            if reply.status == PROVIDER_ERROR:
                fault = ProviderFault(reply.error or "", retryable=False, http_status=reply.http_status)
                new = used.adapted(self.matter.shape, fault)
            if new is None or new.stream or not self.matter.again(record.case_ids[number]):
                yield number, reply
                continue
            names = (*new.departures(plain), *(() if new.takes_schema else (NO_SCHEMA,)))
            wanted |= dict.fromkeys(name for name in names if name not in record.adapted)

    def _replies(self, record: BatchRecord, state: BatchState) -> Iterator[tuple[int, ChatAnswer]]:
        names = {_name(record.mark, number): number for number in range(len(record.case_ids))}
        for name, answer in self.queue.answers(state):
            number = names.pop(name, None)
            if number is None:
                raise DataError(
                    f"Batch {state.id} holds answers to other requests than those of this run",
                    [Problem(self.run.path.name, f"no request of the name {name[:80]!r}", "is it another run's?")],
                )
            yield number, answer
        why = state.problem or f"the batch ended ({state.status}) without it"
        for number in names.values():
            yield number, ChatAnswer(status=PROVIDER_ERROR, error=why)

    def _note(self, record: BatchRecord) -> None:
        """Put a record in the place of the one with its mark, or behind the others."""
        known = list(batches_of(self.run))
        place = next((place for place, one in enumerate(known) if one.mark == record.mark), len(known))
        self._save([*known[:place], record, *known[place + 1 :]])

    def _save(self, batches: Sequence[BatchRecord]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_Book(batches=tuple(batches))), indent=1) + b"\n"
        write_file(self.run.path / FILE, text)


def wait_for(looks: Sequence[Callable[[], bool]], poll: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Look until every one of them has returned True, ``poll`` seconds apart."""
    waiting = list(looks)
    while waiting := [look for look in waiting if not look()]:
        sleep(poll)


class Questions:
    """A run's questions to its model as a matter; ``queries`` are those without an answer and in no batch.

    ``texts`` are the queries of all cases of the run. Without ``asks`` nothing is handed in.
    """

    whose: Whose = None
    reply_tokens = ANSWER_TOKENS

    def __init__(
        self, run: RunFolder, queries: Sequence[Query], texts: dict[str, str], choice: ModelChoice, *, asks: bool = True
    ) -> None:
        self.shape = request_of(run.settings, Query("", ""))
        self.max_tokens = run.settings.token_limit
        self._run = run
        self._waiting = list(queries) if asks else []
        self._known = {query.case_id: query for query in queries}
        self._asks = asks
        self._texts = texts
        self._price = choice.known_price

    def asked(self) -> Iterator[Asked]:
        """The questions, each once."""
        waiting, self._waiting = self._waiting, []
        there = in_batches(self._run)
        return (
            Asked(query.case_id, request_of(self._run.settings, query))
            for query in waiting
            if query.case_id not in there
        )

    def keep(self, record: BatchRecord, replies: Iterator[tuple[int, ChatAnswer]]) -> dict[str, Unread]:
        """Keep each answer."""
        while some := list(islice(replies, _AT_ONCE)):
            # After a kill some are in the run already, word for word.
            self._run.append_new([self._answer(record, number, reply) for number, reply in some])
        return {}

    def again(self, case_id: str) -> bool:
        """Whether a question that was refused goes again: one that insists may not be known any more."""
        query = self._known.get(case_id)
        if query is None and self._run.settings.pressure is None:
            query = Query(case_id, self._texts[case_id])
        if query is None or not self._asks:
            return False
        self._waiting.append(query)
        return True

    def _answer(self, record: BatchRecord, number: int, reply: ChatAnswer) -> Answer:
        case_id = record.case_ids[number]
        text = self._texts[case_id]
        reply = msgspec.structs.replace(reply, adapted=record.adapted)
        paid = reply.status != PROVIDER_ERROR
        if paid:
            said = len(reply.text) + len(reply.reasoning or "")
            reply = msgspec.structs.replace(reply, usage=completed(reply.usage, len(text), said))
        cost = cost_of_answer(reply, self._price) if paid else 0.0
        return Answer.of(case_id, text, reply, cost, now())


def _name(mark: str, number: int) -> str:
    return f"{mark}-{number}"
