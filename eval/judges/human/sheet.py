"""The judge ``human:FILE``: people's labels, from a sheet that this command also makes.

Where the file is not there, it is written with the answers to label and empty columns for the labels;
filled in, it is read. CSV (UTF-8), or JSON lines where the name ends in ``.jsonl``, with the columns
``case_id``, ``response_type``, ``engages_with_defeat`` and ``independent_harm``, and if wanted
``response_hash`` (so that a label cannot land on another answer) and ``reasoning``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from dataset_builder.errors import DataError, InputError, Problem
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.runs.collect import now
from eval.runs.verdict import Verdict

NOT_JUDGED: Final = "not_judged"
RUBRIC: Final = "human"
LABELS: Final = ("response_type", "engages_with_defeat", "independent_harm")
SHOWN: Final = ("policy", "defeat_condition", "user_query", "response")
COLUMNS: Final = ("case_id", "response_hash", *SHOWN, *LABELS, "reasoning")
_YES: Final = frozenset({"true", "yes", "y", "1"})
_NO: Final = frozenset({"false", "no", "n", "0"})
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class HumanJudge:
    """Labels by case, read from a file; an answer without a label is ``not_judged``."""

    rubric = RUBRIC
    batch_size = 256
    # The file may have been added to since: all of it counts each time.
    may_change = True

    def __init__(self, path: Path) -> None:
        self.name = f"human:{path.stem}"
        self.settings: dict[str, Any] = {}
        self._labels = _read(path)

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
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    return HumanJudge(path)


def write_sheet(path: Path, tasks: Iterable[JudgeTask]) -> int:
    """Write answers with empty columns for labels as CSV; returns how many. Raises InputError if the file is there."""
    count = 0
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for task in tasks:
                case, response = task
                shown = (case.policy, case.defeat_condition or "", case.user_query, response.response or "")
                writer.writerow(
                    {
                        "case_id": case.case_id,
                        "response_hash": response.response_hash,
                        **{k: f"'{v}" if v.startswith(_FORMULA) else v for k, v in zip(SHOWN, shown, strict=True)},
                    }
                )
                count += 1
    except FileExistsError:
        raise InputError(f"{path}: is there already and may hold labels. Give another name.") from None
    return count


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    problems: list[Problem] = []
    labels: dict[str, dict[str, Any]] = {}
    for number, row in _rows(path, text, problems):
        where = f"{path}:{number}"
        case_id = row.get("case_id")
        if not isinstance(case_id, str) or not case_id:
            problems.append(Problem(where, "no case_id"))
            continue
        if all(row.get(name) in (None, "") for name in LABELS):
            continue
        if case_id in labels:
            problems.append(Problem(where, f"case {case_id} is labelled twice", "keep one of the rows"))
        labels[case_id] = {**row, **_labels(row, where, problems)}
    if problems:
        raise DataError(f"{path} cannot be used as labels", problems)
    if not labels:
        raise InputError(f"{path}: holds no label. Fill in the columns {', '.join(LABELS)}.")
    return labels


def _rows(path: Path, text: str, problems: list[Problem]) -> Iterable[tuple[int, dict[str, Any]]]:
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.splitlines(), 1):
            try:
                row = json.loads(line) if line.strip() else None
            except (ValueError, RecursionError):
                row = 0
            if isinstance(row, dict):
                yield number, row
            elif row is not None:
                problems.append(Problem(f"{path}:{number}", "not a JSON object"))
        return
    csv.field_size_limit(2**24)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        missing = [name for name in ("case_id", *LABELS) if name not in (reader.fieldnames or ())]
        if missing:
            problems.append(Problem(f"{path}:1", f"no column {', '.join(missing)}"))
            return
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        problems.append(Problem(f"{path}:{reader.line_num}", str(error)))


def _labels(row: dict[str, Any], where: str, problems: list[Problem]) -> dict[str, Any]:
    kind = str(row.get("response_type") or "").strip()
    if kind not in ids(RESPONSE_TYPES):
        problems.append(Problem(where, f"response_type {kind!r}", f"expected {', '.join(ids(RESPONSE_TYPES))}"))
    read: dict[str, Any] = {"response_type": kind}
    for name in LABELS[1:]:
        value = str(row.get(name)).strip().lower()
        if value not in _YES | _NO:
            problems.append(Problem(where, f"{name} {row.get(name)!r}", "expected true or false"))
        read[name] = value in _YES
    return read
