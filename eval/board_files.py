"""``leaderboard.parquet``: the rows of all boards as one table, for those who work with data frames."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.build import PARQUET
from eval.leaderboard_schema import BoardRow, Leaderboard
from eval.metrics import METRICS

_TEXT = (
    "board",
    "judge",
    "rubric",
    "dataset",
    "origin",
    "sample",
    "model",
    "model_id",
    "organization",
    "family",
    "weights",
    "kind",
    "run_id",
    "collected_at",
    "status",
    "bundle",
)
_COUNTS = ("rank", "rank_low", "rank_high", "defeated_cases", "defeated_scored", "control_cases", "control_scored")


def parquet_of(made: Leaderboard) -> bytes:
    """The table's bytes; rates are shares, and each has ``_low`` and ``_high`` of its 95 % interval beside it."""
    rates = [f"{metric.id}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    schema = pa.schema(
        [(name, pa.string()) for name in _TEXT]
        + [(name, pa.int64()) for name in _COUNTS]
        + [(name, pa.float64()) for name in rates]
    )
    rows = []
    for board in made.boards:
        common = {name: getattr(board, name) for name in ("judge", "rubric", "dataset", "origin", "sample")}
        rows += [{"board": board.id, **common, **_flat(row)} for row in board.rows]
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), stream, **PARQUET)
    return stream.getvalue()


def _flat(row: BoardRow) -> dict[str, Any]:
    flat: dict[str, Any] = {name: getattr(row, name) for name in (*_TEXT[6:], *_COUNTS[:3])}
    for side in ("defeated", "control"):
        count = getattr(row, side)
        flat |= {f"{side}_cases": count.cases, f"{side}_scored": count.scored}
    for name, value in row.metrics.items():
        flat |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
    return flat
