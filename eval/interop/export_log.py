"""A run as a log of Inspect: what our task would have left, had it collected and judged the answers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalMetric,
    EvalPlan,
    EvalPlanStep,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ModelUsage,
    StopDetails,
)
from inspect_ai.scorer import Score

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import (
    CONTENT_FILTER,
    FAILURES,
    REFUSAL_STOP,
    TOOL_CALL,
    TRUNCATED,
    UNKNOWN_FINISH,
)
from eval.interop.inspect_log import KEY, PACKAGE, SCORER, TASK, LogInfo
from eval.interop.inspect_metrics import headline_rates
from eval.interop.inspect_scorer import score_of
from eval.runs.answer import Answer, last_collected
from eval.runs.folder import RunFolder
from eval.runs.verdict import Verdict

_STOPS: Final[dict[str, Any]] = {
    CONTENT_FILTER: "content_filter",
    REFUSAL_STOP: "content_filter",
    TRUNCATED: "max_tokens",
    TOOL_CALL: "tool_calls",
    UNKNOWN_FINISH: "unknown",
}
_EFFORTS: Final = {
    level for part in get_args(GenerateConfig.model_fields["reasoning_effort"].annotation) for level in get_args(part)
}


def inspect_log(run: RunFolder, dataset: OpenedDataset) -> EvalLog:
    """The log of a run, with the verdicts of every judge that judged it, a scorer each.

    The settings of the run stand in the metadata whole, so that importing the log gives them back.
    Raises InputError where the dataset holds other cases than the run's.
    """
    run.check_dataset(dataset)
    settings = run.settings
    by_judge: dict[tuple[str, str], dict[str, Verdict]] = {}
    for verdict in run.verdicts():
        by_judge.setdefault((verdict.judge, verdict.rubric), {})[verdict.case_id] = verdict
    names = _scorer_names(by_judge)
    cases = dataset.built.case_by_id
    samples = []
    for response in run.answers.values():
        scores = {
            names[who]: score_of(given[response.case_id], run.record.judge(*who).settings)
            for who, given in by_judge.items()
            if response.case_id in given
        }
        if not response.ok and response.status not in FAILURES:
            scores = {name: Score.unscored(reason=response.status) for name in names.values()}
        samples.append(_sample(cases[response.case_id], response, settings.model, settings.system_prompt, scores))
    info = LogInfo(
        dataset=run.record.source,
        cases_hash=run.record.dataset.cases_hash,
        package_version=settings.package_version or __version__,
        sample=settings.sample,
        sample_seed=settings.sample_seed,
        run=settings,
    )
    complete = len(samples) == len(settings.case_ids)
    return EvalLog(
        status="success" if complete else "cancelled",
        eval=EvalSpec(
            created=run.record.created_at,
            task=f"{PACKAGE}/{TASK}",
            task_registry_name=f"{PACKAGE}/{TASK}",
            dataset=EvalDataset(
                name=dataset.hub_id or dataset.built.path.name,
                samples=len(settings.case_ids),
                sample_ids=list(settings.case_ids),
                shuffled=False,
            ),
            model=settings.model,
            config=EvalConfig(epochs=1),
            metadata={KEY: msgspec.to_builtins(info)},
        ),
        plan=EvalPlan(steps=[EvalPlanStep(solver="generate")], config=_config(run)),
        results=_results(samples, len(settings.case_ids), names.values(), cases),
        stats=EvalStats(started_at=run.record.created_at, completed_at=last_collected(run.answers.values()) or ""),
        samples=samples,
    )


def write_inspect_log(run: RunFolder, dataset: OpenedDataset, path: Path) -> int:
    """Write it as the name of ``path`` says, .eval or .json; returns the number of samples."""
    log = inspect_log(run, dataset)
    write_eval_log(log, str(path.resolve()), format="eval" if path.suffix == ".eval" else "json")
    return len(log.samples or ())


def _scorer_names(judges: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A name for each judge's scorer: the task's own for the first, then as Inspect numbers them."""
    return {who: SCORER + (str(place) if place else "") for place, who in enumerate(sorted(judges))}


def _config(run: RunFolder) -> GenerateConfig:
    settings = run.settings
    return GenerateConfig(
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        system_message=settings.system_prompt,
        reasoning_effort=settings.reasoning if settings.reasoning in _EFFORTS else None,  # type: ignore[arg-type]
    )


def _sample(
    case: Case, response: Answer, model: str, system_prompt: str | None, scores: dict[str, Score]
) -> EvalSample:
    messages: list[ChatMessage] = [ChatMessageUser(content=case.user_query, source="input")]
    if system_prompt is not None:
        messages.insert(0, ChatMessageSystem(content=system_prompt))
    output, error = ModelOutput(model=response.served_model or model), None
    if response.status in FAILURES:
        error = EvalError(message=response.error or "no answer", traceback="", traceback_ansi="")
    else:
        content: list[Content] = [ContentText(text=response.response or "")]
        if response.reasoning:
            content.insert(0, ContentReasoning(reasoning=response.reasoning))
        message = ChatMessageAssistant(content=content, model=output.model, source="generate")
        messages.append(message)
        output = ModelOutput(
            model=output.model,
            choices=[
                ChatCompletionChoice(
                    message=message,
                    stop_reason=_STOPS.get(response.status, "stop"),
                    stop_details=StopDetails(type="refusal") if response.status == REFUSAL_STOP else None,
                )
            ],
            usage=_usage(response),
            time=response.latency_s,
            error=response.error,
        )
    return EvalSample(
        id=case.case_id,
        epoch=1,
        input=case.user_query,
        target="",
        messages=messages,
        output=output,
        scores=scores or None,
        metadata=msgspec.to_builtins(case),
        error=error,
        completed_at=response.collected_at,
    )


def _usage(response: Answer) -> ModelUsage | None:
    if response.tokens_estimated:
        # Inspect's counts are a provider's.
        response = msgspec.structs.replace(response, prompt_tokens=None, completion_tokens=None)
    if response.prompt_tokens is None and response.completion_tokens is None and response.cost is None:
        return None
    sent, got = response.prompt_tokens or 0, response.completion_tokens or 0
    return ModelUsage(
        input_tokens=sent - (response.cached_tokens or 0),
        output_tokens=got,
        total_tokens=sent + got,
        input_tokens_cache_read=response.cached_tokens,
        reasoning_tokens=response.reasoning_tokens,
        total_cost=response.cost,
    )


def _results(samples: list[EvalSample], total: int, scorers: Iterable[str], cases: dict[str, Case]) -> EvalResults:
    scores = []
    for name in scorers:
        given = [(cases[str(s.id)], s.scores[name].value) for s in samples if s.scores and name in s.scores]
        scored = [(case, value) for case, value in given if isinstance(value, dict)]
        metrics = {k: EvalMetric(name=k, group="rates", value=v) for k, v in headline_rates(scored).items()}
        scores.append(
            EvalScore(
                name=name,
                scorer=name,
                scored_samples=len(scored),
                unscored_samples=len(given) - len(scored),
                metrics=metrics,
            )
        )
    done = sum(sample.error is None for sample in samples)
    return EvalResults(total_samples=total, completed_samples=done, scores=scores)
