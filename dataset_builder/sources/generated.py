"""A folder of generated cases: ``cases.jsonl``, one case a line, with what the gates made of each.

The order of the lines is kept. Every line that is wrong is listed with its number.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from dataset_builder import taxonomy
from dataset_builder.errors import DataError, Problem, SourceError
from dataset_builder.plain_case import PlainCase, case_fields
from dataset_builder.records import GeneratedCase, Records, plain

ORIGIN: Final = "generated"
FILE_NAME: Final = "cases.jsonl"
KEPT: Final = "kept"
MAX_BYTES: Final = 256 * 1024 * 1024


class GeneratedLine(PlainCase, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the file."""

    defeat_family: str
    # One of validate.OUTCOMES: `kept`, or what removed the case.
    outcome: str
    generator: str


def read_generated(folder: Path) -> tuple[Records, str]:
    """The cases of a folder and the hash of its file.

    Raises SourceError where there is no such file, DataError with every line that is wrong.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise SourceError(f"{path}: no such file; generated:DIR names a folder that holds {FILE_NAME}")
    if path.stat().st_size > MAX_BYTES:
        raise SourceError(f"{path}: has {path.stat().st_size:,} bytes; the limit is {MAX_BYTES:,}")
    data = path.read_bytes()
    decoder = msgspec.json.Decoder(GeneratedLine)
    generated: list[GeneratedCase] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, line in enumerate(data.split(b"\n"), start=1):
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
        fields = case_fields(row, row.defeat_family, ORIGIN)
        generated.append(GeneratedCase(**fields, outcome=row.outcome, generator=row.generator))
    if problems:
        raise DataError(str(path), problems)
    cases = [plain(row) for row in generated if row.outcome == KEPT]
    if not cases:
        raise SourceError(f"{path}: holds {len(generated)} cases and none with outcome {KEPT!r}; gate them first")
    return Records(cases=cases, generated=generated), hashlib.sha256(data).hexdigest()
