"""Writing a file's rows with their labels: as Parquet, JSON lines or CSV, a part at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.storage.sheets import cell
from eval.tables.files import CSV, JSONL, PARQUET, Shard, readable
from eval.tables.judge import ADDED

FORMATS: Final = (PARQUET, JSONL, CSV)
Part = tuple[Shard, pa.Table]


def write_rows(path: Path, form: str, parts: Iterable[Part], names: list[str], prefix: str) -> None:
    """Write parts to ``path`` in one of FORMATS: each shard with the labels of its rows.

    ``names`` are the columns of all shards, as rows of JSON may lack some.
    """
    {PARQUET: _parquet, JSONL: _json_lines, CSV: _csv}[form](path, parts, names, prefix)


def _whole(shard: Shard, labels: pa.Table, names: list[str], prefix: str) -> pa.Table:
    table = shard.table
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    table = table.select(names)
    for name in ADDED.names:
        table = table.append_column(prefix + name, labels[name])
    return table


def _parquet(path: Path, parts: Iterable[Part], names: list[str], prefix: str) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for shard, labels in parts:
            table = _whole(shard, labels, names, prefix)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _rows(shard: Shard, labels: pa.Table, prefix: str) -> Iterator[dict[str, Any]]:
    objects = readable(shard.table).to_pylist() if shard.objects is None else shard.objects
    for row, given in zip(objects, labels.to_pylist(), strict=True):
        yield {**row, **{prefix + name: value for name, value in given.items()}}


def _json_lines(path: Path, parts: Iterable[Part], names: list[str], prefix: str) -> None:
    # Bytes that were no UTF-8 came as halves of surrogate pairs at most, which JSON writes as escapes.
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for shard, labels in parts:
            for row in _rows(shard, labels, prefix):
                text = json.dumps(row, ensure_ascii=False, default=str)
                if not text.isascii():
                    text = text.encode("utf-8", "backslashreplace").decode()
                file.write(text + "\n")


def _csv(path: Path, parts: Iterable[Part], names: list[str], prefix: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([cell(name) for name in [*names, *(prefix + name for name in ADDED.names)]])
        for shard, labels in parts:
            for row in readable(_whole(shard, labels, names, prefix)).to_pylist():
                writer.writerow([_text(value) for value in row.values()])


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell(json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value)
