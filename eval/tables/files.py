"""Files of requests and answers, whatever form they have, as tables of a few thousand rows each."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.errors import InputError
from dataset_builder.hub.naming import SCHEME
from dataset_builder.storage.foreign import BOM, is_pointer, refuse_pointer
from dataset_builder.storage.sheets import JSON_LINES, read_sheet
from eval.interop.answers.files import is_inspect_log
from eval.tables.columns import NAMES

PARQUET, JSONL, CSV = ".parquet", ".jsonl", ".csv"
# Those of a folder that an engine is to read.
PARQUET_FILES: Final = f"**/*{PARQUET}"
# What is judged, and written, at a time: what a kill can cost.
SHARD_ROWS: Final = 4096
_SUFFIXES: Final = (PARQUET, *JSON_LINES, ".json", CSV, ".tsv", ".eval")
_MAGIC: Final = b"PAR1"
# By these the separator of a sheet is told, and of these columns not a blank is trimmed.
_NAMES: Final = frozenset(name for names in NAMES.values() for name in names)
_SHEETS: Final = (CSV, ".tsv", ".tab")
# What a cell raises that Python has no value for: bytes that are no UTF-8, days and times out of range.
_NO_VALUE: Final = (ValueError, OverflowError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class Shard:
    """Some rows of a file: the first one's number, counted from 1, the rows, and where others could not be read.

    ``damaged`` has the row's place in the file ("answers.jsonl:17") by its place in the table, whose cells are empty
    there. ``objects`` are the rows as JSON objects, where that is what the file holds.
    """

    first: int
    table: pa.Table
    damaged: Mapping[int, str]
    objects: Sequence[Mapping[str, Any]] | None = None


def find_files(names: Sequence[str]) -> list[Path]:
    """The files that are meant: a file, all files of a folder that hold rows, or those of a dataset on the Hub.

    ``hf://datasets/NAMESPACE/NAME[@REVISION][/PATTERN]`` is downloaded into the cache of huggingface_hub. Raises
    InputError where there is nothing, RemoteError where the Hub cannot give it.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if name.startswith(SCHEME):
            found += _of_hub(name)
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in _SUFFIXES)
            if not inside:
                raise InputError(f"{path}: holds no file of rows; expected {', '.join(_SUFFIXES)}.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(
                f"{path}: no such file or folder. A dataset on the Hub is named hf://datasets/NAMESPACE/NAME."
            )
    return list(dict.fromkeys(found))


def kind_of(path: Path) -> str:
    """How a file's rows are kept: PARQUET, JSONL or CSV; a log of Inspect and a JSON list count as JSONL.

    Raises InputError for a pointer of Git LFS, and for what cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    refuse_pointer(path)
    if start.startswith(_MAGIC):
        return PARQUET
    if path.suffix.lower() in _SHEETS:
        return CSV
    if path.suffix.lower() in (*JSON_LINES, ".json", ".eval"):
        return JSONL
    return JSONL if start.removeprefix(BOM).lstrip()[:1] in (b"{", b"[") else CSV


def count_rows(path: Path) -> int:
    """How many rows a file holds: what a Parquet file says, or how many lines hold something."""
    if kind_of(path) == PARQUET:
        return int(_opened(path).metadata.num_rows)
    if path.suffix.lower() in JSON_LINES:
        with path.open("rb") as file:
            return sum(not line.isspace() for line in file)
    return sum(shard.table.num_rows for shard in read_shards(path))


def read_shards(path: Path, size: int = SHARD_ROWS) -> Iterator[Shard]:
    """The rows of a file, in order, ``size`` at a time.

    Raises InputError where it cannot be read, DataError where the rows of a sheet are damaged.
    """
    kind = kind_of(path)
    if kind == PARQUET:
        yield from _parquet(path, size)
    elif path.suffix.lower() == ".eval" or (path.suffix.lower() == ".json" and is_inspect_log(path)):
        yield from _from_objects(_inspect_rows(path), size)
    elif kind == CSV or path.suffix.lower() == ".json":
        yield from _from_objects(
            ((dict(row.values), None) for row in read_sheet(path, (), exact=_NAMES, likely=_NAMES)), size
        )
    else:
        yield from _from_objects(_lines(path), size)


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}).") from None


def _parquet(path: Path, size: int) -> Iterator[Shard]:
    file, first = _opened(path), 1
    try:
        for batch in file.iter_batches(size):
            yield Shard(first, pa.Table.from_batches([batch]), {})
            first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read from row {first:,} on ({error}). What came before is kept.") from None


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Each line's object, or an empty one with the place of a line that holds none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
            if is_pointer(text):
                raise InputError(f"{path}: is a Git LFS pointer and not the file itself.")
            if not text:
                continue
            try:
                row = json.loads(text.decode("utf-8"))
            except (ValueError, RecursionError):
                row = None
            yield (row, None) if isinstance(row, dict) else ({}, f"{path}:{number}")


def _from_objects(rows: Iterator[tuple[dict[str, Any], str | None]], size: int) -> Iterator[Shard]:
    first = 1
    while True:
        objects: list[dict[str, Any]] = []
        damaged: dict[int, str] = {}
        for row, where in rows:
            if where is not None:
                damaged[len(objects)] = where
            objects.append(row)
            if len(objects) == size:
                break
        if not objects:
            return
        yield Shard(first, as_table(objects), damaged, objects)
        first += len(objects)


def as_table(objects: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Objects as a table of texts: what is no text is written as JSON, so that the rows of all shards fit together."""
    names = list(dict.fromkeys(name for row in objects for name in row))
    return pa.table({name: pa.array([_cell(row.get(name)) for row in objects], pa.string()) for name in names})


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # Half of a surrogate pair is no UTF-8.
    return text.encode("utf-8", "replace").decode()


def values_of(table: pa.Table) -> list[dict[str, Any] | None]:
    """The rows of a table as values; None where a cell cannot be read, such as bytes that are no UTF-8."""
    try:
        return list(table.to_pylist())
    except _NO_VALUE:
        return [_values(table.slice(at, 1)) for at in range(table.num_rows)]


def readable(table: pa.Table) -> pa.Table:
    """The same table where all of it can be read; else columns with a cell that cannot are texts, as far as it goes."""
    for at, name in enumerate(table.column_names):
        try:
            table.column(at).to_pylist()
        except _NO_VALUE:
            table = table.set_column(at, name, pa.array(map(_told, table.column(at)), pa.string()))
    return table


def _values(row: pa.Table) -> dict[str, Any] | None:
    try:
        (found,) = row.to_pylist()
    except _NO_VALUE:
        return None
    return dict(found)


def _told(cell: pa.Scalar) -> str | None:
    try:
        value = cell.as_py()
        return value if value is None or isinstance(value, str) else str(value)
    except _NO_VALUE:
        is_text = isinstance(cell, pa.StringScalar | pa.LargeStringScalar | pa.StringViewScalar)
        return cell.as_buffer().to_pybytes().decode("utf-8", "replace") if is_text else None


def _inspect_rows(path: Path) -> Iterator[tuple[dict[str, Any], str | None]]:
    from eval.interop.inspect_log import read_log

    for sample in read_log(path).samples or ():
        asked = [{"role": "user", "content": sample.input}] if isinstance(sample.input, str) else sample.input
        said = [_turn(message) for message in sample.messages] or [
            *(turn if isinstance(turn, dict) else _turn(turn) for turn in asked),
            {"role": "assistant", "content": sample.output.completion},
        ]
        yield {"sample": str(sample.id), "epoch": sample.epoch, "messages": said}, None


def _turn(message: Any) -> dict[str, Any]:
    content = message.content
    if isinstance(content, list):
        content = [
            {"type": part.type, "text": getattr(part, "text", getattr(part, "reasoning", ""))} for part in content
        ]
    calls = [{"type": "function"} for _ in getattr(message, "tool_calls", None) or ()]
    return {"role": message.role, "content": content, **({"tool_calls": calls} if calls else {})}


def _of_hub(name: str) -> list[Path]:
    from dataset_builder.hub.client import MAIN, Hub

    parts = name.removeprefix(SCHEME).removeprefix("datasets/").split("/", 2)
    if len(parts) < 2:
        raise InputError(f"{name}: names no dataset; expected hf://datasets/NAMESPACE/NAME[@REVISION][/PATTERN].")
    repo, _, revision = f"{parts[0]}/{parts[1]}".partition("@")
    hub = Hub()
    wanted = parts[2] if len(parts) > 2 else "*"
    listed = hub.list_files(repo, "dataset", revision or MAIN)
    chosen = [
        path
        for path in sorted(listed)
        if fnmatch.fnmatch(path, wanted) and Path(path).suffix.lower() in _SUFFIXES and not path.startswith(".")
    ]
    if not chosen:
        raise InputError(f"{name}: no file of rows there by that name; expected {', '.join(_SUFFIXES)}.")
    folder, _ = hub.download_snapshot(repo, "dataset", revision or MAIN, chosen)
    return [folder / path for path in chosen]
