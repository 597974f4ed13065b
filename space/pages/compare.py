"""The comparison of two models."""

from __future__ import annotations

from space.page import Page, Shell, heading, html


def build(shell: Shell) -> None:
    """Make the page."""
    html(heading("Compare", "Two models on the same cases."))


PAGE = Page("compare", "Compare", build)
