"""A run as rows of the dataset's config ``responses``: an answer and one judge's verdict on it a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from dataset_builder.build.build import write_parquet
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Response, fields_for
from dataset_builder.dataset.tables import table_of
from dataset_builder.dataset.taxonomy import TRUNCATED
from dataset_builder.errors import InputError
from eval.runs.folder import RunFolder
from eval.runs.run import PROTOCOL_TEMPERATURE
from eval.runs.verdict import NOT_JUDGED, Verdict


def export_rows(run: RunFolder, dataset: OpenedDataset, judge: str | None = None) -> Iterator[Response]:
    """A row for each answer of a run, by case id; without verdicts where nobody judged it.

    Raises InputError where several judges did and ``judge`` names none of them, or the dataset
    holds other cases than the run's.
    """
    run.check_dataset(dataset)
    verdicts = _verdicts(run, judge)
    cases, settings = dataset.built.case_by_id, run.settings
    for case_id, answer in sorted(run.answers.items()):
        verdict = verdicts.get(case_id) or Verdict(
            case_id=case_id, response_hash="", judge="", rubric="", unscored_reason=NOT_JUDGED
        )
        yield Response(
            **fields_for(Response, cases[case_id], settings, verdict, answer)
            | {
                "model_id": answer.served_model or settings.model,
                "hit_token_cap": answer.status == TRUNCATED,
                "unscored_reason": verdict.unscored_reason if answer.ok else answer.status,
                "verdict_reasoning": verdict.reasoning,
                "judge": verdict.judge or None,
                # The columns take no null; run.json says where the server chose.
                "temperature": PROTOCOL_TEMPERATURE if settings.temperature is None else settings.temperature,
                "max_tokens": settings.max_tokens or 0,
            }
            | ({} if answer.ok else {"response": None, "response_hash": None})
            # A count is the provider's; where it gave none, ours is for the money alone.
            | ({"prompt_tokens": None, "completion_tokens": None} if answer.tokens_estimated else {})
        )


def write_jsonl(rows: Iterator[Response], path: Path) -> int:
    """A JSON object a line; returns how many."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
            count += 1
    return count


def write_rows_parquet(rows: Iterator[Response], path: Path) -> int:
    """A Parquet file with the schema of ``responses``; returns how many rows."""
    table = table_of(Response, list(rows))
    write_parquet(table, path)
    return int(table.num_rows)


def _verdicts(run: RunFolder, judge: str | None) -> dict[str, Verdict]:
    found = run.verdicts(judge)
    who = sorted({(one.judge, one.rubric) for one in found})
    if judge is not None and not who:
        known = ", ".join(sorted({one.judge for one in run.verdicts()})) or "nobody"
        raise InputError(f"{run.path}: {judge!r} has not judged this run; {known} has.")
    if len(who) > 1:
        listed = ", ".join(f"{name} (rubric {rubric})" for name, rubric in who)
        raise InputError(f"{run.path}: judged by {listed}. A row holds one verdict: name the judge with --judge.")
    return {one.case_id: one for one in found}
