"""Asking gates about cases: each verdict is kept as it comes, and one that cannot be read is an error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from dataset_builder.errors import InputError
from dataset_builder.gates.gate import Gate, Reading
from dataset_builder.gates.prompt import build_prompt, prompt_hash, system_text
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.models.reply import read_object
from dataset_builder.storage.files import now
from dataset_builder.storage.record_file import RecordFile
from dataset_builder.work.asking import Asker, Question, Reply, ReplyStatus
from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.cost import VERDICT_TOKENS, Estimate
from dataset_builder.work.session import USUAL, Conditions, Session
from dataset_builder.work.stopping import RUN_AGAIN, Spent, Stop

TEMPERATURE: Final = 0.0
# A verdict takes about 150; the rest is for models that reason first.
MAX_TOKENS: Final = 4000
QUERY_TOKENS: Final = 3000
_ERRORS: Final = {
    ReplyStatus.NO_REPLY: NO_REPLY,
    ReplyStatus.REFUSED: REFUSED,
    ReplyStatus.UNREADABLE: UNREADABLE,
    ReplyStatus.OUT_OF_TOKENS: UNREADABLE,
}


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


def _question(task: GateTask) -> Question[Reading]:
    gate, line = task
    return Question(
        gate.id,
        gate.schema,
        lambda complaint: build_prompt(gate, line, line.defeat_family, complaint=complaint),
        lambda text, code: gate.read(read_object(text), code),
    )


def _record(task: GateTask, model: str, reply: Reply[Reading]) -> GateRecord:
    verdict, error = reply.value, _ERRORS.get(reply.status)
    return GateRecord(
        case_id=task.line.case_id,
        case_hash=hash_of(task.line),
        gate=task.gate.id,
        stage=FULL,
        model=model,
        prompt=prompt_hash(task.gate),
        passed=verdict.passed if verdict else None,
        flagged=verdict.flagged if verdict else None,
        category=verdict.category if verdict else None,
        reasoning=verdict.reasoning if verdict else reply.why,
        suggested_fix=verdict.suggested_fix if verdict else None,
        error=error,
        raw_reply=reply.raw if error else None,
        cost=reply.cost,
        judged_at=now(),
    )


def spent_on_gates(folder: GenerationFolder) -> float:
    """US dollars of all verdicts so far, as far as known."""
    return sum(record.cost or 0.0 for record in folder.gates)


def refuse_empty(lines: Sequence[GeneratedLine], folder: GenerationFolder) -> None:
    """Raise InputError where a folder holds nothing to be judged."""
    if not lines:
        raise InputError(
            f"{folder.path}: holds no case to be judged; write some with 'blind-refusal dataset backfill'."
        )


# One sitting of gates over some cases: what is to be asked, what it takes, and the work itself.


class GateSession:
    """What one command is about to ask; ``records`` is open to append while ``run`` runs."""

    def __init__(
        self,
        records: RecordFile[GateRecord],
        tasks: list[GateTask],
        choice: ModelChoice,
        spent: float = 0.0,
        max_tokens: int = MAX_TOKENS,
        conditions: Conditions = USUAL,
    ) -> None:
        self.records, self.tasks, self.max_tokens = records, tasks, max_tokens
        self.estimate = choice.estimate(map(_length, tasks), max_tokens, VERDICT_TOKENS)
        self.session = Session("gates", len(tasks), choice, self.estimate, spent, conditions, remedy=RUN_AGAIN)

    def run(self) -> Stop | None:
        """Ask each gate and append each verdict; returns why it stopped early, or None.

        Raises RemoteError where the key is rejected, InputError where the disk is full; what was judged
        until then is kept.
        """
        errors, cost = 0, 0.0

        async def judge(asker: Asker, task: GateTask) -> Spent:
            nonlocal errors, cost
            reply = await asker.read(_question(task))
            record = _record(task, self.session.choice.model, reply)
            self.records.append(record)
            errors += record.error is not None
            cost += record.cost or 0.0
            self.session.advance(f"${cost:.4f}{f', {errors} unreadable' if errors else ''}")
            return Spent(reply.cost, reply.answered)

        return self.session.ask_model(
            self.tasks, judge, max_tokens=self.max_tokens, temperature=TEMPERATURE, query_tokens=QUERY_TOKENS
        )


def _length(task: GateTask) -> int:
    """Characters of the request."""
    return sum(len(m.content) for m in build_prompt(task.gate, task.line, task.line.defeat_family).messages)


# Characters of a case as it is usually written, for an estimate of gates on cases that are not there yet.
_USUAL_CASE: Final = 1800


def estimate_of_unwritten(cases: int, choice: ModelChoice) -> Estimate:
    """What all gates will take on so many cases that are still to be written."""
    lengths = (len(system_text(gate)) + _USUAL_CASE for gate in ALL_GATES for _ in range(cases))
    return choice.estimate(lengths, MAX_TOKENS, VERDICT_TOKENS)
