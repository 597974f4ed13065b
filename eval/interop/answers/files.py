"""Opening a file of answers: its rows, whatever holds them, and which program's form they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import refuse_pointer
from dataset_builder.storage.sheets import MOST_BYTES, Row, read_sheet
from eval.interop.answers.table import ANSWER, CASE, EXACT
from eval.runs.other_forms import TAKEN_IN, form_of

TABLE: Final = "table"
HARNESS: Final = "lm-eval"
OPENAI: Final = "openai-batch"
ANTHROPIC: Final = "anthropic-batch"
INSPECT: Final = "inspect"
FORMS: Final = (TABLE, HARNESS, OPENAI, ANTHROPIC, INSPECT)

# Columns that tell a form; the first that fits a file's first row is taken.
_TELLING: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (HARNESS, frozenset(["doc", "resps"])),
    (HARNESS, frozenset(["doc", "filtered_resps"])),
    (ANTHROPIC, frozenset(["custom_id", "result"])),
    (OPENAI, frozenset(["custom_id", "response"])),
    (OPENAI, frozenset(["custom_id", "error"])),
    (TABLE, frozenset([CASE, ANSWER])),
)
_NEEDED: Final = {
    TABLE: (CASE, ANSWER),
    HARNESS: ("doc", "resps"),
    # A file of errors alone has no response.
    OPENAI: ("custom_id",),
    ANTHROPIC: ("custom_id", "result"),
}
_PARQUET: Final = b"PAR1"
_HINT: Final = (
    f"expected a table with the columns {CASE} and {ANSWER}, samples of lm-evaluation-harness (--log_samples), or the "
    "output of an OpenAI or Anthropic batch"
)


def is_inspect_log(path: Path) -> bool:
    """Whether a file is, by its name or its beginning, a log of Inspect."""
    if path.suffix == ".eval":
        return True
    with path.open("rb") as file:
        start = b"".join(file.read(400).split())
    return path.suffix == ".json" and start.startswith(b'{"version":') and b'"status":' in start and b'"eval":' in start


def check_file(path: Path) -> None:
    """Raise InputError where a path is no file, or one that no answers are read from, such as a batch's requests."""
    if not path.is_file():
        what = "a folder, and a file was expected" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}.")
    refuse_pointer(path)
    form = form_of(path)
    if form is not None and form not in TAKEN_IN:
        raise InputError(f"{path}: {form}, which holds no answers to import; {_HINT}.")


def read_rows(path: Path, form: str | None) -> tuple[str, list[Row]]:
    """The form of a file's rows, as ``form`` says or as they tell, and the rows.

    Raises InputError where the file cannot be read or holds no rows, DataError where a form's columns are missing.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET)) == _PARQUET
    rows = _parquet_rows(path) if is_parquet else read_sheet(path, (CASE, ANSWER), exact=EXACT)
    if not rows:
        raise InputError(f"{path}: holds no rows, so there is nothing to import.")
    columns = frozenset(name for row in rows for name in row.values)
    told = form or next((name for name, telling in _TELLING if telling <= columns), None)
    missing = [name for name in _NEEDED[told or TABLE] if name not in columns]
    if told is None or missing:
        what = f"no column {', '.join(missing)}" if missing else "in no form that is known"
        shown = ", ".join(sorted(columns))[:200]
        raise DataError(f"{path} cannot be read as answers", [Problem(str(path), f"{what}; there are {shown}", _HINT)])
    return told, rows


def _parquet_rows(path: Path) -> list[Row]:
    """The rows of a Parquet file, numbered from 1."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes; a table of at most {MOST_BYTES:,} is read.")
    try:
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}).") from None
    plain = [{str(name).strip().casefold(): value for name, value in row.items()} for row in found]
    return [Row(number, row, f"{path}: row {number}") for number, row in enumerate(plain, 1)]
