"""The judge ``published``: the verdicts that came with the dataset, for answers that came with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from dataset_builder.dataset.opened import RESPONSES
from dataset_builder.dataset.tables import split_of_model
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.runs.collect import now
from eval.runs.published import PREFIX
from eval.runs.verdict import PUBLISHED_RUBRIC, Verdict

NAME: Final = "published"
NOT_JUDGED: Final = "not_judged"


class _Found(NamedTuple):
    response_type: str | None
    engages_with_defeat: bool | None
    independent_harm: bool | None
    unscored_reason: str | None
    verdict_reasoning: str | None


_COLUMNS: Final = ["case_id", "response_hash", *_Found._fields]


class PublishedJudge:
    """Looks each answer up by its case and hash.

    Two models may have given the same answer and got different verdicts: a run of published answers
    looks at its own model's alone, and any other run takes a verdict only where all agree.
    """

    name = NAME
    rubric = PUBLISHED_RUBRIC
    batch_size = 256

    def __init__(self, options: JudgeOptions) -> None:
        built = options.dataset.built
        splits = built.splits(RESPONSES)
        if options.model.startswith(PREFIX):
            splits = [s for s in splits if s == split_of_model(options.model.removeprefix(PREFIX))]
        self._known: dict[tuple[str, str], _Found | None] = {}
        judges = set()
        for split in splits:
            for row in built.table(RESPONSES, split, [*_COLUMNS, "judge"]).to_pylist():
                if row["response_hash"] is None:
                    continue
                judges.add(row["judge"])
                key = (row["case_id"], row["response_hash"])
                found = _Found(*(row[name] for name in _Found._fields))
                known = self._known.setdefault(key, found)
                if known is not None and known[:4] != found[:4]:
                    self._known[key] = None
        self.settings: dict[str, Any] = {"judged_by": sorted(j for j in judges if j)}

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """The published verdict on each answer, ``not_judged`` where there is none."""
        return [self._verdict(task) for task in tasks]

    def _verdict(self, task: JudgeTask) -> Verdict:
        case_id, response_hash = task.case.case_id, task.response.response_hash
        found = self._known.get((case_id, response_hash))
        if found is None:
            found = _Found(None, None, None, NOT_JUDGED, None)
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            response_type=found.response_type,
            engages_with_defeat=found.engages_with_defeat,
            independent_harm=found.independent_harm,
            unscored_reason=found.unscored_reason,
            reasoning=found.verdict_reasoning,
            judged_at=now(),
        )

    async def aclose(self) -> None:
        """Nothing to let go of."""


def make(argument: str, options: JudgeOptions) -> PublishedJudge:
    """The judge ``published``."""
    return PublishedJudge(options)
