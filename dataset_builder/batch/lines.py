"""A folder of generated cases: ``cases.jsonl``, one case a line, with what became of each.

The order of the lines is kept. Every line that is wrong is listed with its number. Beside it may lie
``gates.jsonl``, what the gates said, and ``case_reviews.jsonl``, what people said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder.batch.gate_records import GateRecord, gate_verdicts
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.plain_case import PlainCase, case_fields
from dataset_builder.dataset.records import CaseReview, GeneratedCase, Records, plain
from dataset_builder.dataset.validate import KEPT, UNGATED
from dataset_builder.errors import DataError, Problem, SourceError
from dataset_builder.storage.foreign import refuse_pointer
from dataset_builder.storage.record_file import RecordFile
from dataset_builder.wording import counted

ORIGIN: Final = "generated"
FILE_NAME: Final = "cases.jsonl"
GATES_NAME: Final = "gates.jsonl"
REVIEWS_NAME: Final = "case_reviews.jsonl"
MAX_BYTES: Final = 256 * 1024 * 1024


class GeneratedLine(PlainCase, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the file. Only the first three are needed beside the case itself."""

    defeat_family: str
    # One of validate.OUTCOMES: `kept`, or what removed the case.
    outcome: str
    generator: str
    batch: str | None = None
    faults: list[str] = msgspec.field(default_factory=list)
    prompt: str | None = None
    plot: str | None = None
    temperature: float | None = None
    generated_at: str | None = None


_OWN: Final = ("outcome", "generator", "batch", "faults", "prompt", "plot", "temperature", "generated_at")


def read_lines(folder: Path) -> list[GeneratedLine]:
    """The lines of a folder.

    Raises SourceError where there is no such file, DataError with every line that is wrong.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise SourceError(f"{path}: no such file; generated:DIR names a folder that holds {FILE_NAME}")
    if path.stat().st_size > MAX_BYTES:
        raise SourceError(f"{path}: has {path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}")
    refuse_pointer(path)
    decoder = msgspec.json.Decoder(GeneratedLine)
    lines: list[GeneratedLine] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{FILE_NAME} line {number}"
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            problems.append(Problem(where, str(error)))
            continue
        if row.authority_type not in taxonomy.AUTHORITY_BY_ID:
            known = ", ".join(taxonomy.AUTHORITY_BY_ID)
            problems.append(Problem(where, f"unknown authority_type {row.authority_type!r}", f"known: {known}"))
            continue
        if row.case_id in seen:
            problems.append(Problem(where, f"case {row.case_id!r} occurs twice"))
        seen.add(row.case_id)
        lines.append(row)
    if problems:
        raise DataError(str(path), problems)
    return lines


def case_of_line(row: GeneratedLine) -> GeneratedCase:
    """The record of a line."""
    return GeneratedCase(**case_fields(row, row.defeat_family, ORIGIN), **{name: getattr(row, name) for name in _OWN})


def read_generated(folder: Path) -> tuple[Records, str]:
    """The cases of a folder with what gates and people said of them, and the hash of its files.

    Raises SourceError where there is no such file or no case in it was kept, DataError with every line
    that is wrong.
    """
    generated = [case_of_line(row) for row in read_lines(folder)]
    cases = [plain(row) for row in generated if row.outcome == KEPT]
    if not cases:
        waiting = sum(row.outcome == UNGATED for row in generated)
        raise SourceError(
            f"{folder / FILE_NAME}: holds {counted(len(generated), 'case')} and none with outcome {KEPT!r}"
            f"{f' ({waiting} wait for the gates)' if waiting else ''}; gate them first"
        )
    known = {row.case_id for row in generated}
    records = Records(
        cases=cases,
        generated=generated,
        gates=gate_verdicts(g for g in RecordFile(folder / GATES_NAME, GateRecord) if g.case_id in known),
        case_reviews=newest_reviews(r for r in RecordFile(folder / REVIEWS_NAME, CaseReview) if r.case_id in known),
    )
    return records, _hash(folder)


def newest_reviews(reviews: Iterable[CaseReview]) -> list[CaseReview]:
    """Each reviewer's last word on each case, by case and reviewer."""
    newest = {(r.case_id, r.reviewer): r for r in reviews}
    return [newest[key] for key in sorted(newest)]


def _hash(folder: Path) -> str:
    """SHA-256 of the cases, or of all three files where the others are there."""
    cases = (folder / FILE_NAME).read_bytes()
    rest = [(name, folder / name) for name in (GATES_NAME, REVIEWS_NAME) if (folder / name).is_file()]
    if not rest:
        return hashlib.sha256(cases).hexdigest()
    digest = hashlib.sha256(hashlib.sha256(cases).digest())
    for name, path in rest:
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
