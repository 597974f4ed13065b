"""The comparison of two models."""

from __future__ import annotations

import gradio as gr

from space.page import Page, Shell, heading


def build(shell: Shell) -> None:
    """Make the page."""
    gr.HTML(heading("Compare", "Two models on the same cases."))


PAGE = Page("compare", "Compare", build)
