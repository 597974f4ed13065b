"""The breakdown: rates by every label of the cases."""

from __future__ import annotations

import gradio as gr

from space.page import Page, Shell, heading


def build(shell: Shell) -> None:
    """Make the page."""
    gr.HTML(heading("Breakdown", "Where each model helps and where it refuses."))


PAGE = Page("breakdown", "Breakdown", build)
