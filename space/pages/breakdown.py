"""The breakdown: rates by every label of the cases."""

from __future__ import annotations

from space.page import Page, Shell, heading, html


def build(shell: Shell) -> None:
    """Make the page."""
    html(heading("Breakdown", "Where each model helps and where it refuses."))


PAGE = Page("breakdown", "Breakdown", build)
