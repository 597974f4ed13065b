"""The files of a model's results, written whole or not at all."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from eval.eval_ever import eval_ever_json, eval_ever_record
from eval.hub_results import PATH as HUB_RESULTS
from eval.hub_results import eval_results_yaml
from eval.leaderboard import LeaderboardRow
from eval.results import FILE_NAME, Results

ROW_FILE: Final = "leaderboard_row.json"
SHARED_FILE: Final = "every_eval_ever.json"


def folder_name(model: str) -> str:
    """A model's name as one that every file system takes."""
    return re.sub(r"[^\w.-]+", "_", model).strip(".") or "model"


def write_results(
    folder: Path,
    results: Results,
    row: LeaderboardRow,
    *,
    dataset_id: str | None = None,
    organization: str | None = None,
    retrieved_at: datetime | None = None,
) -> list[Path]:
    """Write a model's files into a folder and return their paths.

    ``results.json`` and the leaderboard row always; the file for the model's repository
    where the dataset's repository is known; the shared record where ``organization``, who
    evaluated, is given. ``retrieved_at`` is now unless told.
    """
    files: dict[str, bytes] = {
        FILE_NAME: results.to_json(),
        ROW_FILE: msgspec.json.format(msgspec.json.encode(row.flat()), indent=1) + b"\n",
    }
    if dataset_id or results.provenance.dataset.hub_id:
        files[HUB_RESULTS] = eval_results_yaml(results, dataset_id=dataset_id).encode()
    if organization:
        record = eval_ever_record(results, retrieved_at=retrieved_at or datetime.now(UTC), organization=organization)
        files[SHARED_FILE] = eval_ever_json(record)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(content)
        temporary.replace(path)
    return [folder / name for name in files]
