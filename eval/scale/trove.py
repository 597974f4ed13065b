"""Judging in a datatrove pipeline, which its executors run on one machine, on Slurm, on Ray, or as Jobs of the Hub.

    from datatrove.executor import LocalPipelineExecutor
    from eval.scale.trove import judging_steps

    LocalPipelineExecutor(judging_steps("answers/", "labels/"), tasks=100, workers=8, logging_dir="logs/").run()

A task reads whole files, so there should be more files than tasks. A task that was killed begins its files again when
the same program is run again; those that had ended are left out by datatrove itself (``logging_dir``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document, DocumentsPipeline
from datatrove.io import get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

from dataset_builder.errors import InputError
from eval.tables.files import PARQUET_FILES
from eval.tables.judge import ADDED, TableSettings, columns_of, judge_table, judged_schema

BATCH_ROWS: Final = 1024
# datatrove leaves out documents without a text, and a row without an answer is a row all the same.
_TEXT: Final = " "


def judging_steps(source: str, out: str, **settings: Any) -> list[PipelineStep]:
    """The steps that read the Parquet files of a folder, judge each row, and write the rows with their labels.

    The folders may be anything that fsspec opens (``s3://…``, ``hf://…``). ``settings`` are those of TableSettings.
    Raises InputError where there are no files, or columns are missing or there already.
    """
    chosen = TableSettings(**settings)
    folder = get_datafolder(source)
    files = folder.list_files(glob_pattern=PARQUET_FILES, recursive=True)
    if not files:
        raise InputError(f"{source}: holds no Parquet files to judge.")
    with folder.open(files[0], "rb") as file:
        schema = pq.read_schema(file)
    columns_of(schema, chosen)
    return [
        ParquetReader(source, glob_pattern=PARQUET_FILES, adapter=_whole_row),
        JudgeStep(schema, chosen),
        ParquetWriter(out, adapter=_only_row, schema=judged_schema(schema, chosen.prefix), compression="zstd"),
    ]


class JudgeStep(PipelineStep):
    """Labels for documents whose metadata are the rows of a table of that schema; they go into the metadata."""

    name = "Judge"
    type = "blind-refusal"

    def __init__(self, schema: pa.Schema, settings: TableSettings) -> None:
        super().__init__()
        self.schema, self.settings = schema, settings

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The same documents in the same order."""
        every = iter(data or ())
        while documents := list(islice(every, BATCH_ROWS)):
            with self.track_time("batch"):
                table = pa.Table.from_pylist([document.metadata for document in documents], schema=self.schema)
                labels = _labels(table, self.settings)
            for document, row in zip(documents, labels.to_pylist(), strict=True):
                document.metadata |= row
                self.stat_update(row[self.settings.prefix + "response_type"] or "unscored")
                yield document


def _labels(table: pa.Table, settings: TableSettings) -> pa.Table:
    return judge_table(table, settings).select([settings.prefix + name for name in ADDED.names])


def _whole_row(self: Any, data: dict[str, Any], path: str, id_in_file: int | str) -> dict[str, Any]:
    return {"text": _TEXT, "id": f"{path}/{id_in_file}", "metadata": data}


def _only_row(self: Any, document: Document) -> dict[str, Any]:
    row: dict[str, Any] = document.metadata
    return row
