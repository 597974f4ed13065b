"""Making a submission bundle: of a run, and of the answers that came with a dataset.

Equal answers, settings and verdicts give equal bytes: a bundle carries no time but that of its answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from dataset_builder import __version__
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.dataset.records import Case
from dataset_builder.errors import InputError
from dataset_builder.wording import counted
from eval.repository.bundle import (
    BUNDLE,
    RESPONSES,
    RESULTS,
    RUN,
    SCHEMA_VERSION,
    VERDICTS,
    Bundle,
    BundleFile,
    BundleModel,
    MadeBundle,
    to_json,
    to_parquet,
)
from eval.repository.identity import run_model
from eval.results.build import build_results, run_provenance
from eval.runs.answer import Answer, last_collected
from eval.runs.folder import RunFolder
from eval.runs.run import DatasetRef, JudgeRecord, Run
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
    run.check_dataset(dataset)
    answers, settings = run.answers, run.settings
    if not answers:
        raise InputError(f"{run.path}: holds no answers yet. Collect them first with 'blind-refusal eval run'.")
    missing = [case_id for case_id in settings.case_ids if case_id not in answers]
    if missing:
        way = (
            "'blind-refusal eval run' with the same --out goes on where it ended"
            if settings.package_version
            else "'blind-refusal eval import' with the same --out adds answers"
        )
        raise InputError(
            f"{run.path}: not asked yet are {len(missing):,} of {counted(len(settings.case_ids), 'case')}, such as "
            f"{missing[0]}. Finish the run first: {way}."
        )
    verdicts = run.verdicts()
    judges = [run.record.judge(*who) for who in _in_order({(v.judge, v.rubric) for v in verdicts})]
    results = None
    if judges and _one_rubric(judges):
        scored = run_answers(run, dataset, judge=judges[0].judge)
        (results,) = build_results(
            compute_scores([scored], ranked=False), {scored.model: run_provenance(dataset, [run], scored)}
        )
    return make_bundle(
        kind="run",
        model=run_model(settings.model, model_repo),
        dataset=dataset,
        run=settings,
        answers=[answers[case_id] for case_id in settings.case_ids],
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
    run: Run,
    answers: Sequence[Answer],
    verdicts: Iterable[Verdict] = (),
    judges: Sequence[JudgeRecord] = (),
    results: Results | None = None,
    note: str | None = None,
    run_id: str | None = None,
) -> MadeBundle:
    """A bundle of these parts; rows are sorted by case, judge and rubric. Its run id is a date and a hash."""
    rows = sorted(answers, key=lambda one: one.case_id)
    judged = sorted(verdicts, key=lambda one: one.key)
    collected = last_collected(rows)
    files = {RUN: to_json(run), RESPONSES: to_parquet(Answer, rows)}
    counts: dict[str, int | None] = {RESPONSES: len(rows)}
    if judged:
        files[VERDICTS] = to_parquet(Verdict, judged)
        counts[VERDICTS] = len(judged)
    if results is not None:
        files[RESULTS] = results.to_json()
    bundle = Bundle(
        schema_version=SCHEMA_VERSION,
        kind=kind,  # type: ignore[arg-type]
        run_id=run_id or _run_id(run, rows, judged, collected),
        model=model,
        dataset=DatasetRef.of(dataset),
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
        msgspec.json.decode(files[RUN], type=Run)
    except msgspec.ValidationError as error:
        raise InputError(f"The submission of {model.name} cannot be written: {error}. Shorten or mend it.") from None
    return MadeBundle(bundle, {BUNDLE: text, **files})


def _in_order(judges: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The offline judge first, as everyone has it; then by name."""
    return sorted(judges, key=lambda pair: (pair[0] != "embedded", pair))


def _one_rubric(judges: Sequence[JudgeRecord]) -> bool:
    """Whether the first judge has judged by one rubric alone."""
    return [one.judge for one in judges].count(judges[0].judge) == 1


def _run_id(run: Run, answers: Sequence[Answer], verdicts: Sequence[Verdict], at: str | None) -> str:
    """The same for the same answers, settings and verdicts, whatever wrote their files."""
    content = (
        run,
        [(row.case_id, row.query_hash, row.status, row.response_hash) for row in answers],
        [(v.key, v.labels, v.unscored_reason) for v in verdicts],
    )
    return f"{(at or 'undated')[:10]}-{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:10]}"


def case_hashes(cases: Iterable[Case]) -> dict[str, str]:
    """SHA-256 of what is sent for each case."""
    return {case.case_id: hash_text(case.user_query) for case in cases}
