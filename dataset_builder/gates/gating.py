"""Asking gates about cases: each verdict is kept as it comes, and one that cannot be read is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple

from dataset_builder.batch.folder import GenerationFolder, hash_of
from dataset_builder.batch.gate_records import (
    FIRST_PASS,
    FULL,
    NO_REPLY,
    REASONABLE_JUDGE,
    REFUSED,
    UNREADABLE,
    GateRecord,
)
from dataset_builder.batch.lines import GeneratedLine
from dataset_builder.dataset.taxonomy import CONTENT_FILTER, EMPTY, FAILURES, TRUNCATED
from dataset_builder.errors import InputError
from dataset_builder.gates.gate import Gate, Reading
from dataset_builder.gates.prompt import build_prompt, prompt_hash
from dataset_builder.models.chat import ChatClient, Retries, Timeouts
from dataset_builder.models.reply import LONGEST_REPLY, UnreadableReply, declines, read_object
from dataset_builder.storage.files import now
from dataset_builder.storage.record_file import RecordFile
from dataset_builder.work.asking import Asker, work_through
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import Budget, Estimate, estimate

TEMPERATURE: Final = 0.0
# A verdict takes about 150; the rest is for models that reason first.
MAX_TOKENS: Final = 4000
QUERY_TOKENS: Final = 3000
_TRIES: Final = 2


class GateTask(NamedTuple):
    """A gate to ask about a case."""

    gate: Gate
    line: GeneratedLine


def gate_tasks(
    lines: Iterable[GeneratedLine],
    gates: Sequence[Gate],
    known: Iterable[GateRecord],
    model: str,
    *,
    retry_errors: bool = False,
) -> list[GateTask]:
    """What is still to be asked of a model: each gate on each case without a fault that it has not judged.

    Case by case, the blocking gates first; where a classifier made a first pass, the likeliest to pass
    come first, so that a budget that ends goes to them. Every gate is asked, also where another has
    failed the case, as the study did it: what each removes can be told only so.
    """
    said: dict[tuple[str, str, str, str, str], bool] = {}
    chances: dict[str, float] = {}
    for record in known:
        said[record.key] = said.get(record.key, False) or record.error is None
        if record.stage == FIRST_PASS and record.gate == REASONABLE_JUDGE and record.probability is not None:
            chances[record.case_id] = record.probability
    todo = [
        GateTask(gate, line)
        for line in lines
        if not line.faults
        for gate in gates
        if not _done(said, (line.case_id, hash_of(line), gate.id, model, prompt_hash(gate)), retry_errors)
    ]
    if chances:
        todo.sort(key=lambda task: -chances.get(task.line.case_id, 0.5))
    return todo


def _done(said: dict[tuple[str, str, str, str, str], bool], key: tuple[str, str, str, str, str], again: bool) -> bool:
    return key in said and (said[key] or not again)


async def judge_cases(
    records: RecordFile[GateRecord],
    tasks: Iterable[GateTask],
    asker: Asker,
    model: str,
    *,
    concurrency: int,
    budget: Budget,
    seen: Callable[[GateRecord], None] = lambda record: None,
) -> str | None:
    """Ask each gate and append each verdict to a file that is open to append.

    Returns why it stopped early, or None. Raises RemoteError where the key is rejected, InputError where
    the disk is full; what was judged until then is kept.
    """

    async def admit() -> str | None:
        return asker.stopped or await budget.admit()

    async def judge(task: GateTask) -> None:
        costs: list[float | None] = []
        answered = False
        try:
            record, answered = await _judge(task, asker, model, costs)
            records.append(record)
            seen(record)
        finally:
            await budget.settle(_total(costs), answered=answered)

    return await work_through(tasks, judge, concurrency=concurrency, admit=admit)


async def _judge(task: GateTask, asker: Asker, model: str, costs: list[float | None]) -> tuple[GateRecord, bool]:
    """One verdict, or the reason for its absence; and whether the provider answered at all."""
    gate, line = task
    complaint: str | None = None
    raw: str | None = None
    error = UNREADABLE
    for _ in range(_TRIES):
        prompt = build_prompt(gate, line, line.defeat_family, complaint=complaint)
        answer = await asker.ask(prompt.messages, gate.schema, gate.id)
        if answer.status in FAILURES:
            return _record(task, model, costs, error=NO_REPLY, why=answer.error, raw=raw), bool(costs)
        costs.append(asker.cost(answer))
        raw = answer.text[:LONGEST_REPLY] or raw
        if answer.status == CONTENT_FILTER or answer.declined:
            return _record(task, model, costs, error=REFUSED, why=answer.error, raw=raw), True
        if answer.status == EMPTY:
            error, complaint = NO_REPLY, "it was empty"
        elif answer.status == TRUNCATED:
            error, complaint = UNREADABLE, "it was cut off before its end; keep the reasoning short"
        else:
            try:
                reading = gate.read(read_object(answer.text), prompt.code)
            except UnreadableReply as fault:
                error = REFUSED if declines(answer.text) else UNREADABLE
                complaint = str(fault)
            else:
                return _record(task, model, costs, reading=reading), True
    return _record(task, model, costs, error=error, why=complaint, raw=raw), True


def _record(
    task: GateTask,
    model: str,
    costs: list[float | None],
    *,
    reading: Reading | None = None,
    error: str | None = None,
    why: str | None = None,
    raw: str | None = None,
) -> GateRecord:
    return GateRecord(
        case_id=task.line.case_id,
        case_hash=hash_of(task.line),
        gate=task.gate.id,
        stage=FULL,
        model=model,
        prompt=prompt_hash(task.gate),
        passed=reading.passed if reading else None,
        flagged=reading.flagged if reading else None,
        category=reading.category if reading else None,
        reasoning=reading.reasoning if reading else why,
        suggested_fix=reading.suggested_fix if reading else None,
        error=error,
        raw_reply=raw if error else None,
        cost=_total(costs),
        judged_at=now(),
    )


def _total(costs: list[float | None]) -> float | None:
    """US dollars of all tries; None where there was none, or one whose cost is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def spent_on_gates(folder: GenerationFolder) -> float:
    """US dollars of all verdicts so far, as far as known."""
    return sum(record.cost or 0.0 for record in folder.gates)


def refuse_empty(lines: Sequence[GeneratedLine], folder: GenerationFolder) -> None:
    """Raise InputError where a folder holds nothing to be judged."""
    if not lines:
        raise InputError(
            f"{folder.path}: holds no case to be judged; write some with 'blind-refusal dataset generate'."
        )


# One sitting of gates over some cases: what is to be asked, what it takes, and the work itself.


Progress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass
class GateSession:
    """What one command is about to ask; ``records`` is open to append while ``run`` runs."""

    records: RecordFile[GateRecord]
    tasks: list[GateTask]
    choice: ModelChoice
    budget: float | None
    spent: float = 0.0
    max_tokens: int = MAX_TOKENS

    @property
    def estimate(self) -> Estimate:
        """What the verdicts will take."""
        lengths = (
            sum(len(m.content) for m in build_prompt(task.gate, task.line, task.line.defeat_family).messages)
            for task in self.tasks
        )
        return estimate(
            lengths,
            self.max_tokens,
            self.choice.known_price,
            price_is_given=self.choice.price is not None,
            verdicts=True,
        )

    def run(
        self, progress: Progress, *, timeouts: Timeouts | None = None, retries: Retries | None = None
    ) -> str | None:
        """Ask; returns why it stopped early, or None. Raises as ``judge_cases`` does."""
        expected = self.estimate
        concurrency = 1 if self.choice.is_local else self.choice.concurrency
        errors, cost = 0, 0.0

        with (
            self.choice.serving(self.max_tokens, QUERY_TOKENS) as endpoint,
            progress("gates", len(self.tasks)) as move,
        ):

            def seen(record: GateRecord) -> None:
                nonlocal errors, cost
                errors += record.error is not None
                cost += record.cost or 0.0
                move(f"${cost:.4f}{f', {errors} unreadable' if errors else ''}")

            async def work() -> str | None:
                async with ChatClient(
                    endpoint, concurrency=concurrency, timeouts=timeouts or Timeouts(), retries=retries or Retries()
                ) as client:
                    asker = Asker(
                        client,
                        temperature=TEMPERATURE,
                        max_tokens=self.max_tokens,
                        price=self.choice.known_price,
                    )
                    budget = Budget(self.budget, spent=self.spent, call_cost=expected.call_cost)
                    return await judge_cases(
                        self.records,
                        self.tasks,
                        asker,
                        self.choice.model,
                        concurrency=concurrency,
                        budget=budget,
                        seen=seen,
                    )

            return asyncio.run(work())
