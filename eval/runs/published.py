"""What came with a dataset, as answers and verdicts: its rows, and a run made of them with no model asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dataset_builder import __version__
from dataset_builder.dataset.opened import RESPONSES, BuiltDataset, OpenedDataset, locate_dataset, published_models
from dataset_builder.dataset.records import Case, Response, fields_for
from dataset_builder.dataset.sample import chosen_cases, draw, sample_name
from dataset_builder.dataset.tables import split_of_model
from dataset_builder.errors import InputError
from eval.runs.answer import Answer
from eval.runs.collect import now
from eval.runs.folder import RunFolder
from eval.runs.plan import RunOptions, usual_folder
from eval.runs.run import Run, RunRecord
from eval.runs.verdict import EMPTY_HASH, LABELS, PUBLISHED, Verdict, hash_text

PREFIX: Final = f"{PUBLISHED}/"
# Of the dataset's rows: what a verdict is made of, but for the judge's explanation.
VERDICT_COLUMNS: Final = ["case_id", "response_hash", *LABELS, "unscored_reason", "judge"]


def is_published(model: str) -> bool:
    """Whether a model's name asks for answers that the dataset holds."""
    return model.startswith(PREFIX)


def copy_published(options: RunOptions, dataset: OpenedDataset | None = None) -> RunFolder:
    """A run of the published answers of ``published/SLUG``; what it has already is not copied again.

    The dataset is opened, unless it is given.

    Raises InputError where the dataset holds no answers of that model.
    """
    dataset = dataset or locate_dataset(options.dataset)
    sample = sample_name(options.sample, options.limit)
    for option in ("system_prompt", "top_p", "stop", "extra_body", "language"):
        if getattr(options, option):
            name = option.replace("_", "-")
            raise InputError(f"--{name}: these answers are there already, so nothing is sent. Leave it out.")
    cases = chosen_cases(dataset.built.cases(), options.chosen, dataset.name)
    cases = draw(cases, sample, options.sample_seed, lambda case: case.cell)
    slug = options.choice.model.removeprefix(PREFIX)
    chosen = options.chosen.name if options.chosen else None
    return copy_answers(dataset, slug, cases, sample=sample, seed=options.sample_seed, chosen=chosen, out=options.out)


def copy_answers(
    dataset: OpenedDataset,
    slug: str,
    cases: Sequence[Case],
    *,
    sample: str,
    seed: int,
    chosen: str | None = None,
    out: Path | None,
) -> RunFolder:
    """A run of one model's published answers to some cases; ``sample`` and ``seed`` say how these were drawn.

    Raises InputError where the dataset holds no answers of that model.
    """
    rows = published_rows(dataset.built, slug)
    settings = Run(
        sample=sample,
        sample_seed=seed,
        chosen=chosen,
        case_ids=tuple(case.case_id for case in cases),
        model=f"{PREFIX}{slug}",
        endpoint="published with the dataset",
        temperature=rows[0].temperature,
        max_tokens=rows[0].max_tokens,
        package_version=__version__,
    )
    record = RunRecord.of(dataset, settings, now())
    run = RunFolder.create(out or usual_folder(record), record)
    queries = {case.case_id: case.user_query for case in cases}
    with run.writing():
        there = run.statuses()
        for row in rows:
            if row.case_id in queries and row.case_id not in there:
                run.append_answer(published_answer(row, queries[row.case_id]))
    return run


def published_rows(built: BuiltDataset, slug: str) -> list[Response]:
    """A model's answers and verdicts. Raises InputError where the dataset holds no answers of that model."""
    split = split_of_model(slug)
    if split not in built.splits(RESPONSES):
        models = ", ".join(published_models(built)) or "none at all"
        raise InputError(f"{built.path}: holds no answers of {slug!r}; it holds those of {models}.")
    return [Response(**row) for row in built.table(RESPONSES, split).to_pylist()]


def published_answer(row: Response, query: str) -> Answer:
    """The answer in a row."""
    more = {"query_hash": hash_text(query), "served_model": row.model_id}
    return Answer(**fields_for(Answer, row) | more | {"response_hash": row.response_hash or EMPTY_HASH})


def published_verdict(row: Mapping[str, Any], judge: str) -> Verdict:
    """The verdict in a row, whose columns are VERDICT_COLUMNS at least."""
    return Verdict(
        response_hash=row["response_hash"] or EMPTY_HASH,
        judge=judge,
        rubric=PUBLISHED,
        reasoning=row.get("verdict_reasoning"),
        **{name: row[name] for name in ("case_id", *LABELS, "unscored_reason")},
    )
