"""How numbers and tables look in the terminal."""

from __future__ import annotations

import sys
from math import isnan

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from eval.scores.results import MetricValue

WIDTH = 132


def console() -> Console:
    """A console that keeps tables whole where the output is no terminal."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal; an en dash where there is none."""
    return "–" if value is None or isnan(value) else f"{100 * value:.1f}"


def interval(value: MetricValue) -> str:
    """A metric with its interval."""
    return f"{percent(value.estimate)} [{percent(value.low)}, {percent(value.high)}]" if value.low is not None else "–"


def new_table(title: str) -> Table:
    """An empty table in the style that all of them have."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )


def bounds(low: float | None, high: float | None) -> str:
    """An interval of shares in percent, between brackets."""
    return "" if low is None or high is None else f"[{percent(low)}, {percent(high)}]"
