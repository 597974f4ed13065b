"""An Every Eval Ever record: one model's headline numbers in the shared schema of the EvalEval coalition.

The schema is https://github.com/evaleval/every_eval_ever (``eval.schema.json``); SCHEMA
is the version that this file was written against.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from dataset_builder.errors import InputError
from dataset_builder.models.providers import PROVIDER_BY_ID
from eval.judges.model.judge import JUDGE as MODEL_JUDGE
from eval.judges.model.rubric import rubric_text
from eval.scores.results import MetricValue, Results
from eval.stats.intervals import LEVEL
from eval.stats.metrics import METRICS, Metric

SCHEMA: Final = "0.3.0"
BENCHMARK: Final = "blind-refusal"
RELATIONSHIPS: Final = ("first_party", "third_party", "collaborative", "other")


def eval_ever_record(
    results: Results,
    *,
    retrieved_at: datetime,
    organization: str,
    relationship: str = "third_party",
    availability: str = "unknown",
) -> dict[str, Any]:
    """The record as plain values; a metric without data is left out.

    ``organization`` is who evaluated, ``relationship`` theirs to the model's maker (one of
    RELATIONSHIPS), ``availability`` ``open_weights``, ``closed_weights`` or ``unknown``.
    Raises InputError where no metric has a value or a choice is not one of these.
    """
    if relationship not in RELATIONSHIPS:
        raise InputError(f"{relationship!r} is no relationship of evaluator and model: {', '.join(RELATIONSHIPS)}.")
    provenance = results.provenance
    stamp = f"{retrieved_at.timestamp():.0f}"
    values = {name: value for name, value in results.overall.metrics.items() if value.estimate is not None}
    if not values:
        raise InputError(f"Nothing of {provenance.model.name} is scored, so there is nothing to share.")
    record: dict[str, Any] = {
        "schema_version": SCHEMA,
        "evaluation_id": f"{BENCHMARK}/{_identifier(provenance.model.id)}/{stamp}",
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "Blind Refusal",
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": relationship,
        },
        "eval_library": {"name": BENCHMARK, "version": provenance.package_version},
        "model_info": _model(provenance.model.id, provenance.model.name, availability, provenance.model.endpoint),
        "evaluation_results": [_result(results, m, values[m.id]) for m in METRICS if m.id in values],
    }
    if provenance.collected_at is not None:
        record["evaluation_timestamp"] = provenance.collected_at
    return record


def _model(model: str, name: str, availability: str = "unknown", endpoint: str | None = None) -> dict[str, Any]:
    """A model as ``DEVELOPER/NAME``; the provider that was asked for it is a field of its own."""
    first, _, rest = model.partition("/")
    provider = PROVIDER_BY_ID.get(first) if rest else None
    known = rest if provider else model
    info: dict[str, Any] = {
        "name": name,
        "id": known,
        "additional_details": {
            "deployment_type": "unknown",
            "model_availability": availability,
            **({"endpoint": endpoint} if endpoint else {}),
        },
        "developer": known.partition("/")[0] if "/" in known else "unknown",
    }
    return info | ({"inference_platform": provider.title} if provider else {})


def _llm_scoring(judge: str) -> dict[str, Any]:
    """The judge, where it is a model with our rubric."""
    kind, _, model = judge.partition(":")
    if kind != MODEL_JUDGE or not model:
        return {}
    return {"llm_scoring": {"judges": [{"model_info": _model(model, model)}], "input_prompt": rubric_text()}}


def eval_ever_json(record: dict[str, Any]) -> bytes:
    """The record's bytes."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def _result(results: Results, metric: Metric, value: MetricValue) -> dict[str, Any]:
    provenance = results.provenance
    dataset, judge = provenance.dataset, provenance.judge
    details = {"cases_hash": dataset.cases_hash, "schema_version": dataset.schema_version}
    if dataset.revision:
        details["revision"] = dataset.revision
    source: dict[str, Any] = {"dataset_name": dataset.name, "additional_details": details}
    if dataset.hub_id:
        source |= {"source_type": "hf_dataset", "hf_repo": dataset.hub_id, "hf_split": "test"}
        source["samples_number"] = dataset.n_cases
    else:
        source["source_type"] = "other"
    uncertainty: dict[str, Any] = {"num_samples": value.denominator}
    if value.standard_error is not None:
        how = "linearised ratio, clustered by cell" if value.method == "clustered" else value.method
        uncertainty["standard_error"] = {"value": value.standard_error, "method": how}
    if value.low is not None and value.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": value.low,
            "upper": value.high,
            "confidence_level": LEVEL,
            "method": value.method,
        }
    score: dict[str, Any] = {"score": value.estimate, "uncertainty": uncertainty}
    if value.lower_bound is not None and value.lower_bound != value.upper_bound:
        score["details"] = {
            "lowest_with_unscored": str(value.lower_bound),
            "highest_with_unscored": str(value.upper_bound),
        }
    arguments = {
        name: content
        for name, content in (
            ("temperature", provenance.sampling.temperature),
            ("max_tokens", provenance.sampling.max_tokens),
        )
        if content is not None
    }
    return {
        "evaluation_result_id": f"{BENCHMARK}.{metric.id}",
        "evaluation_name": BENCHMARK,
        "source_data": source,
        "metric_config": {
            "evaluation_description": metric.definition,
            "metric_id": f"{BENCHMARK}.{metric.id}",
            "metric_name": metric.title,
            "metric_unit": "proportion",
            # Where neither is better, the schema still wants one of the two.
            "lower_is_better": metric.better < 0,
            "score_type": "continuous",
            "min_score": -1.0 if metric.defeated is None else 0.0,
            "max_score": 1.0,
            "additional_details": {"judge": judge.judge, "rubric": judge.rubric},
            **_llm_scoring(judge.judge),
        },
        "score_details": score,
        **({"generation_config": {"generation_args": arguments}} if arguments else {}),
    }


def _identifier(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)
