"""Making a submission bundle: of a run, and of the answers that came with a dataset.

Equal answers, settings and verdicts give equal bytes: a bundle carries no time but that of its answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset, check_same_cases
from dataset_builder.dataset.records import Case
from dataset_builder.errors import InputError
from dataset_builder.models.answer import Usage
from eval.repository.bundle import (
    BUNDLE,
    RESPONSES,
    RESULTS,
    RUN,
    SCHEMA_VERSION,
    VERDICTS,
    Bundle,
    BundleAnswer,
    BundleDataset,
    BundleFile,
    BundleJudge,
    BundleModel,
    BundleRun,
    BundleVerdict,
    MadeBundle,
    to_json,
    to_parquet,
)
from eval.repository.identity import run_model
from eval.results.build import build_results, run_provenance
from eval.runs.folder import RunFolder
from eval.runs.response import RunResponse
from eval.runs.verdict import Verdict, hash_text
from eval.scores.read import run_answers
from eval.scores.results import Results
from eval.scores.scores import compute_scores


def bundle_of_run(
    run: RunFolder, dataset: OpenedDataset, *, model_repo: str | None = None, note: str | None = None
) -> MadeBundle:
    """The bundle of a run, with the verdicts of every judge that judged it.

    ``model_repo`` is the model's repository on the Hub. ``results.json`` is by the first judge; a run
    that nobody has judged has none. Raises InputError where the dataset holds other cases than the run's,
    or the run holds no answer to any.
    """
    check_same_cases(dataset, run.settings.content_hash, f"The run {run.path}")
    responses = {response.case_id: response for response in run.responses()}
    if not responses:
        raise InputError(f"{run.path}: holds no answers yet. Collect them first with 'blind-refusal eval run'.")
    missing = [case_id for case_id in run.settings.case_ids if case_id not in responses]
    if missing:
        raise InputError(
            f"{run.path}: {len(missing):,} of {len(run.settings.case_ids):,} cases have not been asked yet, such as "
            f"{missing[0]}. Finish the run first: 'blind-refusal eval run' with the same --out goes on where it ended."
        )
    verdicts = list(run.verdicts())
    settings = {(one.judge, one.rubric): one.settings for one in run.record.judges}
    judges = [
        BundleJudge(judge=name, rubric=rubric, settings=settings.get((name, rubric), {}))
        for name, rubric in _in_order({(v.judge, v.rubric) for v in verdicts})
    ]
    results = None
    if judges:
        answers = run_answers(run, dataset, judge=judges[0].judge) if _one_rubric(judges) else None
        if answers is not None:
            results = build_results(compute_scores([answers]), {answers.model: run_provenance(dataset, run, answers)})[
                0
            ]
    s = run.settings
    return make_bundle(
        kind="run",
        model=run_model(s.model, model_repo),
        dataset=dataset,
        run=BundleRun(
            sample=s.sample,
            sample_seed=s.sample_seed,
            case_ids=list(s.case_ids),
            model=s.model,
            endpoint=s.endpoint or None,
            engine=s.engine,
            system_prompt=s.system_prompt,
            temperature=s.temperature,
            max_tokens=s.max_tokens,
            reasoning=s.reasoning,
            seed=s.seed,
            package_version=s.package_version,
        ),
        answers=[_answer(responses[case_id]) for case_id in s.case_ids],
        verdicts=verdicts,
        judges=judges,
        results=results,
        note=note,
    )


def make_bundle(
    *,
    kind: str,
    model: BundleModel,
    dataset: OpenedDataset,
    run: BundleRun,
    answers: Sequence[BundleAnswer],
    verdicts: Iterable[Verdict] = (),
    judges: Sequence[BundleJudge] = (),
    results: Results | None = None,
    note: str | None = None,
    run_id: str | None = None,
) -> MadeBundle:
    """A bundle of these parts; rows are sorted by case, judge and rubric. Its run id is a date and a hash."""
    rows = sorted(answers, key=lambda one: one.case_id)
    judged = sorted(verdicts, key=lambda one: one.key)
    collected = max((row.collected_at for row in rows if row.collected_at), default=None)
    files = {RUN: to_json(run), RESPONSES: to_parquet(BundleAnswer, rows)}
    counts: dict[str, int | None] = {RESPONSES: len(rows)}
    if judged:
        files[VERDICTS] = to_parquet(BundleVerdict, [BundleVerdict(**msgspec.structs.asdict(v)) for v in judged])
        counts[VERDICTS] = len(judged)
    if results is not None:
        files[RESULTS] = results.to_json()
    bundle = Bundle(
        schema_version=SCHEMA_VERSION,
        kind=kind,  # type: ignore[arg-type]
        run_id=run_id or _run_id(run, rows, judged, collected),
        model=model,
        dataset=BundleDataset(
            name=dataset.hub_id or dataset.built.path.resolve().name,
            hub_id=dataset.hub_id,
            revision=dataset.revision,
            cases_hash=dataset.built.cases_hash,
        ),
        collected_at=collected,
        judges=list(judges),
        note=note,
        package_version=__version__,
        files={
            name: BundleFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), rows=counts.get(name))
            for name, data in files.items()
        },
    )
    # What the structs say of lengths and characters is checked when they are read: so it is read once.
    text = to_json(bundle)
    try:
        msgspec.json.decode(text, type=Bundle)
        msgspec.json.decode(files[RUN], type=BundleRun)
    except msgspec.ValidationError as error:
        raise InputError(f"The submission of {model.name} cannot be written: {error}. Shorten or mend it.") from None
    return MadeBundle(bundle, {BUNDLE: text, **files})


def _in_order(judges: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The offline judge first, as everyone has it; then by name."""
    return sorted(judges, key=lambda pair: (pair[0] != "embedded", pair))


def _one_rubric(judges: Sequence[BundleJudge]) -> bool:
    """Whether the first judge has judged by one rubric alone."""
    return [one.judge for one in judges].count(judges[0].judge) == 1


def _run_id(run: BundleRun, answers: Sequence[BundleAnswer], verdicts: Sequence[Verdict], at: str | None) -> str:
    """The same for the same answers, settings and verdicts, whatever wrote their files."""
    content = (
        run,
        [(row.case_id, row.query_hash, row.status, row.response_hash) for row in answers],
        [(v.key, v.response_type, v.engages_with_defeat, v.independent_harm, v.unscored_reason) for v in verdicts],
    )
    return f"{(at or 'undated')[:10]}-{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:10]}"


def _answer(response: RunResponse) -> BundleAnswer:
    # Tokens in a bundle are the provider's count; where it gave none, ours was for the money alone.
    usage = Usage() if response.usage.estimated else response.usage
    values: dict[str, Any] = msgspec.structs.asdict(response) | msgspec.structs.asdict(usage)
    return BundleAnswer(**{name: values[name] for name in BundleAnswer.__struct_fields__})


def case_hashes(cases: Iterable[Case]) -> dict[str, str]:
    """SHA-256 of what is sent for each case."""
    return {case.case_id: hash_text(case.user_query) for case in cases}
