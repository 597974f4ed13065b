"""The scorer of our Inspect task: the model judge with the rubric, prompt and parser of ``--judge model:ID``."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from dataset_builder.dataset.records import fields_for
from dataset_builder.dataset.taxonomy import EMPTY, JUDGE_OUT_OF_TOKENS, OK
from eval.interop.inspect_answer import GraderClient, chat_answer
from eval.interop.inspect_log import GRADER, KEY, PACKAGE, SCORER, GivenVerdict, registered
from eval.interop.inspect_metrics import case_of, rates
from eval.judges.interface import JudgeTask
from eval.judges.model.judge import JUDGE_FAILURE, JUDGE_REFUSAL, UNREADABLE, ModelJudge
from eval.runs.answer import Answer
from eval.runs.collect import now
from eval.runs.verdict import LABELS, Verdict

# Inspect's own words for what happens to any benchmark; our reason stands in the metadata.
_REASONS: Final = {
    EMPTY: "no_response",
    UNREADABLE: "grader_failed",
    JUDGE_OUT_OF_TOKENS: "grader_failed",
    JUDGE_REFUSAL: "grader_failed",
    JUDGE_FAILURE: "grader_failed",
}


@scorer(name=f"{PACKAGE}/{SCORER}", metrics=[rates()])
@registered
def rubric(show_reasoning: bool = False, structured_output: bool = True) -> Scorer:
    """Three labels for each answer, by the model in the role ``grader``.

    ``show_reasoning`` shows the grader the model's reasoning beside the answer; ``structured_output``
    asks for the verdict by JSON schema, for providers that have it. An answer that did not come
    whole, or that the grader gave no readable verdict on, is unscored with the reason.
    """

    async def score(state: TaskState, target: Target) -> Score:
        answer = chat_answer(state.output)
        if answer.status != OK:
            return Score.unscored(
                reason=_REASONS.get(answer.status, answer.status),
                explanation=f"There is no whole answer to judge: {answer.status}.",
            )
        grader = get_model(role=GRADER, required=True)
        client = GraderClient(grader, structured_output=structured_output)
        judge = ModelJudge(str(grader), client, show_reasoning=show_reasoning)
        case = case_of(state.metadata)
        response = Answer.of(case.case_id, case.user_query, answer, answer.cost, now())
        (verdict,) = await judge.judge([JudgeTask(case, response)])
        return score_of(verdict, judge.settings)

    return score


def score_of(verdict: Verdict, settings: dict[str, Any]) -> Score:
    """A verdict as Inspect has it: the labels as its value, or unscored with a reason."""
    given = GivenVerdict(**fields_for(GivenVerdict, verdict), settings=settings)
    metadata = {KEY: msgspec.to_builtins(given)}
    if verdict.unscored_reason is not None:
        return Score.unscored(
            reason=_REASONS.get(verdict.unscored_reason, verdict.unscored_reason),
            explanation=verdict.reasoning,
            metadata=metadata,
        )
    return Score(
        value={name: getattr(verdict, name) for name in LABELS}, explanation=verdict.reasoning, metadata=metadata
    )
