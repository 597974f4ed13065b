"""What a notebook shows: a progress bar, and a result as a picture with a small table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from markupsafe import Markup

from dataset_builder.models.chat import Timeouts
from dataset_builder.storage.progress import Move, run_progress, set_progress
from dataset_builder.templates import html_environment, pieces
from dataset_builder.work.session import Conditions
from eval.results.row import LeaderboardRow, headline
from eval.scores.results import MetricValue
from eval.scores.terminal import printable
from eval.sets.collect import Shown
from eval.stats.metrics import CONTROL_HELP_RATE, HELP_RATE

_fill = pieces(html_environment("blind_refusal"), "result.html.j2")


def conditions(*, progress: bool, timeouts: Timeouts | None = None) -> Conditions:
    """What work runs under when it is started from Python."""
    shown = _silent if not progress else _bar if in_notebook() else run_progress
    return Conditions(progress=shown, timeouts=timeouts or Timeouts())


def together(*, progress: bool) -> Shown:
    """The progress of several runs at once: in a notebook one bar for all."""
    if progress and not in_notebook():
        return set_progress

    @contextmanager
    def shown(totals: Mapping[str, int]) -> Iterator[Move]:
        show = _bar if progress else _silent
        with show(next(iter(totals)).partition(",")[0], sum(totals.values())) as move:
            yield lambda name, detail: move(detail)

    return shown


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this code, so that output goes to a page."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def _silent(title: str, total: int) -> Iterator[Callable[[str], None]]:
    yield lambda detail: None


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """tqdm's bar: a widget where ipywidgets is installed, and text elsewhere."""
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=title, unit="case", disable=not total) as bar:

        def move(detail: str) -> None:
            if detail:
                bar.set_postfix_str(detail, refresh=False)
            bar.update()

        yield move


def result_html(row: LeaderboardRow, told: str, beside: list[LeaderboardRow]) -> Markup:
    """A result as HTML: the sentence, help where it is due against help where it is not, and the headline rates."""
    others = [_point(one) for one in beside if one.model != row.model]
    return _fill(
        "result",
        told=printable(told),
        me=_point(row),
        others=[one for one in others if one],
        metrics=[(one.title, row.metrics[one.id]) for one in headline()],
        shown=_shown,
    )


def table_html(told: str, heads: list[str], rows: list[list[str]]) -> Markup:
    """A sentence and a table, escaped."""
    return _fill("table", told=printable(told), heads=heads, rows=[[printable(cell) for cell in row] for row in rows])


def _point(row: LeaderboardRow) -> dict[str, Any] | None:
    """Where a model stands in the picture, in percent; None without answers on both sides."""
    due, undue = row.metrics[HELP_RATE.id], row.metrics[CONTROL_HELP_RATE.id]
    if due.estimate is None or undue.estimate is None:
        return None
    ends = {
        name: 100 * (value.estimate if end is None else end)
        for name, value, end in (
            ("x_low", undue, undue.low),
            ("x_high", undue, undue.high),
            ("y_low", due, due.low),
            ("y_high", due, due.high),
        )
        if value.estimate is not None
    }
    return {"name": printable(row.model), "x": 100 * undue.estimate, "y": 100 * due.estimate, **ends}


def _shown(value: MetricValue) -> str:
    if value.estimate is None:
        return "–"
    limits = "" if value.low is None or value.high is None else f" [{100 * value.low:.1f}, {100 * value.high:.1f}]"
    return f"{100 * value.estimate:.1f}{limits}"
