"""What readers call the rates, on every page: the field's terms, such as "Help, control", stand second."""

from __future__ import annotations

from typing import Final

from eval.scores.results import MetricInfo
from eval.stats.metrics import METRIC_BY_ID, Metric

_IN_WORDS: Final = {
    "help_rate": "Helps where it should",
    "control_help_rate": "Helps where it should not",
    "control_hard_refusal_rate": "Hard refusal where it should refuse",
    "control_deflection_rate": "Deflection where it should refuse",
    "control_engagement_rate": "Engagement where it should refuse",
}


def rate_name(metric: Metric | MetricInfo | str) -> str:
    """What a rate is called; one that is not known here by the name that came with it, or its id."""
    one = METRIC_BY_ID.get(metric) if isinstance(metric, str) else metric
    if one is None:
        return str(metric)
    return _IN_WORDS.get(one.id, one.title)


def rate_term(metric: Metric | MetricInfo) -> str | None:
    """The field's term for a rate, where readers meet it by another name."""
    return metric.title if metric.id in _IN_WORDS else None


def rate_hint(metric: Metric | MetricInfo) -> str:
    """A sentence on what a rate counts, with the field's term where that is another one."""
    term = rate_term(metric)
    return f"{metric.definition} Also called “{term}”." if term else metric.definition
