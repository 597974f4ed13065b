"""Having a judge label answers that the study's judge and the reviewers labelled, to measure it by them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.sample import stratified
from dataset_builder.errors import InputError
from dataset_builder.storage.files import now
from eval.agreement.known import MeasuredJudge, agreement_rows, note_on
from eval.agreement.report import AgreementReport
from eval.judging.registry import check_judge
from eval.runs.folder import RunFolder
from eval.runs.published import copy_answers
from eval.scores.labels import reviewer_labels, study_labels

_SAMPLE: Final = 400
_FREE: Final = ("embedded", "encoder", "heldout", "encoder-heldout", "published")


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
    """A run of these answers for each model, in a folder of its own; made anew only where it is not there.

    Raises InputError where the dataset holds no answers that a judge could be measured on.
    """
    cases = dataset.built.case_by_id
    runs = [
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
    if not runs:
        raise InputError(f"{dataset.name}: holds no answers that a judge could be measured on.")
    return runs


def record_of(report: AgreementReport, dataset: OpenedDataset) -> MeasuredJudge:
    """What there is to keep of a report: the judge against each of the others."""
    rows = [row for pair in report.pairs if pair.second == report.judge for row in agreement_rows(pair)]
    return MeasuredJudge(
        judge=report.judge,
        rubric=report.rubric,
        dataset=dataset.hub_id or dataset.built.path.resolve().name,
        cases_hash=dataset.built.cases_hash,
        measured_at=now(),
        package_version=__version__,
        note=note_on(report.judge),
        agreement=rows,
        help_error=next((one.errors for one in report.help if one.first == report.study), []),
    )
