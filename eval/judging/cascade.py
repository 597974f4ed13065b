"""The judge ``cascade:ID``: the embedded judge where it is sure, a model judge for the rest.

Sure means that its probability of the response type that it chose reaches a threshold. The threshold
is the lowest at which, on model families that the weights had not seen, the answers it kept agreed
with the study's verdicts as often as the target asks. That is an average over families, of the
response type alone: a new model may fall below it, and engagement and harm of what is decided
offline are the embedded judge's, with its own error (``docs/judging.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from dataset_builder.errors import InputError
from dataset_builder.models.answer import ChatAnswer
from dataset_builder.models.request import ChatRequest
from dataset_builder.work.asking import Prompt, Reply, Try
from eval.judges.interface import Judge, JudgeOptions, JudgeTask
from eval.judges.model.judge import ModelJudge
from eval.judges.model.judge import make as make_model
from eval.runs.verdict import Verdict

JUDGE: Final = "cascade"
TARGET: Final = 0.95
_MEANING: Final = (
    "the target and the expected agreement are averages over held-out model families, of the response type alone, "
    "on what is decided offline; a new model may fall below them"
)


class Threshold(NamedTuple):
    """A threshold on confidence and what held-out data promise of it, as shares of 1."""

    confidence: float
    # Means over held-out families: of the answers kept, and of the agreement on those.
    kept: float
    agreement: float
    # The family on which agreement was worst.
    agreement_lowest: float


def choose_threshold(table: Sequence[Mapping[str, Any]], target: float) -> Threshold:
    """The lowest threshold that meets the target, as do all above it.

    ``table`` is ``heldout.cascade`` of the embedded judge's manifest: rows with ``threshold``,
    ``kept``, ``agreement`` and ``agreement_lowest``. Raises InputError where no threshold does.
    """
    rows = sorted((row for row in table if row["agreement"] is not None), key=lambda row: float(row["threshold"]))
    chosen: Mapping[str, Any] | None = None
    for row in reversed(rows):
        if row["agreement"] < target:
            break
        chosen = row
    if chosen is None:
        best = max((row["agreement"] for row in rows), default=0.0)
        raise InputError(
            f"--offline-floor {target:g}: on held-out data the embedded judge reaches {best:g} at most. "
            "Ask for less, or let the model judge everything with --judge model:ID."
        )
    return Threshold(*(float(chosen[name]) for name in ("threshold", "kept", "agreement", "agreement_lowest")))


class CascadeJudge:
    """An offline judge up to a threshold and a model judge beyond it; ``decided_by`` tells which."""

    # One, as for the model judge: what was paid for is kept at once.
    batch_size = 1
    languages = ("en",)

    def __init__(self, offline: Judge, model: ModelJudge, threshold: Threshold, target: float) -> None:
        self.name = f"{JUDGE}:{model.name.partition(':')[2]}"
        self.rubric = f"{offline.rubric}@{threshold.confidence:g}+{model.rubric}"
        self.settings: dict[str, Any] = {
            **model.settings,
            "offline": {"judge": offline.name, "rubric": offline.rubric, **offline.settings},
            "target_agreement": target,
            "threshold": threshold.confidence,
            "expected_offline": threshold.kept,
            "expected_agreement": threshold.agreement,
            "expected_agreement_of_worst_family": threshold.agreement_lowest,
            "meaning": _MEANING,
        }
        self._offline = offline
        self._model = model
        self._threshold = threshold.confidence

    async def aclose(self) -> None:
        """Close both judges."""
        await self._offline.aclose()
        await self._model.aclose()

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """One verdict for each task, in order; raises as the model judge does."""
        first = await self._offline.judge(tasks)
        rest = [task for task, verdict in zip(tasks, first, strict=True) if not self._is_sure(verdict)]
        second = iter(await self._model.judge(rest))
        return [
            # Known to be nothing, where the cost of a model's verdict may be unknown.
            self._own(verdict, self._offline, cost=0.0)
            if self._is_sure(verdict)
            else self._own(next(second), self._model)
            for verdict in first
        ]

    async def decided(self, tasks: Sequence[JudgeTask]) -> tuple[list[Verdict], list[JudgeTask]]:
        """The verdicts of the offline part, and the tasks that go to the model."""
        first = await self._offline.judge(tasks)
        sure = [self._own(verdict, self._offline, cost=0.0) for verdict in first if self._is_sure(verdict)]
        return sure, [task for task, verdict in zip(tasks, first, strict=True) if not self._is_sure(verdict)]

    def prompt_of(self, task: JudgeTask, complaint: str | None) -> Prompt:
        """The model's question about an answer."""
        return self._model.prompt_of(task, complaint)

    def request_of(self, prompt: Prompt) -> ChatRequest:
        """What is sent for it."""
        return self._model.request_of(prompt)

    def reading(self, code: str, reply: ChatAnswer) -> Try[Any]:
        """What a reply of the model came to."""
        return self._model.reading(code, reply)

    def verdict_of(self, case_id: str, response_hash: str, reply: Reply[Any]) -> Verdict:
        """The model's verdict as this judge's."""
        return self._own(self._model.verdict_of(case_id, response_hash, reply), self._model)

    def request_chars(self, task: JudgeTask) -> int:
        """Characters of the request that a task takes if it goes to the model."""
        return self._model.request_chars(task)

    def _is_sure(self, verdict: Verdict) -> bool:
        return verdict.scored and verdict.confidence is not None and verdict.confidence >= self._threshold

    def _own(self, verdict: Verdict, by: Judge, **changes: Any) -> Verdict:
        return msgspec.structs.replace(verdict, judge=self.name, rubric=self.rubric, decided_by=by.name, **changes)


def make(argument: str, options: JudgeOptions) -> CascadeJudge:
    """The judge ``cascade:ARGUMENT``, ARGUMENT being a model as ``model:`` takes it.

    Raises InputError where no threshold meets ``options.offline_floor`` (0.95 if None), or as the model
    judge does.
    """
    # Its weights are of no use to whoever only reads a threshold off a table.
    from eval.judges.embedded.judge import load_judge, manifest

    target = TARGET if options.offline_floor is None else options.offline_floor
    threshold = choose_threshold(manifest()["heldout"]["cascade"], target)
    return CascadeJudge(load_judge(), make_model(argument, options), threshold, target)
