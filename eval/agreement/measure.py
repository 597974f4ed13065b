"""Having a judge label answers that the study's judge and the reviewers labelled, to measure it by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import stratified
from dataset_builder.errors import InputError
from dataset_builder.models.providers import resolve_endpoint
from dataset_builder.storage.files import now
from dataset_builder.work.cost import Budget, Estimate, estimate, price_of
from eval.agreement.known import JudgeRecord, agreement_rows, note_on
from eval.agreement.report import AgreementReport
from eval.judges.interface import JudgeOptions, JudgeTask, PaidJudge
from eval.judging.registry import check_judge, resolve_judge
from eval.judging.run import docket_of, judge_run, tasks_of
from eval.runs.folder import RunFolder
from eval.runs.published import copy_answers
from eval.runs.verdict import Verdict
from eval.scores.labels import reviewer_labels, study_labels

_SAMPLE: Final = 400
_FREE: Final = ("embedded", "heldout", "published")


def usual_sample(spec: str) -> int | None:
    """How many answers a judge is measured on where nobody says; None, all, where that costs nothing.

    Raises InputError for an unknown judge.
    """
    return None if check_judge(spec)[0] in _FREE else _SAMPLE


def measured_answers(dataset: OpenedDataset, sample: int | None, seed: int) -> dict[str, list[str]]:
    """Which answers a judge is measured on, case ids by model: all that reviewers labelled, and ``sample`` others.

    None is all others; fewer are spread evenly over the cells. Raises InputError where the dataset holds no verdicts.
    """
    cases = dataset.built.case_by_id
    judged = sorted(study_labels(dataset.built).labels)
    reviewed = {key for source in reviewer_labels(dataset.built).values() for key in source.labels}
    rest = [key for key in judged if key not in reviewed]
    size = len(rest) if sample is None else sample
    drawn = stratified(rest, lambda key: cases[key.case_id].cell, size, seed) if size else []
    found: dict[str, list[str]] = {}
    for key in sorted({*(reviewed & set(judged)), *drawn}):
        found.setdefault(key.model, []).append(key.case_id)
    return found


def measuring_runs(dataset: OpenedDataset, folder: Path, *, sample: int | None, seed: int) -> list[RunFolder]:
    """A run of these answers for each model, in a folder of its own; made anew only where it is not there."""
    cases = dataset.built.case_by_id
    return [
        copy_answers(
            dataset,
            model,
            [cases[case_id] for case_id in ids],
            sample=f"chosen:{len(ids)}",
            seed=seed,
            out=folder / model,
        )
        for model, ids in measured_answers(dataset, sample, seed).items()
    ]


class Measuring:
    """The runs with the judge that is to label them; ``waiting`` answers have no verdict of it yet."""

    def __init__(self, runs: list[RunFolder], dataset: OpenedDataset, spec: str, options: JudgeOptions) -> None:
        if not runs:
            raise InputError(f"{dataset.name}: holds no answers that a judge could be measured on.")
        self._runs, self._dataset, self._spec, self._options = runs, dataset, spec, options
        probe = resolve_judge(spec, self._of(runs[0]))
        self._probe = probe
        self.judge, self.rubric = probe.name, probe.rubric
        self._waiting = {run.path: docket_of(run, dataset, probe).case_ids for run in runs}

    @property
    def waiting(self) -> int:
        """Answers to judge."""
        return sum(map(len, self._waiting.values()))

    def estimate(self) -> Estimate | None:
        """What judging will take; None for a judge that costs nothing."""
        probe = self._probe
        if not isinstance(probe, PaidJudge):
            return None
        given = self._options.price
        price = given or price_of(resolve_endpoint(self._spec.partition(":")[2], self._options.base_url))
        lengths = (probe.request_chars(task) for run in self._runs for task in self._tasks(run))
        return estimate(
            lengths,
            self._probe.settings.get("max_tokens", 4000),
            price,
            price_is_given=given is not None,
            verdicts=True,
        )

    async def work(self, budget_usd: float | None, seen: Callable[[Verdict], None]) -> str | None:
        """Judge what is waiting; returns why it stopped early, or None. Raises as the judge does."""
        await self._probe.aclose()
        expected = self.estimate()
        paid = sum(v.cost or 0.0 for run in self._runs for v in run.verdicts(self.judge, self.rubric))
        budget = Budget(
            budget_usd if expected else None, spent=paid, call_cost=expected.call_cost if expected else None
        )
        for run in self._runs:
            judge = resolve_judge(self._spec, self._of(run))
            with run.writing():
                stopped = await judge_run(
                    run, self._tasks(run), judge, concurrency=self._options.concurrency, budget=budget, seen=seen
                )
            if stopped:
                return stopped
        return None

    def _tasks(self, run: RunFolder) -> Iterator[JudgeTask]:
        return tasks_of(run, self._dataset, self._waiting[run.path])

    def _of(self, run: RunFolder) -> JudgeOptions:
        return replace(self._options, model=run.settings.model, run=run.path)


def record_of(report: AgreementReport, dataset: OpenedDataset) -> JudgeRecord:
    """What there is to keep of a report: the judge against each of the others."""
    rows = [row for pair in report.pairs if pair.second == report.judge for row in agreement_rows(pair)]
    return JudgeRecord(
        judge=report.judge,
        rubric=report.rubric,
        dataset=dataset.hub_id or dataset.built.path.resolve().name,
        cases_hash=dataset.built.cases_hash,
        measured_at=now(),
        package_version=__version__,
        note=note_on(report.judge),
        agreement=rows,
    )
