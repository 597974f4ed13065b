"""The judge ``human:FILE``: people's labels, from a sheet that this command also makes.

Where the file is not there, it is written with the answers to label and empty columns for the labels;
filled in, it is read, in any of the ways that spreadsheets save it, with the columns
``case_id``, ``response_type``, ``engages_with_defeat`` and ``independent_harm``, and if wanted
``response_hash`` (so that a label cannot land on another answer) and ``reasoning``.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.files import new_file
from dataset_builder.storage.sheets import inert, read_sheet, scientific, truth
from dataset_builder.wording import plural
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.runs.answer import Answer
from eval.runs.collect import now
from eval.runs.other_forms import TABLE, TAKEN_IN, form_of
from eval.runs.verdict import LABELS, NOT_JUDGED, Verdict

RUBRIC: Final = "human"
SHOWN: Final = ("policy", "defeat_condition", "user_query", "response")
COLUMNS: Final = ("case_id", "response_hash", *SHOWN, *LABELS, "reasoning")


class _Label(NamedTuple):
    """A row that labels a case, and its line in the file."""

    line: int
    values: dict[str, Any]


class HumanJudge:
    """Labels by case, read from a file; an answer without a label is ``not_judged``.

    ``known`` are the cases of the dataset, ``answers`` those of the run that is judged, where it is one run's. With
    ``partial`` the rows that match none of them are left out, and a line on stderr names them. Raises DataError
    where the file cannot be read, and, without ``partial``, with every row that matches nothing.
    """

    rubric = RUBRIC
    batch_size = 256
    # The file may have been added to since: all of it counts each time.
    may_change = True

    def __init__(
        self,
        path: Path,
        known: Container[str],
        answers: Mapping[str, Answer] | None = None,
        *,
        partial: bool = False,
    ) -> None:
        self.name = f"human:{path.stem}"
        self.settings: dict[str, Any] = {}
        labels = _read(path)
        unmatched = _unmatched(path, labels, known, answers)
        if unmatched and not partial:
            raise DataError(
                f"{path} labels what this run did not answer, {plural(len(unmatched), 'line')} {_lines(unmatched)}. "
                "Mend these rows, or leave them out with --partial",
                list(unmatched.values()),
            )
        if unmatched:
            reasons = Counter(problem.hint for problem in unmatched.values())
            told = "; ".join(f"{n:,} {reason}" for reason, n in reasons.items())
            click.echo(
                f"Note: {path}: left out {plural(len(unmatched), 'line')} {_lines(unmatched)} ({told}).", err=True
            )
        self._labels = {case_id: label.values for case_id, label in labels.items() if label.line not in unmatched}
        if not self._labels:
            raise InputError(f"{path}: none of its labels is for an answer of this run.")

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """Each answer's label. Raises InputError where a label is for another answer to the case."""
        return [self._verdict(task) for task in tasks]

    def _verdict(self, task: JudgeTask) -> Verdict:
        case_id, response_hash = task.case.case_id, task.response.response_hash
        row = self._labels.get(case_id, {})
        if row.get("response_hash") not in (None, "", response_hash):
            raise InputError(
                f"The label of case {case_id} is for another answer (its response_hash is not that of this run's). "
                "Was the file made for another run?"
            )
        labelled = row.get("response_type") is not None
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            response_type=row.get("response_type"),
            engages_with_defeat=row.get("engages_with_defeat"),
            independent_harm=row.get("independent_harm"),
            unscored_reason=None if labelled else NOT_JUDGED,
            reasoning=row.get("reasoning") or None,
            judged_at=now(),
        )

    async def aclose(self) -> None:
        """Nothing to let go of."""


def make(argument: str, options: JudgeOptions) -> HumanJudge:
    """The judge ``human:ARGUMENT``.

    Raises InputError where the file is not there, DataError with every wrong row.
    """
    path = Path(argument)
    return HumanJudge(path, options.dataset.built.case_by_id, options.answers, partial=options.partial)


def write_sheet(path: Path, tasks: Iterable[JudgeTask]) -> int:
    """Write answers with empty columns for labels as CSV; returns how many. Raises InputError if the file is there."""
    if path.exists():
        raise InputError(f"{path}: is there already and may hold labels. Give another name.")
    count = 0
    with new_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for task in tasks:
            case, response = task
            shown = (case.policy, case.defeat_condition or "", case.user_query, response.response or "")
            writer.writerow(
                {
                    "case_id": case.case_id,
                    "response_hash": response.response_hash,
                    **{k: inert(v) for k, v in zip(SHOWN, shown, strict=True)},
                }
            )
            count += 1
    return count


def _unmatched(
    path: Path, labels: Mapping[str, _Label], known: Container[str], answers: Mapping[str, Answer] | None
) -> dict[int, Problem]:
    """The rows that label no answer, by line; the reason stands in the hint too, for a summary."""
    found: dict[int, Problem] = {}
    for case_id, (line, row) in labels.items():
        answer = None if answers is None else answers.get(case_id)
        reason = None
        if case_id not in known:
            reason = "not in the dataset"
        elif answers is not None and answer is None:
            reason = "without an answer in this run"
        elif answer is not None and not answer.ok:
            reason = f"without an answer in this run: {answer.status}"
        elif answer is not None and row.get("response_hash") not in (None, "", answer.response_hash):
            reason = "for another answer than this run's"
        if reason is not None:
            found[line] = Problem(f"{path}:{line}", f"case {case_id[:100]!r}", reason)
    return found


def _lines(numbers: Iterable[int]) -> str:
    """Line numbers with runs of them joined: ``2, 5-9``."""
    runs = groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    ends = ([number for _, number in run] for _, run in runs)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in ends)


def _read(path: Path) -> dict[str, _Label]:
    problems: list[Problem] = []
    labels: dict[str, _Label] = {}
    for number, row, where in read_sheet(path, ("case_id", *LABELS)):
        if all(row.get(name) in (None, "") for name in LABELS):
            continue
        case_id = row.get("case_id")
        if not isinstance(case_id, str) or not case_id:
            problems.append(Problem(where, "no case_id"))
            continue
        for name in ("case_id", "response_hash"):
            if scientific(row.get(name)):
                what = f"{name} {row[name]!r} is a number that a spreadsheet made of an id"
                hint = "import the column as text" + (
                    "" if name == "case_id" else ", or delete the column response_hash"
                )
                problems.append(Problem(where, what, hint))
        if case_id in labels:
            problems.append(
                Problem(where, f"case {case_id} is labelled twice", f"line {labels[case_id].line} has it too")
            )
        labels[case_id] = _Label(number, {**row, **_labels(row, where, problems)})
    if problems:
        raise DataError(f"{path} cannot be used as labels", problems)
    if not labels:
        form = form_of(path)
        if form is not None and form != TABLE:
            way_in = " 'blind-refusal eval import' makes a run of it; then label that." if form in TAKEN_IN else ""
            raise InputError(f"{path}: {form}, and no labels.{way_in}")
        raise InputError(f"{path}: holds no label. Fill in the columns {', '.join(LABELS)}.")
    return labels


def _labels(row: dict[str, Any], where: str, problems: list[Problem]) -> dict[str, Any]:
    said = str(row.get("response_type") or "").strip()
    kind = "_".join(said.casefold().replace("-", " ").replace("_", " ").split())
    if kind not in ids(RESPONSE_TYPES):
        problems.append(Problem(where, f"response_type {said!r}", f"expected {', '.join(ids(RESPONSE_TYPES))}"))
    read: dict[str, Any] = {"response_type": kind}
    for name in LABELS[1:]:
        value = truth(row.get(name))
        if value is None:
            problems.append(Problem(where, f"{name} {row.get(name)!r}", "expected true or false"))
        read[name] = bool(value)
    return read
