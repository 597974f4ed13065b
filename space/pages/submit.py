"""How to submit a model."""

from __future__ import annotations

from space.page import Page, Shell, heading, html


def build(shell: Shell) -> None:
    """Make the page."""
    html(heading("Submit", "How a model gets onto the leaderboard."))
    html(
        "<p>Run the evaluation on the public dataset with <code>blind-refusal eval run</code>, judge the answers, and "
        "send the run with its transcripts to the maintainers. Every score is computed again from the transcripts; "
        "a row without transcripts is not shown.</p>"
    )


PAGE = Page("submit", "Submit", build)
