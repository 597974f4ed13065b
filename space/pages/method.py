"""The method: protocol, agreement of judges, limits, licence, citation."""

from __future__ import annotations

from space.page import Page, Shell, heading, html


def build(shell: Shell) -> None:
    """Make the page."""
    html(heading("Method", "What is measured, how, and what is not."))


PAGE = Page("method", "Method", build)
