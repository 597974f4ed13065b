"""The method: protocol, agreement of judges, the paper's figures recomputed, limits, licence, citation."""

from __future__ import annotations

from functools import cache
from html import escape

from dataset_builder import __version__
from dataset_builder.errors import BlindRefusalError
from space.data.data import Snapshot, SpaceData
from space.frame.page import Page, Shell, heading, html, link_bar
from space.pages.method.markup import agreement_table, figures_table, judges_table, metrics_table
from space.prose import BIBTEX, prose
from space.ui.safe_text import safe

ADDRESS = "method"
_CONTENTS = (
    ("agreement", "Judges and people"),
    ("figures", "The paper's figures"),
    ("metrics", "Every rate"),
    ("judges", "Changes of judges"),
    ("licence", "Licence and citation"),
)


def build(shell: Shell) -> None:
    """Make the page."""
    data = shell.data

    @cache
    def recomputed(version: str) -> str:
        """The table of figures, made once for a dataset: it reads all of its verdicts."""
        return _figures(data)

    html(heading("Method", "What is measured, how, and what is not."))
    html(link_bar(ADDRESS, (), {}), classes="br-bar")
    jumps = " ".join(f'<a href="#{name}">{title}</a>' for name, title in _CONTENTS)
    html(f'<p class="br-ways">{jumps}</p>{prose("measured")}{prose("protocol")}')
    below = html()
    html(
        f'{prose("limits")}<h2 id="judges">Changes of judges</h2>{prose("judges")}{judges_table()}'
        f'<h2 id="licence">Licence and citation</h2>{prose("licence")}<pre class="br-method">{escape(BIBTEX)}</pre>'
    )

    def load() -> str:
        return _live(data.now, data, recomputed(data.built.cases_hash if data.built else ""))

    shell.app.load(load, outputs=[below], api_visibility="private", show_progress="hidden")


def _live(now: Snapshot, data: SpaceData, figures: str) -> str:
    """What depends on the data: agreement, figures, metrics, versions, as HTML."""
    made = now.leaderboard
    metrics = metrics_table(made.metrics) if made else '<p class="br-note">There are no results here.</p>'
    commit = f"results {safe(now.version[:12])}" if now.version else "no results"
    cases = f"cases {safe(data.built.cases_hash[:12])}" if data.built else ""
    excluded = ""
    if made and made.excluded:
        rows = "".join(f"<li>{safe(one.model or one.bundle)}: {safe(one.reason)}</li>" for one in made.excluded)
        excluded = f"<details><summary>{len(made.excluded)} submissions have no row</summary><ul>{rows}</ul></details>"
    return (
        '<h2 id="agreement">Judges and people</h2><p class="br-method">How far each judge gives the labels that people '
        "give, as Cohen's kappa: 1 is full agreement, 0 what chance would give.</p>"
        f'{agreement_table(now.boards)}<h2 id="figures">The paper\'s figures, recomputed</h2>{figures}'
        f'<h2 id="metrics">Every rate</h2>{metrics}{excluded}'
        f'<p class="br-note">Shown here: dataset {safe(data.dataset_name)}, {cases}; {commit}; blind-refusal '
        f"{__version__}.</p>"
    )


def _figures(data: SpaceData) -> str:
    from eval.results.reproduction import reproduce

    if data.built is None:
        return '<p class="br-note">The dataset is not at hand.</p>'
    try:
        return figures_table(reproduce(data.built))
    except BlindRefusalError:
        return (
            '<p class="br-note">This dataset does not hold the study\'s answers and reviews, so the figures of the '
            "paper cannot be recomputed from it. <code>blind-refusal eval reproduce</code> does so elsewhere.</p>"
        )


PAGE = Page(ADDRESS, "Method", build)
