"""Judging by Ray Data: actors that hold a judge each, over the Parquet files of a folder, a few files at a time.

    from eval.scale.ray_data import judge_files

    judge_files("answers/", "labels/", actors=8)

Ray judges a block again whose worker dies. What a killed program had written is kept by shard: run again, it goes on
with the shards that are missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from dataset_builder.errors import InputError
from dataset_builder.storage.files import new_folder
from eval.tables.files import PARQUET_FILES
from eval.tables.judge import TableSettings, columns_of, judge_table

BATCH_ROWS: Final = 1024
# A process that reads file after file gives memory back that it needs no more: Arrow's own pool keeps it.
_READING: Final = {"env_vars": {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_TRIM_THRESHOLD_": "1000000"}}
FILES_A_SHARD: Final = 8


class JudgeActor:
    """What an actor holds: settings, and the judge that they name once it has judged."""

    def __init__(self, settings: TableSettings) -> None:
        self.settings = settings

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The rows of a batch with their labels."""
        return judge_table(batch, self.settings)


def judge_files(
    source: str | Path, out: str | Path, *, actors: int = 1, files_a_shard: int = FILES_A_SHARD, **settings: Any
) -> int:
    """Judge every row of a folder's Parquet files into ``out``; returns how many shards were judged this time.

    A shard is a folder ``shard-00000`` of ``files_a_shard`` files, which appears whole. ``settings`` are those of
    TableSettings. Raises InputError where there are no files, or columns are missing or there already.
    """
    chosen = TableSettings(**settings)

    def judged(rows: ray.data.Dataset) -> ray.data.Dataset:
        return rows.map_batches(
            JudgeActor,
            fn_constructor_args=(chosen,),
            batch_format="pyarrow",
            batch_size=BATCH_ROWS,
            concurrency=actors,
        )

    return judge_shards(source, out, chosen, files_a_shard, judged)


def judge_shards(
    source: str | Path,
    out: str | Path,
    settings: TableSettings,
    files_a_shard: int,
    judged: Callable[[ray.data.Dataset], ray.data.Dataset],
) -> int:
    """Make the shards that are missing in ``out``, ``judged`` being the rows of some files with labels; how many.

    Raises as ``judge_files`` does.
    """
    files = sorted(Path(source).glob(PARQUET_FILES))
    if not files:
        raise InputError(f"{source}: holds no Parquet files to judge.")
    columns_of(pq.read_schema(files[0]), settings)
    Path(out).mkdir(parents=True, exist_ok=True)
    made = 0
    for number, first in enumerate(range(0, len(files), files_a_shard)):
        shard = Path(out) / f"shard-{number:05}"
        if shard.exists():
            continue
        paths = [str(path) for path in files[first : first + files_a_shard]]
        rows = judged(ray.data.read_parquet(paths, ray_remote_args={"runtime_env": _READING}))
        with new_folder(shard) as unfinished:
            inside = unfinished / "rows"
            rows.write_parquet(str(inside))
            for path in inside.iterdir():
                path.rename(unfinished / path.name)
            shutil.rmtree(inside)
        made += 1
    return made
