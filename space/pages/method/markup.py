"""The method page's tables: agreement of judges with people, the paper's figures recomputed, metrics, judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from eval.repository.leaderboard import Board
from eval.scores.results import MetricInfo
from space.ui.safe_text import safe

if TYPE_CHECKING:
    from eval.results.reproduction import ReproducedFigure
from typing import NamedTuple

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
    JudgeChange("model:…", "1", "First version of our own rubric, with structured output and hostile text fenced off."),
    JudgeChange(
        "cascade:…", "1", "First version: the embedded judge where it is sure, the model judge for everything else."
    ),
    JudgeChange("human:…", "1", "First version: people's labels from a sheet that 'eval judge' writes."),
    JudgeChange("gpt-5.4-2026-03-05", "published", "The study's own judge; its verdicts came with the dataset."),
)


_FIELDS: Final = {
    "response_type": "What the answer does",
    "engages_with_defeat": "Engagement",
    "independent_harm": "Independent harm",
}
_BETTER: Final = {1: "more is better", -1: "less is better", 0: "neither"}


def table(label: str, heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A plain table of inert cells; each heading says whether its column holds numbers."""
    head = "".join(f'<th scope="col"{" class=num" if number else ""}>{escape(text)}</th>' for text, number in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=num' if number else ''}>{value}</td>" for value, (_, number) in zip(row, heads, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    below = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="br-scroll br-wide" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="br-table">{below}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def metrics_table(metrics: Sequence[MetricInfo]) -> str:
    """Every metric with its definition."""
    rows = [(safe(m.title), safe(m.definition), _BETTER.get(m.better, "")) for m in metrics]
    return table("Metrics", [("Rate", False), ("What it is", False), ("", False)], rows)


def agreement_table(boards: Sequence[Board]) -> str:
    """Each board's judge against people and other judges; a sentence where nothing was measured."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for board in boards:
        if (board.judge, board.rubric) in seen:
            continue
        seen.add((board.judge, board.rubric))
        for one in board.judge_agreement:
            rows.append(
                (
                    safe(f"{board.judge} ({board.rubric})"),
                    safe(one.against.replace("_", " ")),
                    escape(_FIELDS.get(one.field, one.field)),
                    f"{one.n:,}",
                    _number(one.kappa),
                    _limits(one.kappa_low, one.kappa_high),
                    "–" if one.agreement is None else f"{100 * one.agreement:.1f}",
                )
            )
    unmeasured = [safe(b.judge) for b in boards if not b.judge_agreement]
    text = f'<p class="br-note">Not measured for: {", ".join(dict.fromkeys(unmeasured))}.</p>' if unmeasured else ""
    if not rows:
        return text or '<p class="br-note">There are no results here.</p>'
    heads = [
        ("Judge (rubric)", False), ("Against", False), ("Label", False), ("n", True), ("Kappa", True),
        ("95 % interval", True), ("Equal, %", True),
    ]  # fmt: skip
    return table("Agreement of judges", heads, rows) + text


def figures_table(figures: Sequence[ReproducedFigure]) -> str:
    """The paper's figures beside those of the dataset; what differs says why. Breakdowns stand below, folded."""
    stated = [figure for figure in figures if figure.paper is not None]
    counts = Counter(figure.status for figure in stated)
    told = ", ".join(f"{n} {status}" for status, n in counts.items())
    heads = [
        ("Figure", False), ("Where in the paper", False), ("Paper", True), ("Recomputed", True), ("n", True),
        ("", False),
    ]  # fmt: skip
    rows = [
        (
            safe(one.title),
            safe(one.where or ""),
            safe(one.paper or ""),
            safe(one.shown),
            f"{one.n:,}",
            safe(one.status) + (f'<br><span class="br-note">{safe(one.note)}</span>' if one.note else ""),
        )
        for one in stated
    ]
    rest = [(safe(one.title), safe(one.shown), f"{one.n:,}") for one in figures if one.paper is None]
    more = ""
    if rest:
        heads_rest = [("Rate", False), ("Recomputed", True), ("n", True)]
        more = (
            f"<details><summary>{len(rest)} more rates by family, authority, dual use and model, whose values in the "
            f"paper are not at hand</summary>{table('More rates', heads_rest, rest)}</details>"
        )
    return f'<p class="br-note">{escape(told)}.</p>{table("Figures of the paper", heads, rows)}{more}'


def judges_table() -> str:
    """The changelog of judges."""
    rows = [(escape(one.judge), escape(one.version), escape(one.what)) for one in JUDGE_CHANGES]
    return table("Judges", [("Judge", False), ("Version", False), ("What is new", False)], rows)


def _limits(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
