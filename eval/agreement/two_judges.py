"""Judge against judge: two judges, or a judge and people with a sheet, over the answers of runs that both judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.errors import InputError
from eval.agreement.help_error import errors_on_help
from eval.agreement.report import AgreementReport, HelpAgainst
from eval.runs.folder import RunFolder
from eval.scores.labels import FIELDS, AnswerKey, Labels, LabelSource, alpha_of, compare_sources


def judge_against_judge(built: BuiltDataset, runs: Sequence[Path], judge: str | None, against: str) -> AgreementReport:
    """How the labels of ``judge`` agree with those of ``against``, which is the reference, over some runs.

    Raises InputError where a run is of other cases, or either judge gave no labels there, or is not named.
    """
    if judge is None or not runs:
        raise InputError(f"--against {against}: needs --judge, and --verdicts RUN of a run that both have judged.")
    opened = [RunFolder.open(path) for path in runs]
    for run in opened:
        if missing := set(run.settings.case_ids) - built.case_by_id.keys():
            raise InputError(f"{run.path}: asks cases that {built.path} does not have, such as {min(missing)}.")
    reference, ours = (_labels(opened, name) for name in (against, judge))
    pair = compare_sources(reference, ours, built.case_by_id)
    if not pair.n:
        raise InputError(f"{judge} and {against} have labelled no answer in common in these runs.")
    return AgreementReport(
        judge=ours.name,
        rubric=ours.rubric,
        study="",
        pairs=[pair],
        help=[HelpAgainst(reference.name, errors_on_help(reference, ours))],
        alpha=alpha_of([ours, reference]),
        corrected=[],
        rankings=[],
    )


def _labels(runs: Sequence[RunFolder], judge: str) -> LabelSource:
    labels: dict[AnswerKey, Labels] = {}
    rubrics: set[str] = set()
    for run in runs:
        for verdict in run.verdicts(judge):
            rubrics.add(verdict.rubric)
            if verdict.scored:
                key = AnswerKey(run.settings.model, verdict.case_id)
                labels[key] = Labels(*(getattr(verdict, field) for field in FIELDS))
    if not labels:
        known = sorted({verdict.judge for run in runs for verdict in run.verdicts()})
        raise InputError(f"{judge}: has labelled no answer of these runs, which {', '.join(known) or 'nobody'} judged.")
    if len(rubrics) > 1:
        raise InputError(f"{judge}: has judged these runs by {len(rubrics)} rubrics: {', '.join(sorted(rubrics))}.")
    return LabelSource(judge, labels, rubrics.pop())
