"""The method: protocol, agreement of judges, limits, licence, citation."""

from __future__ import annotations

import gradio as gr

from space.page import Page, Shell, heading


def build(shell: Shell) -> None:
    """Make the page."""
    gr.HTML(heading("Method", "What is measured, how, and what is not."))


PAGE = Page("method", "Method", build)
