"""Answers that came with the dataset, as a run: for judging them anew, with no model asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dataset_builder import __version__
from dataset_builder.dataset.opened import RESPONSES, OpenedDataset, locate_dataset, published_models
from dataset_builder.dataset.records import Case, Response
from dataset_builder.dataset.sample import draw, parse_sample
from dataset_builder.dataset.tables import split_of_model
from dataset_builder.errors import InputError
from dataset_builder.models.answer import Usage
from eval.runs.collect import now
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions, usual_folder
from eval.runs.response import RunResponse
from eval.runs.settings import RunSettings
from eval.runs.verdict import hash_text

PREFIX: Final = "published/"


def is_published(model: str) -> bool:
    """Whether a model's name asks for answers that the dataset holds."""
    return model.startswith(PREFIX)


def copy_published(options: RunOptions) -> RunFolder:
    """A run of the published answers of ``published/SLUG``; what it has already is not copied again.

    Raises InputError where the dataset holds no answers of that model.
    """
    dataset = locate_dataset(options.dataset)
    sample = parse_sample(options.sample, options.limit)
    cases = draw(dataset.built.cases(), sample, options.sample_seed, lambda case: case.cell)
    slug = options.choice.model.removeprefix(PREFIX)
    return copy_answers(dataset, slug, cases, sample=sample, seed=options.sample_seed, out=options.out)


def copy_answers(
    dataset: OpenedDataset, slug: str, cases: Sequence[Case], *, sample: str, seed: int, out: Path | None
) -> RunFolder:
    """A run of one model's published answers to some cases; ``sample`` and ``seed`` say how these were drawn.

    Raises InputError where the dataset holds no answers of that model.
    """
    rows = _rows(dataset, slug)
    settings = RunSettings(
        dataset=dataset.name,
        revision=dataset.revision,
        content_hash=dataset.built.cases_hash,
        sample=sample,
        sample_seed=seed,
        case_ids=tuple(case.case_id for case in cases),
        model=f"{PREFIX}{slug}",
        endpoint="published with the dataset",
        temperature=rows[0].temperature,
        max_tokens=rows[0].max_tokens,
        package_version=__version__,
    )
    run = RunFolder.create(out or usual_folder(settings), settings, now())
    queries = {case.case_id: case.user_query for case in cases}
    with run.writing():
        there = run.statuses()
        for row in rows:
            if row.case_id in queries and row.case_id not in there:
                run.append_response(_response(row, queries[row.case_id]))
    return run


def _rows(dataset: OpenedDataset, slug: str) -> list[Response]:
    split = split_of_model(slug)
    known = dataset.built.splits(RESPONSES)
    if split not in known:
        models = ", ".join(published_models(dataset.built)) or "none at all"
        raise InputError(f"{dataset.name}: holds no answers of {slug!r}; it holds those of {models}.")
    return [Response(**row) for row in dataset.built.table(RESPONSES, split).to_pylist()]


def _response(row: Response, query: str) -> RunResponse:
    return RunResponse(
        case_id=row.case_id,
        query_hash=hash_text(query),
        status=row.status,
        response=row.response,
        response_hash=row.response_hash or hash_text(""),
        served_model=row.model_id,
        usage=Usage(
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            reasoning_tokens=row.reasoning_tokens,
            cached_tokens=row.cached_tokens,
        ),
        collected_at=row.collected_at or now(),
    )
