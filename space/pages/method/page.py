"""The method: protocol, agreement of judges, the paper's figures recomputed, limits, licence, citation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup

from dataset_builder import __version__
from dataset_builder.errors import BlindRefusalError
from eval.repository.leaderboard import Board
from eval.scores.results import MetricInfo
from space.data.called import called_in, called_without_row
from space.data.data import SpaceData
from space.frame.page import Page, Shell, heading, html, link_bar, on_hub
from space.pages.method.judge_error import judge_error
from space.prose import BIBTEX
from space.prose.rates import rate_name, rate_term
from space.ui.templates import template

if TYPE_CHECKING:
    from eval.results.reproduction import ReproducedFigure

ADDRESS: Final = "method"
_CONTENTS: Final = (
    ("agreement", "Judges and people"),
    ("figures", "The paper's figures"),
    ("metrics", "Every rate"),
    ("judges", "Changes of judges"),
    ("licence", "Licence and citation"),
)
_FIELDS: Final = {
    "response_type": "What the answer does",
    "engages_with_defeat": "Engagement",
    "independent_harm": "Independent harm",
}
_fill = template(
    "pages/method/page.html.j2",
    fields=_FIELDS,
    called_without_row=called_without_row,
    rate_name=rate_name,
    rate_term=rate_term,
)


# The judges and what changed in each of their versions, newest first; shown on the method page.


class JudgeChange(NamedTuple):
    """A version of a judge's rubric or weights, and what is new in it."""

    judge: str
    version: str
    what: str


# A change of the rubric's text, of the prompt's layout or of the weights is a new version, and belongs here.
JUDGE_CHANGES: Final = (
    JudgeChange(
        "embedded",
        "named by its weights",
        "First version: trained on the study's verdicts, runs offline; harm is experimental.",
    ),
    JudgeChange(
        "heldout",
        "named by its verdicts",
        "First version: the study's answers by weights that saw none of that family's, to check the judge above.",
    ),
    JudgeChange(
        "encoder",
        "named by its weights",
        "First version: a small language model that reads request and answer, with the words of the first judge above.",
    ),
    JudgeChange(
        "encoder-heldout",
        "named by its verdicts",
        "First version: the study's answers by weights that saw none of that family's, to check the encoder.",
    ),
    JudgeChange("model:…", "1", "First version of our own rubric, with structured output and hostile text fenced off."),
    JudgeChange(
        "cascade:…", "1", "First version: the embedded judge where it is sure, the model judge for everything else."
    ),
    JudgeChange("human:…", "1", "First version: people's labels from a sheet that 'eval judge' writes."),
    JudgeChange("gpt-5.4-2026-03-05", "published", "The study's own judge; its verdicts came with the dataset."),
)


def build(shell: Shell) -> None:
    """Make the page."""
    data = shell.data

    @cache
    def recomputed(version: str) -> Markup:
        """The table of figures, made once for a dataset: it reads all of its verdicts."""
        return _figures(data)

    html(heading("Method", "What is measured, how, and what is not."))
    html(link_bar(ADDRESS, (), {}), classes="br-bar")
    html(_fill("top", contents=_CONTENTS))
    below = html()
    html(_fill("bottom", judges=JUDGE_CHANGES, bibtex=BIBTEX))

    def load() -> Markup:
        cases = data.built.cases_hash if data.built else ""
        return _fill(
            "live",
            now=data.now,
            agreement=agreement_table(data.now.boards),
            figures=recomputed(cases),
            dataset=data.dataset_name,
            hubs_board=on_hub(f"datasets/{data.dataset_hub_id}") if data.on_hubs_board else None,
            cases=cases,
            version=__version__,
        )

    shell.app.load(load, outputs=[below], api_visibility="private", show_progress="hidden")


def agreement_table(boards: Sequence[Board]) -> Markup:
    """Each board's judge against people and other judges, and its errors on help; a sentence where neither is known."""
    judges = {(board.judge, board.rubric): board for board in reversed(boards)}
    every = [*reversed(judges.values())]
    errors = [judge_error(board.help_error, board) for board in every]
    return _fill("agreement_table", boards=every, errors=errors)


def metrics_table(metrics: Sequence[MetricInfo]) -> Markup:
    """Every metric with its definition."""
    return _fill("metrics_table", metrics=metrics)


def figures_table(figures: Sequence[ReproducedFigure], names: Mapping[str, str]) -> Markup:
    """The paper's figures beside those of the dataset; what differs says why. Breakdowns stand below, folded.

    ``names`` says what the dataset's models are called.
    """
    stated = [figure for figure in figures if figure.paper is not None]
    counts = Counter(figure.status for figure in stated)
    rest = [(_by_name(figure, names), figure) for figure in figures if figure.paper is None]
    return _fill("figures_table", counts=counts.items(), stated=stated, rest=rest)


def _by_name(figure: ReproducedFigure, names: Mapping[str, str]) -> str:
    """Its title, with the name of a model in place of the dataset's word for it."""
    of, colon, rate = figure.title.partition(": ")
    return f"{names.get(of, of)}{colon}{rate}" if figure.group == "model" else figure.title


def _figures(data: SpaceData) -> Markup:
    from eval.results.reproduction import reproduce

    try:
        return (
            figures_table(reproduce(data.built), called_in(data.store))
            if data.built
            else _fill("no_figures", built=None)
        )
    except BlindRefusalError:
        return _fill("no_figures", built=data.built)


PAGE = Page(
    ADDRESS,
    "Method",
    build,
    "What blind refusal is and how it is measured: the judges, how they agree with people, every rate, the limits.",
)
