"""Reading a bundle's Parquet files, which a stranger may have written.

A few kilobytes can unfold to gigabytes, so sizes are looked at before anything is decoded: first of
the file, then what its footer tells of rows, columns and pages, and last the texts, which are read as
indices into a dictionary so that one long text under many rows stays one text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_builder.dataset.records import Record
from dataset_builder.dataset.tables import schema_of
from dataset_builder.errors import DataError, Problem
from eval.runs.verdict import LABELS, Verdict

# The largest bundle of the study: 1,290 rows, 5.1 MB of Parquet, 11 MB of text.
MOST_ROWS: Final = 100_000
MOST_FILE_BYTES: Final = 128 * 1024 * 1024
MOST_BYTES: Final = 512 * 1024 * 1024
_MOST_ROW_GROUPS: Final = 1_000
_THRIFT: Final = {"thrift_string_size_limit": 1 << 20, "thrift_container_size_limit": 1 << 20}
_FAULTS: Final = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, RuntimeError)


def read_rows(
    source: Path | bytes, record: type[Record], name: str, columns: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """Some columns (default: all) as Python values, in the order of the file.

    Raises DataError for a file that is too large or unfolds to too much, that is no Parquet, or whose
    columns are not those of ``record``.
    """
    table = read_table(source, record, name, columns)
    try:
        return {column: _values(table.column(column)) for column in table.column_names}
    except _FAULTS as error:
        raise _refused(name, f"cannot be read as Parquet ({_short(error)})", "write it again") from None


def read_verdicts(source: Path | bytes, name: str) -> list[Verdict]:
    """The verdicts in a file, without the judge's words; raises as ``read_rows`` does."""
    names = ["case_id", "response_hash", "judge", "rubric", *LABELS, "unscored_reason"]
    found = read_rows(source, Verdict, name, names)
    return [Verdict(**dict(zip(names, row, strict=True))) for row in zip(*(found[n] for n in names), strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The same as ``to_pylist``, which looks a dictionary's values up one by one and is ten times slower."""
    found: list[Any] = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            found += chunk.to_pylist()
            continue
        texts = chunk.dictionary.to_pylist()
        found += [None if place is None else texts[place] for place in chunk.indices.to_pylist()]
    return found


def read_table(source: Path | bytes, record: type[Record], name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The same as an Arrow table, its texts as dictionaries."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > MOST_FILE_BYTES:
        raise _refused(name, f"{size:,} bytes; at most {MOST_FILE_BYTES:,} are read", "")
    expected = schema_of(record)
    texts = [field.name for field in expected if pa.types.is_string(field.type)]
    try:
        with pq.ParquetFile(_stream(source), **_THRIFT) as file:
            _check_footer(file, expected, name)
        with pq.ParquetFile(_stream(source), read_dictionary=texts, **_THRIFT) as file:
            table = file.read(columns=None if columns is None else list(columns), use_threads=False)
        table.validate(full=True)
        _check_texts(table, name)
    except DataError:
        raise
    except _FAULTS as error:
        raise _refused(name, f"cannot be read as Parquet ({_short(error)})", "write it again") from None
    for field in table.schema:
        if not expected.field(field.name).nullable and table.column(field.name).null_count:
            raise _refused(name, f"column {field.name} has empty places", "every row needs a value there")
    return table


def _stream(source: Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source


def _check_footer(file: pq.ParquetFile, expected: pa.Schema, name: str) -> None:
    told = file.metadata
    if told.num_rows > MOST_ROWS or told.num_row_groups > _MOST_ROW_GROUPS:
        raise _refused(name, f"{told.num_rows:,} rows in {told.num_row_groups:,} groups", f"at most {MOST_ROWS:,} rows")
    unfolded = 0
    for group in range(told.num_row_groups):
        row_group = told.row_group(group)
        unfolded += sum(row_group.column(place).total_uncompressed_size for place in range(row_group.num_columns))
    if not 0 <= unfolded <= MOST_BYTES:
        raise _refused(name, f"unfolds to {unfolded:,} bytes", f"at most {MOST_BYTES:,} are read")
    found = {field.name: _plain(field.type) for field in file.schema_arrow}
    problems = []
    if len(found) != len(file.schema_arrow):
        problems.append(Problem(name, "two columns of one name"))
    for field in expected:
        if field.name not in found:
            problems.append(Problem(name, f"column {field.name!r} is missing", f"of type {field.type}"))
        elif found[field.name] != field.type:
            problems.append(Problem(name, f"column {field.name!r} is of type {found[field.name]}, not {field.type}"))
    strange = sorted(set(found) - set(expected.names))
    problems += [Problem(name, f"unknown column {_short(column)!r}", "leave it out") for column in strange]
    if problems:
        raise DataError("A table has other columns than a bundle's", problems)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_texts(table: pa.Table, name: str) -> None:
    total = 0
    for column in table.columns:
        for chunk in column.chunks:
            if pa.types.is_dictionary(chunk.type):
                lengths = pc.binary_length(chunk.dictionary)
                total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
            else:
                total += chunk.nbytes
    if total > MOST_BYTES:
        raise _refused(name, f"holds {total:,} bytes of text", f"at most {MOST_BYTES:,} are read")


def _refused(name: str, what: str, hint: str) -> DataError:
    return DataError("A table cannot be read", [Problem(name, what, hint)])


def _short(value: object) -> str:
    line = " ".join(str(value).split())
    return "".join(c if c.isprintable() else "?" for c in line[:200])
