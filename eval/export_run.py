"""Writing a run in a form that others read, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dataset_builder.errors import InputError
from eval.answer_set import load_answers
from eval.dataset import OpenedDataset
from eval.inspect_log import SUFFIXES, need_inspect
from eval.run_folder import RunFolder

INSPECT, EEE, JSONL, PARQUET = "inspect", "eee", "jsonl", "parquet"
FORMATS: Final = (INSPECT, EEE, JSONL, PARQUET)


def export_run(
    run: RunFolder,
    dataset: OpenedDataset,
    form: str,
    out: Path,
    *,
    judge: str | None = None,
    organization: str | None = None,
) -> str:
    """Write a run to a file that is not there yet; returns what it holds, in words.

    Raises InputError where the file exists, its name does not suit the format, the extra that the
    format needs is missing, or as the formats do.
    """
    if out.exists():
        raise InputError(f"{out}: is there already. Give another --out, or remove it.")
    if form == INSPECT:
        need_inspect()
        if out.suffix not in SUFFIXES:
            raise InputError(f"{out}: the name of a log of Inspect ends in {' or '.join(SUFFIXES)}.")
    if form == EEE and not organization:
        raise InputError("--organization: the format eee names who evaluated; say who.")

    def write(path: Path) -> str:
        if form == INSPECT:
            from eval.export_inspect import write_inspect_log

            return f"{write_inspect_log(run, dataset, path):,} samples"
        if form == EEE:
            return _write_shared(run, path, dataset, judge, str(organization))
        from eval.export_rows import export_rows, write_jsonl, write_rows_parquet

        writer = write_jsonl if form == JSONL else write_rows_parquet
        return f"{writer(export_rows(run, dataset, judge), path):,} answers"

    return _whole(out, write)


def _write_shared(run: RunFolder, path: Path, dataset: OpenedDataset, judge: str | None, organization: str) -> str:
    from eval.eval_ever import eval_ever_json, eval_ever_record
    from eval.results_builder import build_results
    from eval.scores import compute_scores

    name = f"{dataset.name}@{dataset.revision}" if dataset.revision else dataset.name
    found = load_answers(str(run.path), judge=judge, dataset=name)
    (results,) = build_results(compute_scores(found.answers, by=()), found.provenance())
    record = eval_ever_record(results, retrieved_at=datetime.now(UTC), organization=organization)
    path.write_bytes(eval_ever_json(record))
    return f"{len(record['evaluation_results']):,} results"


def _whole(out: Path, write: Callable[[Path], str]) -> str:
    out.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays: Inspect goes by it.
    temporary = out.with_name(f".{out.stem}.{os.getpid()}{out.suffix}")
    try:
        told = write(temporary)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return told
