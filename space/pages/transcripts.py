"""The transcripts: search, filters, one answer with its verdict, all models on one case."""

from __future__ import annotations

import gradio as gr

from space.page import Page, Shell, heading


def build(shell: Shell) -> None:
    """Make the page."""
    gr.HTML(heading("Transcripts", "Every case and what every model said to it."))


PAGE = Page("transcripts", "Transcripts", build)
