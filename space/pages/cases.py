"""The dataset itself: taxonomy, counts, examples, how to load it."""

from __future__ import annotations

import gradio as gr

from space.page import Page, Shell, heading


def build(shell: Shell) -> None:
    """Make the page."""
    gr.HTML(heading("Cases", "The cases that models are asked about, and the words this benchmark uses for them."))


PAGE = Page("cases", "Cases", build)
