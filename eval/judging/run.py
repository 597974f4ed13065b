"""Judging a run: every answer that this judge has not judged yet, each verdict kept as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from dataset_builder.dataset.opened import OpenedDataset, check_same_cases
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.sample import draw_labelled
from dataset_builder.dataset.taxonomy import JUDGE_OUT_OF_TOKENS, OK
from dataset_builder.errors import BlindRefusalError, InputError
from dataset_builder.work.asking import work_through
from dataset_builder.work.cost import Budget
from eval.judges.interface import Judge, JudgeTask
from eval.runs.folder import JudgeRecord, RunFolder
from eval.runs.response import RunResponse
from eval.runs.verdict import Verdict

# No reply at all, or no tokens left for one: worth another try. Whatever the judge did reply is its verdict.
_REPEATABLE: Final = frozenset({"judge_failure", JUDGE_OUT_OF_TOKENS})


@dataclass(frozen=True, slots=True)
class Docket:
    """What a judge has before it: answers to judge, and those that it has judged already."""

    case_ids: tuple[str, ...]
    judged: int
    # Cases of the run with no answer to judge.
    unanswered: int


def answered_cases(run: RunFolder, dataset: OpenedDataset) -> list[Case]:
    """The cases of a run that have an answer to judge, sorted by id.

    Raises InputError where the dataset holds other cases than the run's.
    """
    check_same_cases(dataset, run.settings.content_hash, f"The run {run.path}")
    known = dataset.built.case_by_id
    answered = sorted(case_id for case_id, status in run.statuses().items() if status == OK)
    strange = [case_id for case_id in answered if case_id not in known]
    if strange:
        raise InputError(f"{run.path}: answers the case {strange[0]}, which {dataset.name} does not hold.")
    return [known[case_id] for case_id in answered]


def docket_of(
    run: RunFolder,
    dataset: OpenedDataset,
    judge: Judge,
    *,
    sample: int | None = None,
    controls: int | None = None,
    seed: int = 0,
    again: bool = False,
    retry_errors: bool = False,
) -> Docket:
    """What is to be judged of a run, or of a sample of its answers (``draw_labelled``).

    Raises InputError as ``answered_cases`` and ``draw_labelled`` do.
    """
    answered = answered_cases(run, dataset)
    chosen = answered if sample is None else draw_labelled(answered, sample, controls, seed)
    verdicts = {v.case_id: v for v in run.verdicts(judge.name, judge.rubric)}
    # People may correct their labels; their name and rubric do not tell.
    again = again or bool(getattr(judge, "may_change", False))
    settled = {
        case_id
        for case_id, verdict in verdicts.items()
        if not (again or (retry_errors and verdict.unscored_reason in _REPEATABLE))
    }
    waiting = tuple(case.case_id for case in chosen if case.case_id not in settled)
    return Docket(waiting, len(chosen) - len(waiting), len(run.settings.case_ids) - len(answered))


def tasks_of(run: RunFolder, dataset: OpenedDataset, case_ids: Sequence[str]) -> Iterator[JudgeTask]:
    """The answers to some cases with those cases, one in memory at a time, in the order of the run."""
    wanted = frozenset(case_ids)
    cases = dataset.built.case_by_id
    for response in run.responses():
        if response.case_id in wanted:
            yield JudgeTask(cases[response.case_id], response)


async def judge_run(
    run: RunFolder,
    tasks: Iterator[JudgeTask],
    judge: Judge,
    *,
    concurrency: int,
    budget: Budget,
    seen: Callable[[Verdict], None] = lambda verdict: None,
) -> str | None:
    """Judge the tasks and append each verdict to the run, which is open for writing.

    A verdict that the run holds already, word for word but for its time, is not written twice.
    Returns why it stopped early, or None. Raises as the judge does; what was judged is kept.
    """
    run.record_judge(JudgeRecord(judge=judge.name, rubric=judge.rubric, settings=judge.settings))
    held = {v.case_id: v for v in run.verdicts(judge.name, judge.rubric)}
    batches = iter(lambda: list(islice(tasks, judge.batch_size)), [])

    async def decide(batch: list[JudgeTask]) -> None:
        cost: float | None = None
        answered = False
        try:
            verdicts = await judge.judge(batch)
            for task, verdict in zip(batch, verdicts, strict=True):
                _check(judge, task.response, verdict)
                if not _same(verdict, held.get(verdict.case_id)):
                    run.append_verdict(verdict)
                seen(verdict)
            known = [v.cost for v in verdicts if v.cost is not None]
            cost = sum(known) if known else None
            answered = any(v.scored for v in verdicts)
        finally:
            await budget.settle(cost, answered=answered)

    try:
        return await work_through(batches, decide, concurrency=concurrency, admit=budget.admit)
    finally:
        await judge.aclose()


def _check(judge: Judge, response: RunResponse, verdict: Verdict) -> None:
    expected = (response.case_id, response.response_hash, judge.name, judge.rubric)
    labels = (verdict.response_type, verdict.engages_with_defeat, verdict.independent_harm)
    whole = all(label is not None for label in labels) if verdict.scored else all(label is None for label in labels)
    if tuple(verdict.key) != expected or not whole:
        raise BlindRefusalError(f"The judge {judge.name} gave a verdict that is not its own or not whole: {verdict!r}")


def _same(verdict: Verdict, held: Verdict | None) -> bool:
    if held is None or held.key != verdict.key:
        return False
    fields = (f for f in verdict.__struct_fields__ if f not in ("judged_at", "cost"))
    return all(getattr(verdict, f) == getattr(held, f) for f in fields)
