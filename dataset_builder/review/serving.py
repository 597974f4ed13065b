"""Serving a review page on loopback, until interrupted."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from importlib.resources import files

from dataset_builder.errors import InputError
from dataset_builder.extras import needed_extras
from dataset_builder.review.sheet import Item, Labels, Question


def serve_review(
    title: str,
    items: Sequence[Item],
    questions: Sequence[Question],
    labels: Labels,
    reviewers: Sequence[str],
    *,
    port: int,
    say: Callable[[str], None],
) -> None:
    """Serve the page on loopback until interrupted; each reviewer's address is said once it answers.

    Raises InputError where Gradio is missing or the port is taken.
    """
    taken = InputError(f"127.0.0.1:{port}: cannot listen there; name a free port with --port.")
    try:
        # Before Gradio is opened, which takes seconds.
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise taken from None
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    with needed_extras():
        from dataset_builder.review.page import build_page
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
            prevent_thread_lock=True,
        )
        for name in reviewers:
            say(f"  http://127.0.0.1:{port}/?reviewer={name}")
        page.block_thread()
    except OSError:
        # Gradio's own words speak of variables that play no part here.
        raise taken from None
    except KeyboardInterrupt:
        # Before Gradio waits for it itself.
        page.close(verbose=False)
