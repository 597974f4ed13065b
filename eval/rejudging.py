"""The maintainers' verdicts on a submission's answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dataset_builder.errors import InputError
from eval.dataset import OpenedDataset
from eval.judges.interface import Judge, JudgeTask
from eval.run_response import RunResponse
from eval.submission import Submission
from eval.verdicts import Verdict

EMBEDDED = "embedded"


@dataclass(frozen=True)
class Rejudged:
    """One judge's verdicts, made here; ``repeatable`` where the same answer always gets the same verdict."""

    judge: str
    rubric: str
    verdicts: list[Verdict]
    settings: dict[str, Any] = field(default_factory=dict)
    repeatable: bool = False

    @property
    def who(self) -> dict[str, str]:
        """Judge and rubric by name."""
        return {"judge": self.judge, "rubric": self.rubric}


def rejudge(submission: Submission, dataset: OpenedDataset, judges: Sequence[Judge] = ()) -> list[Rejudged]:
    """Judge every answer with the offline judge, then with each of ``judges``.

    Raises InputError where this installation has no offline judge, and as the judges do.
    """
    found = []
    for judge in (offline_judge(), *judges):
        verdicts = asyncio.run(_judge(judge, tasks_of(submission, dataset)))
        found.append(Rejudged(judge.name, judge.rubric, verdicts, judge.settings, judge.name == EMBEDDED))
    return found


def offline_judge() -> Judge:
    """The judge that everyone has. Raises InputError where its weights are not in this installation."""
    try:
        from eval.judges.embedded import load_judge
    except ImportError:
        raise InputError("This version of blind-refusal comes without its offline judge.") from None
    try:
        return load_judge()
    except FileNotFoundError:
        raise InputError("The weights of the offline judge are missing: install blind-refusal again.") from None


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
    verdicts: list[Verdict] = []
    for start in range(0, len(tasks), judge.batch_size):
        verdicts += await judge.judge(tasks[start : start + judge.batch_size])
    return verdicts
