"""A judge asked through a provider's batch queue: its questions about a run's answers, and the verdicts that come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from dataset_builder.models.answer import ChatAnswer
from dataset_builder.work.asking import Prompt, ReplyStatus, Try
from dataset_builder.work.cost import VERDICT_TOKENS
from eval.judges.interface import Judge, JudgeTask, QueuedJudge
from eval.runs.batches import Asked, BatchRecord, Unread, batches_of, in_batches
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict

# Of what was wrong with a reply.
_LONGEST: Final = 500


class AskedJudge(Judge, QueuedJudge, Protocol):
    """A judge that can be asked through a batch queue."""


class VerdictQuestions:
    """The questions of a judge about the answers of a run, as a matter of its batches.

    ``waiting`` are the cases to be asked about now; a reply that cannot be read is asked for once more, in a batch of
    its own. ``task_of`` is the task of a case, ``keep`` takes each verdict. Without ``asks`` nothing is handed in.
    """

    reply_tokens = VERDICT_TOKENS

    def __init__(
        self,
        run: RunFolder,
        judge: AskedJudge,
        waiting: Sequence[str],
        task_of: Callable[[str], JudgeTask],
        keep: Callable[[Verdict], None],
        *,
        asks: bool = True,
    ) -> None:
        self.whose: tuple[str, str] | None = (judge.name, judge.rubric)
        self.max_tokens: int = judge.settings["max_tokens"]
        self.shape = judge.request_of(Prompt("", ()))
        self._run, self._judge = run, judge
        self._waiting = list(waiting)
        self._task_of, self._keep = task_of, keep
        self._asks = asks

    def asked(self) -> Iterator[Asked]:
        """A question about each answer that waits, each once."""
        if not self._asks:
            return
        waiting, self._waiting = self._waiting, []
        there, before = in_batches(self._run, self.whose), self._unread_before(None)
        for case_id in waiting:
            if case_id in there:
                continue
            task, first = self._task_of(case_id), before.get(case_id)
            prompt = self._judge.prompt_of(task, first.complaint if first else None)
            yield Asked(case_id, self._judge.request_of(prompt), prompt.code, task.response.response_hash)

    def keep(self, record: BatchRecord, replies: Iterator[tuple[int, ChatAnswer]]) -> dict[str, Unread]:
        """Keep each verdict; returns the replies that could not be read and are asked for once more."""
        before, unread = self._unread_before(record.mark), dict[str, Unread]()
        for number, reply in replies:
            case_id = record.case_ids[number]
            found = self._judge.reading(record.codes[number], reply)
            first = before.get(case_id)
            if found.again and first is None:
                cost = found.costs[0] if found.costs else None
                unread[case_id] = Unread(complaint=(found.why or "it could not be read")[:_LONGEST], cost=cost)
                self._waiting.append(case_id)
                continue
            told = found.ended(Try(ReplyStatus.UNREADABLE, None, None, None, (first.cost,), True) if first else None)
            self._keep(self._judge.verdict_of(case_id, record.hashes[number], told))
        return unread

    def again(self, case_id: str) -> bool:
        """Whether a question that was refused goes again."""
        if self._asks:
            self._waiting.append(case_id)
        return self._asks

    def _unread_before(self, mark: str | None) -> dict[str, Unread]:
        """The cases whose newest reply before that batch could not be read."""
        found: dict[str, Unread] = {}
        for one in batches_of(self._run):
            if one.mark == mark:
                break
            if one.whose == self.whose and one.ended is not None:
                found = {case_id: what for case_id, what in found.items() if case_id not in one.case_ids} | one.unread
        return found
