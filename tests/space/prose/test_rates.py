from __future__ import annotations

import re
from pathlib import Path

import space
from eval.stats.metrics import METRIC_BY_ID, METRICS
from space.prose.rates import rate_hint, rate_name, rate_term


def test_no_two_rates_are_called_alike_and_none_by_a_term_of_the_field_alone() -> None:
    names = [rate_name(metric) for metric in METRICS]
    assert len(set(names)) == len(METRICS)
    assert not [name for name in names if re.search("control|defeated", name)]


def test_the_fields_term_stands_second() -> None:
    help_rate = METRIC_BY_ID["help_rate"]
    assert rate_name("help_rate") == rate_name(help_rate) == "Helps where it should"
    assert rate_term(help_rate) == "Help, defeated"
    assert rate_hint(help_rate) == "Share of answers to defeated rules that help. Also called “Help, defeated”."
    # Known by one name only.
    assert rate_term(METRIC_BY_ID["discrimination"]) is None
    assert rate_hint(METRIC_BY_ID["discrimination"]) == METRIC_BY_ID["discrimination"].definition
    assert rate_name("a metric of a newer version") == "a metric of a newer version"


def test_the_name_of_a_rate_is_spelled_in_one_place() -> None:
    names = [rate_name(metric) for metric in METRICS if rate_term(metric)]
    terms = [metric.title for metric in METRICS if rate_term(metric)]
    root = Path(next(iter(space.__path__)))
    spelling = [
        str(file.relative_to(root))
        for file in sorted(root.rglob("*"))
        if file.suffix in (".py", ".j2", ".js") and any(one in file.read_text() for one in (*names, *terms))
    ]
    assert spelling == ["prose/rates.py"]
