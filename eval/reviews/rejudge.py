"""The maintainers' verdicts on a submission's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dataset_builder.dataset.opened import OpenedDataset
from eval.agreement.known import known_agreement
from eval.judges.interface import Judge, JudgeTask
from eval.judging.registry import EMBEDDED, offline_judge, unknown_judge
from eval.repository.folder import REVIEWS
from eval.repository.leaderboard import Leaderboard
from eval.runs.response import RunResponse
from eval.runs.verdict import Verdict
from eval.scores.results import JudgeAgreement
from eval.submissions.submission import Submission

_AT_ONCE: Final = 16


@dataclass(frozen=True)
class Rejudged:
    """One judge's verdicts, made here; ``repeatable`` where the same answer always gets the same verdict."""

    judge: str
    rubric: str
    verdicts: list[Verdict]
    settings: dict[str, Any] = field(default_factory=dict)
    repeatable: bool = False
    # How it agrees with people and with the study's judge, where that was measured.
    agreement: list[JudgeAgreement] = field(default_factory=list)

    @property
    def who(self) -> dict[str, str]:
        """Judge and rubric by name."""
        return {"judge": self.judge, "rubric": self.rubric}


def rejudge(submission: Submission, dataset: OpenedDataset, judges: Sequence[Judge] = ()) -> list[Rejudged]:
    """Judge every answer with the offline judge, then with each of ``judges``, which are closed afterwards.

    Raises InputError where this installation has no offline judge, and as the judges do.
    """
    found = []
    for judge in (offline_judge(), *judges):
        verdicts = asyncio.run(_judge(judge, tasks_of(submission, dataset)))
        agreement = known_agreement(judge.name, judge.rubric)
        repeatable = judge.name == EMBEDDED
        found.append(Rejudged(judge.name, judge.rubric, verdicts, judge.settings, repeatable, agreement))
    return found


def tasks_of(submission: Submission, dataset: OpenedDataset) -> list[JudgeTask]:
    """What a judge is shown: each answer that there is, with its case."""
    known, hashes = dataset.built.case_by_id, submission.hashes
    return [
        JudgeTask(
            known[case_id],
            RunResponse(
                case_id=case_id,
                query_hash="",
                status="ok",
                response=text,
                response_hash=hashes[case_id],
                collected_at=submission.bundle.collected_at or "",
            ),
        )
        for case_id, text in submission.texts()
    ]


async def _judge(judge: Judge, tasks: Sequence[JudgeTask]) -> list[Verdict]:
    """All verdicts in the order of the tasks, some batches at once; the judge is closed afterwards."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(batch: Sequence[JudgeTask]) -> list[Verdict]:
        async with places:
            return await judge.judge(batch)

    starts = range(0, len(tasks), judge.batch_size)
    try:
        done = await asyncio.gather(*(one(tasks[start : start + judge.batch_size]) for start in starts))
    finally:
        await judge.aclose()
    return [verdict for batch in done for verdict in batch]


# Whether a judge and its rubric's version are ones that this version of the project knows.


def outdated(made: Leaderboard) -> list[str]:
    """What the maintainers' offline judge judged in another version than this one, a line for each board."""
    lines = []
    for board in made.boards:
        ours = [row for row in board.rows if row.verdicts.startswith(f"{REVIEWS}/")]
        if ours and board.judge == EMBEDDED and (told := unknown_judge(board.judge, board.rubric)):
            count = f"{len(ours):,} row{'s' * (len(ours) != 1)} over {board.n_cases:,} cases of {board.dataset}"
            lines.append(f"{count}: {told}.")
    return lines
