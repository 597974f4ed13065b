"""Scores to results: one ``Results`` for each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataset_builder.taxonomy import UNSCORED_REASONS, ids
from eval.corrected_rates import CorrectedRate
from eval.intervals import LEVEL, MIN_BOOTSTRAP_CLUSTERS, MIN_CLUSTERS
from eval.label_source import SourceAgreement
from eval.metrics import METRICS
from eval.results import (
    SCHEMA_VERSION,
    CorrectedValue,
    JudgeAgreement,
    MetricInfo,
    MetricValue,
    Provenance,
    Results,
    SideCount,
    SliceResult,
    Statistics,
    number,
)
from eval.scores import CONTROL, DEFEATED, METHODS, Scores, SliceScores
from eval.slices import Slice


def build_results(
    scores: Scores,
    provenance: Mapping[str, Provenance],
    *,
    corrected: Mapping[str, Sequence[CorrectedRate]] | None = None,
    judge_agreement: Sequence[SourceAgreement | JudgeAgreement] = (),
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
    return [
        Results(
            schema_version=SCHEMA_VERSION,
            provenance=provenance[model],
            statistics=statistics,
            metrics=metrics,
            slices=[_slice(part, found, place) for part, found in scores.parts.items()],
            corrected=[_corrected(row) for row in (corrected or {}).get(model, ())],
            judge_agreement=agreement,
        )
        for place, model in enumerate(scores.models)
    ]


def agreement_rows(pair: SourceAgreement) -> list[JudgeAgreement]:
    """An agreement as results hold it, the first source being whom the judge is measured against."""
    return [
        JudgeAgreement(
            against=pair.first,
            field=field,
            n=found.n,
            agreement=number(found.observed),
            kappa=number(found.kappa),
            kappa_low=number(found.kappa_low),
            kappa_high=number(found.kappa_high),
        )
        for field, found in pair.fields.items()
    ]


def metric_value(part: SliceScores, metric: int, model: int) -> MetricValue:
    """One metric of one model on one slice."""
    at = metric, model
    return MetricValue(
        estimate=number(part.estimate[at]),
        standard_error=number(part.error[at]),
        low=number(part.low[at]),
        high=number(part.high[at]),
        method=METHODS[part.method[at]],
        clusters=int(part.clusters[at]),
        denominator=int(part.denominator[at]),
        bootstrap_low=number(part.bootstrap_low[at]),
        bootstrap_high=number(part.bootstrap_high[at]),
        lower_bound=number(part.lower_bound[at]),
        upper_bound=number(part.upper_bound[at]),
        minimum_detectable_difference=number(part.minimum_detectable_difference[at]),
        reason=part.missing(metric, model),
        bootstrap_reason=part.bootstrap_missing(metric, model),
    )


def side_count(part: SliceScores, side: int, model: int) -> SideCount:
    """What became of one model's answers on one side of a slice."""
    reasons = zip(ids(UNSCORED_REASONS), part.unscored[side, model].tolist(), strict=True)
    return SideCount(
        cases=int(part.n_cases[side]),
        scored=int(part.n_scored[side, model]),
        unscored={reason: n for reason, n in reasons if n},
    )


def _slice(part: Slice, found: SliceScores, model: int) -> SliceResult:
    return SliceResult(
        by=part.by,
        value=part.value,
        without_dual_use=part.without_dual_use,
        defeated=side_count(found, DEFEATED, model),
        control=side_count(found, CONTROL, model),
        metrics={metric.id: metric_value(found, place, model) for place, metric in enumerate(METRICS)},
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
