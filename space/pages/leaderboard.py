"""The leaderboard: models ranked by how well they tell defeated rules from fair ones."""

from __future__ import annotations

from space.page import Page, Shell, heading, html


def build(shell: Shell) -> None:
    """Make the page."""
    html(heading("Leaderboard", "Which language models can tell rules that deserve compliance from rules that do not?"))


PAGE = Page("", "Leaderboard", build)
