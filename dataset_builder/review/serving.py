"""Serving a review page on loopback, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files

from dataset_builder.errors import InputError
from dataset_builder.review.sheet import Item, Labels, Question


def serve_review(
    title: str,
    items: Sequence[Item],
    questions: Sequence[Question],
    labels: Labels,
    reviewers: Sequence[str],
    *,
    port: int,
) -> None:
    """Serve the page on loopback until interrupted. Raises InputError where Gradio is missing or the port is taken."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        from dataset_builder.review.page import build_page
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise InputError("The review page needs Gradio. Install it with: pip install 'blind-refusal[space]'") from None
    page = build_page(title, items, questions, labels, reviewers)
    assets = files("dataset_builder.review")
    script = assets.joinpath("page.js").read_text(encoding="utf-8")
    try:
        page.launch(
            server_name="127.0.0.1",
            server_port=port,
            share=False,
            quiet=True,
            css=assets.joinpath("page.css").read_text(encoding="utf-8"),
            head=f"<script>{script}</script>",
        )
    except OSError as error:
        raise InputError(f"--port {port}: {error}. Give another one.") from None
