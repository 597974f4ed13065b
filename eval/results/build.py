"""Scores to results: one ``Results`` for each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from dataset_builder import __version__
from dataset_builder.dataset.opened import RESPONSES, OpenedDataset
from dataset_builder.dataset.records import fields_for
from dataset_builder.dataset.sample import ALL_CASES
from dataset_builder.dataset.tables import split_of_model
from dataset_builder.dataset.taxonomy import UNSCORED_REASONS, ids
from eval.agreement.corrected import CorrectedRate
from eval.agreement.known import agreement_rows
from eval.runs.answer import last_collected
from eval.runs.folder import RunFolder
from eval.runs.run import DatasetRef, JudgeRecord, Sampling
from eval.scores.answers import ScoredAnswers
from eval.scores.epochs import Stability
from eval.scores.labels import SourceAgreement
from eval.scores.results import (
    SCHEMA_VERSION,
    CorrectedValue,
    DatasetInfo,
    JudgeAgreement,
    MetricInfo,
    MetricValue,
    ModelInfo,
    Provenance,
    Results,
    SideCount,
    SliceResult,
    StabilityValue,
    Statistics,
    number,
    numbers,
)
from eval.scores.scores import CONTROL, DEFEATED, METHODS, Scores, SliceScores, too_few_cells
from eval.scores.slices import Slice
from eval.stats.intervals import LEVEL, MIN_BOOTSTRAP_CLUSTERS, MIN_CLUSTERS
from eval.stats.metrics import METRICS

_REASONS: Final = ids(UNSCORED_REASONS)
# The numbers of SliceScores that results hold, in the order in which ``metric_values`` takes them.
_NUMBERS: Final = (
    "estimate",
    "error",
    "low",
    "high",
    "bootstrap_low",
    "bootstrap_high",
    "lower_bound",
    "upper_bound",
    "minimum_detectable_difference",
)
_WHOLE_NUMBERS: Final = ("method", "clusters", "denominator")
# So many pairs of a slice and a model are looked at in one step.
_AT_ONCE: Final = 400


def build_results(
    scores: Scores,
    provenance: Mapping[str, Provenance],
    *,
    corrected: Mapping[str, Sequence[CorrectedRate]] | None = None,
    judge_agreement: Sequence[SourceAgreement | JudgeAgreement] = (),
    stable: Mapping[str, Stability] | None = None,
) -> list[Results]:
    """Results of every model of some scores, in their order; the mappings are by model."""
    statistics = Statistics(
        level=LEVEL,
        clustered_by="cell (family x authority type)",
        resamples=scores.resamples,
        seed=scores.seed,
        min_clusters=MIN_CLUSTERS,
        min_bootstrap_clusters=MIN_BOOTSTRAP_CLUSTERS,
    )
    metrics = [MetricInfo(id=m.id, title=m.title, definition=m.definition, better=m.better) for m in METRICS]
    agreement = [
        row for one in judge_agreement for row in ([one] if isinstance(one, JudgeAgreement) else agreement_rows(one))
    ]
    # All numbers at once: most of the time would go into picking them out of arrays one by one.
    values = _metric_values(list(scores.parts.values()))
    slices = list(zip(*(_slice(part, found, next(values)) for part, found in scores.parts.items()), strict=True))
    return [
        Results(
            schema_version=SCHEMA_VERSION,
            provenance=provenance[model],
            statistics=statistics,
            metrics=metrics,
            slices=list(slices[place]),
            corrected=[_corrected(row) for row in (corrected or {}).get(model, ())],
            judge_agreement=agreement,
            stability=_stability((stable or {}).get(model)),
        )
        for place, model in enumerate(scores.models)
    ]


def metric_values(part: SliceScores) -> list[dict[str, MetricValue]]:
    """Every metric on one slice by its id, for each model."""
    return next(_metric_values([part]))


def _metric_values(parts: Sequence[SliceScores]) -> Iterator[list[dict[str, MetricValue]]]:
    """The same of several slices: of few models the numbers of many slices are rounded in one step."""
    step = max(1, _AT_ONCE // parts[0].estimate.shape[1])
    for first in range(0, len(parts), step):
        some = parts[first : first + step]
        # By model, so that the lists are few.
        columns = [np.concatenate([getattr(part, field) for part in some]).T for field in (*_NUMBERS, *_WHOLE_NUMBERS)]
        by_field = [numbers(one) if one.dtype.kind == "f" else one.tolist() for one in columns]
        for nth, part in enumerate(some):
            here = slice(nth * len(METRICS), (nth + 1) * len(METRICS))
            yield [
                _of_model(part, model, [values[here] for values in of_model])
                for model, of_model in enumerate(zip(*by_field, strict=True))
            ]


def _of_model(part: SliceScores, model: int, fields: Sequence[Sequence[Any]]) -> dict[str, MetricValue]:
    found: dict[str, MetricValue] = {}
    for place, (
        estimate, error, low, high, bootstrap_low, bootstrap_high, lower, upper, detectable,
        method, clusters, denominator,
    ) in enumerate(zip(*fields, strict=True)):  # fmt: skip
        reason = part.missing(place, model) if estimate is None else None
        found[METRICS[place].id] = MetricValue(
            estimate=estimate,
            standard_error=error,
            low=low,
            high=high,
            bootstrap_low=bootstrap_low,
            bootstrap_high=bootstrap_high,
            lower_bound=lower,
            upper_bound=upper,
            minimum_detectable_difference=detectable,
            method=METHODS[method],
            clusters=clusters,
            denominator=denominator,
            reason=reason,
            bootstrap_reason=(reason or too_few_cells(clusters)) if bootstrap_low is None else None,
        )
    return found


def side_count(part: SliceScores, side: int, model: int) -> SideCount:
    """What became of one model's answers on one side of a slice."""
    reasons = zip(_REASONS, part.unscored[side, model].tolist(), strict=True)
    return SideCount(
        cases=int(part.n_cases[side]),
        scored=int(part.n_scored[side, model]),
        unscored={reason: n for reason, n in reasons if n},
    )


def _slice(part: Slice, found: SliceScores, values: Sequence[dict[str, MetricValue]]) -> list[SliceResult]:
    return [
        SliceResult(
            by=part.by,
            value=part.value,
            without_dual_use=part.without_dual_use,
            defeated=side_count(found, DEFEATED, model),
            control=side_count(found, CONTROL, model),
            metrics=metrics,
        )
        for model, metrics in enumerate(values)
    ]


def _stability(found: Stability | None) -> StabilityValue | None:
    if found is None:
        return None
    return StabilityValue(
        epochs=found.epochs, cases=found.n, same=number(found.same), low=number(found.low), high=number(found.high)
    )


def _corrected(row: CorrectedRate) -> CorrectedValue:
    return CorrectedValue(
        metric=row.metric.id,
        method=row.method,
        raw=number(row.raw),
        estimate=number(row.estimate),
        standard_error=number(row.error),
        low=number(row.low),
        high=number(row.high),
        against=row.against,
        n_labelled=row.n_labelled,
        reason=row.reason,
    )


# What decided the numbers of a model, read from where its answers are.


def published_provenance(dataset: OpenedDataset, answers: ScoredAnswers) -> Provenance:
    """The provenance of answers that came with the dataset."""
    columns = ["model_id", "temperature", "max_tokens", "collected_at"]
    table = dataset.built.table(RESPONSES, split_of_model(answers.model), columns)
    found = {name: sorted({v for v in table.column(name).to_pylist() if v is not None}) for name in columns}
    return Provenance(
        model=ModelInfo(name=answers.model, id=" and ".join(found["model_id"]), endpoint=None),
        dataset=dataset_info(dataset, len(answers.cases), ALL_CASES),
        judge=JudgeRecord(judge=answers.judge, rubric=answers.rubric),
        sampling=Sampling(
            temperature=found["temperature"][0] if len(found["temperature"]) == 1 else None,
            max_tokens=found["max_tokens"][0] if len(found["max_tokens"]) == 1 else None,
        ),
        package_version=__version__,
        collected_at=found["collected_at"][-1] if found["collected_at"] else None,
        departures=[],
    )


def run_provenance(dataset: OpenedDataset, runs: Sequence[RunFolder], answers: ScoredAnswers) -> Provenance:
    """The provenance of a run's answers, or of those of all its epochs."""
    run, settings = runs[0], runs[0].settings
    return Provenance(
        model=ModelInfo(name=answers.model, id=settings.model, endpoint=settings.endpoint),
        dataset=dataset_info(dataset, len(answers.cases), settings.sample),
        judge=run.record.judge(answers.judge, answers.rubric),
        sampling=settings.sampling,
        package_version=__version__,
        collected_at=last_collected(answer for one in runs for answer in one.answers.values()),
        departures=list(run.record.departures),
    )


def dataset_info(dataset: OpenedDataset, n_cases: int, sample: str) -> DatasetInfo:
    """The cases that were asked: so many of a dataset, drawn as ``sample`` says."""
    manifest = dataset.built.manifest
    sources = [f"{one.repository or one.kind}{f'@{one.commit}' if one.commit else ''}" for one in manifest.sources]
    return DatasetInfo(
        **fields_for(DatasetInfo, DatasetRef.of(dataset)),
        schema_version=manifest.schema_version,
        sources=sources,
        n_cases=n_cases,
        sample=sample,
    )
