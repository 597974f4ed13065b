"""The labels of a sample of a run's answers: by people with a sheet, or by a better judge."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from dataset_builder.errors import InputError
from eval.agreement_report import read_verdicts
from eval.case_table import CaseTable
from eval.dataset import OpenedDataset
from eval.judges.human import HumanJudge
from eval.judging import answered_cases, tasks_of
from eval.run_folder import RunFolder
from eval.scored import ScoredAnswers
from eval.verdicts import Verdict


class _Line(msgspec.Struct):
    """What tells a verdict from a row of a sheet."""

    judge: str
    rubric: str


def sample_labels(spec: str, run: RunFolder, dataset: OpenedDataset) -> ScoredAnswers:
    """Labels laid over the cases of a run; an answer without any is unscored.

    ``spec`` is a sheet that people filled in, a file of verdicts or another run's folder (by one
    judge each), or a judge that judged this run. Raises InputError where it is none of them or
    labels none of the run's answers; DataError for rows that cannot be read.
    """
    path = Path(spec)
    if path.is_dir() or (path.is_file() and _holds_verdicts(path)):
        verdicts = list(read_verdicts(path))
    elif path.is_file():
        verdicts = _of_people(path, run, dataset)
    else:
        verdicts = list(run.verdicts(spec))
        if not verdicts:
            known = ", ".join(sorted({one.judge for one in run.verdicts()})) or "nobody"
            raise InputError(
                f"--labels {spec}: neither a file nor a judge of {run.path}, which {known} has judged. A sheet for "
                f"people: 'blind-refusal eval judge {run.path} --judge human:labels.csv --sample 100'."
            )
    hashes = {one.case_id: one.response_hash for one in run.responses()}
    # Of another run's verdicts, those on the same answers.
    ours = [one for one in verdicts if hashes.get(one.case_id) == one.response_hash and one.scored]
    if not ours:
        raise InputError(f"--labels {spec}: labels none of the answers of {run.path}.")
    cases = dataset.built.case_by_id
    table = CaseTable.from_cases(cases[case_id] for case_id in run.settings.case_ids)
    return ScoredAnswers.from_verdicts(table, ours, model=run.settings.model)


def _holds_verdicts(path: Path) -> bool:
    """Whether a file's first line is a verdict, and not a row of a sheet."""
    try:
        with path.open("rb") as file:
            msgspec.json.decode(file.readline(2**24), type=_Line)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _of_people(path: Path, run: RunFolder, dataset: OpenedDataset) -> list[Verdict]:
    judge = HumanJudge(path)
    answered = [case.case_id for case in answered_cases(run, dataset)]
    return asyncio.run(judge.judge(list(tasks_of(run, dataset, answered))))
