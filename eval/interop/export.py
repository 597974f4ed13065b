"""Writing a run in a form that others read, whole or not at all."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from dataset_builder.storage.files import new_file, new_folder, write_file
from dataset_builder.wording import counted
from eval.interop.eval_ever.record import eval_ever_json, eval_ever_record
from eval.interop.hub_yaml import PATH as HUB_RESULTS
from eval.interop.hub_yaml import eval_results_yaml
from eval.interop.inspect_log import SUFFIXES, need_inspect
from eval.results.answer_set import load_answers
from eval.results.row import LeaderboardRow
from eval.runs.folder import RunFolder
from eval.runs.published import is_published
from eval.scores.results import FILE_NAME, Results

INSPECT, EEE, JSONL, PARQUET = "inspect", "eee", "jsonl", "parquet"


def export_run(
    run: RunFolder,
    dataset: OpenedDataset,
    form: str,
    out: Path,
    *,
    judge: str | None = None,
    organization: str | None = None,
) -> str:
    """Write a run to a file, for ``eee`` to a folder, that is not there yet; returns what it holds, in words.

    Raises InputError where the file exists, its name does not suit the format, the extra that the
    format needs is missing, or as the formats do.
    """
    if out.exists():
        raise InputError(f"{out}: is there already. Give another --out, or remove it.")
    if run.settings.language is not None:
        raise InputError(
            f"{run.path}: its requests are translated into {run.settings.language}; no format here says so."
        )
    if form == INSPECT:
        need_inspect()
        if out.suffix not in SUFFIXES:
            raise InputError(f"{out}: the name of a log of Inspect ends in {' or '.join(SUFFIXES)}.")
    if form == EEE and not organization:
        raise InputError("--organization: the format eee names who evaluated; say who.")

    def write(path: Path) -> str:
        if form == INSPECT:
            from eval.interop.export_log import write_inspect_log

            return counted(write_inspect_log(run, dataset, path), "sample")
        from eval.interop.rows import export_rows, write_jsonl, write_rows_parquet

        writer = write_jsonl if form == JSONL else write_rows_parquet
        return f"{counted(writer(export_rows(run, dataset, judge), path), 'answer')}"

    if form == EEE:
        with new_folder(out) as folder:
            return _write_shared(run, folder, dataset, judge, str(organization))
    with new_file(out) as path:
        return write(path)


def _write_shared(run: RunFolder, folder: Path, dataset: OpenedDataset, judge: str | None, organization: str) -> str:
    from eval.interop.eval_ever.samples import instance_rows, write_datastore
    from eval.results.build import build_results
    from eval.scores.scores import compute_scores

    name = f"{dataset.name}@{dataset.revision}" if dataset.revision else dataset.name
    found = load_answers(str(run.path), judge=judge, dataset=name)
    (results,) = build_results(compute_scores(found.answers, by=()), found.provenance())
    record = eval_ever_record(_of_provider(results, run), retrieved_at=datetime.now(UTC), organization=organization)
    (answers,) = found.answers
    verdicts = run.verdicts(answers.judge, answers.rubric)
    rows = instance_rows(record, dataset.built.case_by_id, run.answers, verdicts)
    path, total = write_datastore(folder, record, rows)
    return f"{len(record['evaluation_results']):,} results and {counted(total, 'answer')} ({path.relative_to(folder)})"


def _of_provider(results: Results, run: RunFolder) -> Results:
    """Results under the name that the model has at its provider, where the run's own is that of published answers."""
    served = {answer.served_model for answer in run.answers.values()} - {None}
    if not is_published(run.settings.model) or len(served) != 1:
        return results
    provenance = results.provenance
    model = structs.replace(provenance.model, id=str(served.pop()))
    return structs.replace(results, provenance=structs.replace(provenance, model=model))


# The files of a model's results, written whole or not at all.


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
        write_file(folder / name, content)
    return [folder / name for name in files]
