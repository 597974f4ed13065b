"""The judge ``published``: the verdicts that came with the dataset, for answers that came with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dataset_builder.dataset.opened import RESPONSES
from dataset_builder.dataset.tables import split_of_model
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.runs.collect import now
from eval.runs.published import PREFIX, VERDICT_COLUMNS, is_published, published_verdict
from eval.runs.verdict import NOT_JUDGED, PUBLISHED, Verdict


class PublishedJudge:
    """Looks each answer up by its case and hash.

    Two models may have given the same answer and got different verdicts: a run of published answers
    looks at its own model's alone, and any other run takes a verdict only where all agree.
    """

    name = PUBLISHED
    rubric = PUBLISHED
    batch_size = 256

    def __init__(self, options: JudgeOptions) -> None:
        built = options.dataset.built
        splits = built.splits(RESPONSES)
        if is_published(options.model):
            splits = [s for s in splits if s == split_of_model(options.model.removeprefix(PREFIX))]
        self._known: dict[tuple[str, str], Verdict | None] = {}
        judges = set()
        for split in splits:
            for row in built.table(RESPONSES, split, [*VERDICT_COLUMNS, "verdict_reasoning"]).to_pylist():
                if row["response_hash"] is None:
                    continue
                judges.add(row["judge"])
                found = published_verdict(row, self.name)
                known = self._known.setdefault(found.key[:2], found)
                if known is not None and _said(known) != _said(found):
                    self._known[found.key[:2]] = None
        self.settings: dict[str, Any] = {"judged_by": sorted(j for j in judges if j)}

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """The published verdict on each answer, ``not_judged`` where there is none."""
        return [self._verdict(task) for task in tasks]

    def _verdict(self, task: JudgeTask) -> Verdict:
        place = task.case.case_id, task.response.response_hash
        found = self._known.get(place) or Verdict(
            case_id=place[0],
            response_hash=place[1],
            judge=self.name,
            rubric=self.rubric,
            unscored_reason=NOT_JUDGED,
        )
        return msgspec.structs.replace(found, judged_at=now())

    async def aclose(self) -> None:
        """Nothing to let go of."""


def _said(verdict: Verdict) -> tuple[str | bool | None, ...]:
    return (*verdict.labels, verdict.unscored_reason)


def make(argument: str, options: JudgeOptions) -> PublishedJudge:
    """The judge ``published``."""
    return PublishedJudge(options)
