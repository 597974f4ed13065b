"""A run collected through a provider's batch queue: handed in once, looked at until it has ended, then taken in.

``batches.json`` in the run's folder holds what was handed in. It is written before a batch is made, so that a laptop
may be closed, or a process killed, at any moment: the same command goes on, and nothing is handed in twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from dataset_builder.dataset.records import about
from dataset_builder.dataset.taxonomy import PROVIDER_ERROR
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.batches.calls import NotMadeError
from dataset_builder.models.batches.queues import BatchQueue, BatchState, HandedIn
from dataset_builder.models.replies.usage import completed
from dataset_builder.storage.files import now, write_file
from dataset_builder.wording import counted
from dataset_builder.work.cost import Price, cost_of_answer
from eval.runs.answer import Answer
from eval.runs.collect import Query, request_of
from eval.runs.fields import Line, Part
from eval.runs.folder import RunFolder

FILE: Final = "batches.json"
POLL_S: Final = 60.0


class BatchRecord(Part, frozen=True, kw_only=True):
    """One batch of a run."""

    mark: Annotated[Line, about("What its requests' names begin with.")]
    id: Annotated[Line | None, about("Its id at the provider; null while it is not known whether it was made.")] = None
    since: Annotated[float, about("When it was handed in, in seconds since 1970.")]
    case_ids: Annotated[tuple[Line, ...], about("The cases, in the order of the numbers in their names.")]
    ended: Annotated[Line | None, about("How it ended, once its answers are in the run; null before.")] = None


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


def open_batches(run: RunFolder) -> list[BatchRecord]:
    """Those whose answers are not in the run yet."""
    return [one for one in batches_of(run) if one.ended is None]


def refuse_open_batches(run: RunFolder) -> None:
    """Raise InputError where cases of a run are in a batch: to ask them otherwise would be paid for twice."""
    if waiting := open_batches(run):
        cases = counted(sum(len(one.case_ids) for one in waiting), "case")
        raise InputError(
            f"{run.path}: {cases} of this run are in a batch that has not been taken in. Run the same command with "
            "--batch to go on, or with --batch-cancel to end the batch and keep what it has."
        )


@dataclass(slots=True)
class BatchWork:
    """What collects a run through an open queue.

    ``sleep`` waits for some seconds between two looks, ``poll`` of them; ``tell`` is given a line for each change.
    """

    run: RunFolder
    queue: BatchQueue
    texts: dict[str, str]
    price: Price | None
    poll: float = POLL_S
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = lambda line: None

    def collect(self, queries: Sequence[Query]) -> None:
        """Hand in what is in no batch yet, wait for all batches of the run, and take in their answers.

        Raises InputError, RemoteError or OSError where something fails; the same call goes on from there.
        """
        with self.run.writing():
            self._find_again()
            waiting = {case_id for one in open_batches(self.run) for case_id in one.case_ids}
            for record, lines in self._parts([query for query in queries if query.case_id not in waiting]):
                self._hand_in(record, lines)
            self._follow()

    def cancel(self) -> None:
        """End all open batches and take in what they have answered. Raises as ``collect``."""
        with self.run.writing():
            self._find_again()
            for one in open_batches(self.run):
                if one.id is not None and not self.queue.look(one.id).ended:
                    self.queue.cancel(one.id)
                    self.tell(f"Batch {one.id}: asked to end")
            self._follow()

    def _find_again(self) -> None:
        """The ids of batches whose hand-in was cut off; one that was never made is forgotten."""
        for one in open_batches(self.run):
            if one.id is None:
                known = HandedIn(one.mark, len(one.case_ids), one.since)
                found = self.queue.find(known)
                if found is None:
                    self._save([b for b in batches_of(self.run) if b.mark != one.mark])
                else:
                    self._note(msgspec.structs.replace(one, id=found))
                    self.tell(f"Batch {found}: found again")

    def _parts(self, queries: Sequence[Query]) -> Iterator[tuple[BatchRecord, list[bytes]]]:
        """The queries in parts that fit a batch: what is written down of each, and its requests."""
        mark, ids, lines, size = secrets.token_hex(6), list[str](), list[bytes](), 0
        for query in queries:
            line = self.queue.line(_name(mark, len(ids)), request_of(self.run.settings, query))
            if ids and (len(ids) == self.queue.most_requests or size + len(line) > self.queue.most_bytes):
                yield BatchRecord(mark=mark, since=time.time(), case_ids=tuple(ids)), lines
                mark, ids, lines, size = secrets.token_hex(6), [], [], 0
                line = self.queue.line(_name(mark, 0), request_of(self.run.settings, query))
            ids.append(query.case_id)
            lines.append(line)
            size += len(line) + 1
        if ids:
            yield BatchRecord(mark=mark, since=time.time(), case_ids=tuple(ids)), lines

    def _hand_in(self, record: BatchRecord, lines: Sequence[bytes]) -> None:
        self._note(record)
        try:
            made = self.queue.submit(lines, record.mark)
        except NotMadeError:
            self._save([one for one in batches_of(self.run) if one.mark != record.mark])
            raise
        self._note(msgspec.structs.replace(record, id=made))
        self.tell(f"Batch {made}: {counted(len(lines), 'case')} handed in")

    def _follow(self) -> None:
        """Look at all open batches until each has ended and is taken in."""
        last: dict[str, tuple[str, int]] = {}
        while waiting := open_batches(self.run):
            for one in waiting:
                state = self.queue.look(str(one.id))
                if last.get(one.mark) != (state.status, state.done):
                    last[one.mark] = state.status, state.done
                    self.tell(f"Batch {one.id}: {state.status}, {state.done:,} of {len(one.case_ids):,} done")
                if state.ended:
                    self._take_in(one, state)
            if open_batches(self.run):
                self.sleep(self.poll)

    def _take_in(self, record: BatchRecord, state: BatchState) -> None:
        """Keep every answer of a batch that has ended; a request that it lost is a failure with that reason."""
        names = {_name(record.mark, number): case_id for number, case_id in enumerate(record.case_ids)}
        for name, answer in self.queue.answers(state):
            case_id = names.pop(name, None)
            if case_id is None:
                raise DataError(
                    f"Batch {state.id} holds answers to other requests than those of this run",
                    [Problem(self.run.path.name, f"no request of the name {name[:80]!r}", "is it another run's?")],
                )
            self._keep(case_id, answer)
        why = state.problem or f"the batch ended ({state.status}) without it"
        for case_id in names.values():
            self._keep(case_id, ChatAnswer(status=PROVIDER_ERROR, error=why))
        self._note(msgspec.structs.replace(record, ended=state.status or "ended"))
        self.tell(f"Batch {record.id}: {state.status}, taken in")

    def _keep(self, case_id: str, answer: ChatAnswer) -> None:
        text = self.texts[case_id]
        if answer.status != PROVIDER_ERROR:
            said = len(answer.text) + len(answer.reasoning or "")
            answer = msgspec.structs.replace(answer, usage=completed(answer.usage, len(text), said))
        paid = answer.status != PROVIDER_ERROR
        cost = cost_of_answer(answer, self.price) if paid else 0.0
        # After a kill some are in the run already, word for word.
        self.run.append_new([Answer.of(case_id, text, answer, cost, now())])

    def _note(self, record: BatchRecord) -> None:
        """Put a record in the place of the one with its mark, or behind the others."""
        known = list(batches_of(self.run))
        place = next((place for place, one in enumerate(known) if one.mark == record.mark), len(known))
        self._save([*known[:place], record, *known[place + 1 :]])

    def _save(self, batches: Sequence[BatchRecord]) -> None:
        text = msgspec.json.format(msgspec.json.encode(_Book(batches=tuple(batches))), indent=1) + b"\n"
        write_file(self.run.path / FILE, text)


def _name(mark: str, number: int) -> str:
    return f"{mark}-{number}"
