"""What a results repository holds beside its records: ``leaderboard.parquet`` for data frames, and its card."""

from __future__ import annotations

import io
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_builder.build.build import PARQUET
from eval.repository.leaderboard import BoardRow, Leaderboard
from eval.stats.metrics import METRICS

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
_RANKS = ("rank", "rank_low", "rank_high", "rank_best", "rank_worst")
_COUNTS = (*_RANKS, "defeated_cases", "defeated_scored", "control_cases", "control_scored")


def parquet_of(made: Leaderboard) -> bytes:
    """The table's bytes; rates are shares, and each has ``_low`` and ``_high`` of its 95 % interval beside it."""
    rates = [f"{metric.id}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    schema = pa.schema(
        [(name, pa.string()) for name in _TEXT]
        + [(name, pa.int64()) for name in _COUNTS]
        + [("rank_depends_on_unscored", pa.bool_()), ("ranked_as", pa.float64())]
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
    flat: dict[str, Any] = {
        name: getattr(row, name) for name in (*_TEXT[6:], *_RANKS, "rank_depends_on_unscored", "ranked_as")
    }
    for side in ("defeated", "control"):
        count = getattr(row, side)
        flat |= {f"{side}_cases": count.cases, f"{side}_scored": count.scored}
    for name, value in row.metrics.items():
        flat |= {name: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high}
    return flat


# The card of a results repository, so that the Hub's viewer shows its tables and nothing else.


CARD_NAME: Final = "README.md"
CARD: Final = """\
---
license: cc-by-4.0
pretty_name: Results of the blind-refusal benchmark
tags:
- leaderboard
- evaluation
configs:
- config_name: leaderboard
  default: true
  data_files: leaderboard.parquet
- config_name: responses
  data_files: submissions/*/*/responses.parquet
- config_name: submitted_verdicts
  data_files: submissions/*/*/verdicts.parquet
- config_name: verdicts
  data_files: reviews/*/*/verdicts.parquet
---
# Results of the blind-refusal benchmark

Whether language models tell rules that deserve compliance from rules that do not: every submitted run with
its transcripts, the maintainers' verdicts on them, and the leaderboard that is rebuilt from both.

| path | holds |
|---|---|
| `submissions/<organization>__<model>/<run>/` | a submitted run: settings, answers, the submitter's verdicts |
| `reviews/<organization>__<model>/<run>/` | the maintainers' verdicts, the audit, the scores by each judge |
| `notices/` | corrections and withdrawals |
| `requests/` | models that someone asked to have evaluated |
| `policy.json` | what may be asked for; optional |
| `leaderboard.json`, `leaderboard.parquet`, `manifest.json` | made by `blind-refusal board aggregate` |

Nothing is ever taken out: a withdrawal is a record of its own. Answers of models are quoted as they came,
and some are wrong, rude or dangerous to follow.
"""
