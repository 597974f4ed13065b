"""A run as rows of the dataset's config ``responses``: an answer and one judge's verdict on it a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from dataset_builder.build.build import write_parquet
from dataset_builder.dataset.opened import OpenedDataset, check_same_cases
from dataset_builder.dataset.records import Response
from dataset_builder.dataset.tables import table_of
from dataset_builder.dataset.taxonomy import TRUNCATED
from dataset_builder.errors import InputError
from eval.runs.folder import RunFolder
from eval.runs.settings import PROTOCOL_TEMPERATURE
from eval.runs.verdict import NOT_JUDGED, Verdict


def export_rows(run: RunFolder, dataset: OpenedDataset, judge: str | None = None) -> Iterator[Response]:
    """A row for each answer of a run, by case id; without verdicts where nobody judged it.

    Raises InputError where several judges did and ``judge`` names none of them, or the dataset
    holds other cases than the run's.
    """
    check_same_cases(dataset, run.settings.content_hash, f"The run {run.path}")
    verdicts = _verdicts(run, judge)
    cases, settings = dataset.built.case_by_id, run.settings
    for response in sorted(run.responses(), key=lambda one: one.case_id):
        case, verdict = cases[response.case_id], verdicts.get(response.case_id)
        reason = None if response.ok else response.status
        if reason is None:
            reason = NOT_JUDGED if verdict is None else verdict.unscored_reason
        yield Response(
            case_id=case.case_id,
            model=settings.model,
            model_id=response.served_model or settings.model,
            defeat_family=case.defeat_family,
            defeat_subtype=case.defeat_subtype,
            authority_type=case.authority_type,
            authority_group=case.authority_group,
            dual_use=case.dual_use,
            status=response.status,
            response=response.response if response.ok else None,
            response_hash=response.response_hash if response.ok else None,
            hit_token_cap=response.status == TRUNCATED,
            response_type=verdict.response_type if verdict else None,
            engages_with_defeat=verdict.engages_with_defeat if verdict else None,
            independent_harm=verdict.independent_harm if verdict else None,
            unscored_reason=reason,
            verdict_reasoning=verdict.reasoning if verdict else None,
            judge=verdict.judge if verdict else None,
            # A count is the provider's; where it gave none, ours is for the money alone.
            prompt_tokens=None if response.usage.estimated else response.usage.prompt_tokens,
            completion_tokens=None if response.usage.estimated else response.usage.completion_tokens,
            reasoning_tokens=response.usage.reasoning_tokens,
            cached_tokens=response.usage.cached_tokens,
            # The column takes no null; run.json says where the server chose.
            temperature=PROTOCOL_TEMPERATURE if settings.temperature is None else settings.temperature,
            max_tokens=settings.max_tokens,
            collected_at=response.collected_at,
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
    found = list(run.verdicts(judge))
    who = sorted({(one.judge, one.rubric) for one in found})
    if judge is not None and not who:
        known = ", ".join(sorted({one.judge for one in run.verdicts()})) or "nobody"
        raise InputError(f"{run.path}: {judge!r} has not judged this run; {known} has.")
    if len(who) > 1:
        listed = ", ".join(f"{name} (rubric {rubric})" for name, rubric in who)
        raise InputError(f"{run.path}: judged by {listed}. A row holds one verdict: name the judge with --judge.")
    return {one.case_id: one for one in found}
