"""The app: every page at an address of its own, wired to the data. Nothing else happens here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from space.api.endpoints import add_endpoints
from space.api.tables import Tables
from space.api.tools import Tools
from space.data.data import SpaceData
from space.data.facing import reading
from space.frame.page import SITE, Shell, colophon, html, masthead
from space.frame.versions import PINNED
from space.intake.intake import Intake
from space.pages import PAGES

# Events only read: nothing is gained by letting them wait for each other one by one.
CONCURRENT_EVENTS = 16
# Uploads that nobody confirmed go after an hour; the others at once.
FORGET_UPLOADS = (600, 3600)
# How often gradio looks whether an event waits. By itself it looks a thousand times a second, which takes 6 % of a core
# of a Space that nobody visits.
PAUSE_S = 0.01


def build_app(data: SpaceData, intake: Intake | None = None, tools: Tools | None = None) -> gr.Blocks:
    """The app over some data; launch it with ``**space.ui.theme.launch_settings()``.

    ``intake`` takes submissions; without one the results are only shown. ``tools`` are what programs may ask.
    """
    first, *others = PAGES
    app: gr.Blocks
    with _served_once():
        with _App(title=SITE, analytics_enabled=False, fill_width=True, delete_cache=FORGET_UPLOADS) as app:
            html(masthead(PAGES, first))
            first.build(Shell(app, data, intake))
            html(colophon(data))
            add_endpoints(app, tools or Tools(Tables(data)))
        for page in others:
            with app.route(page.title, page.address):
                html(masthead(PAGES, page))
                page.build(Shell(app, data, intake))
                html(colophon(data))
    # Where gradio's script finds a Space's name, it asks the Hub about it and Google for two typefaces, to draw a bar
    # over the page that says whose Space it is; the end of our pages says that.
    app.space_id = None
    app.config = app.get_config_file()
    app.queue(default_concurrency_limit=CONCURRENT_EVENTS)
    app._queue.sleep_when_free = PAUSE_S
    return app


class _App(gr.Blocks):
    """The app, each of whose events reads the version that its page stands for."""

    async def process_api(self, *args: Any, **named: Any) -> dict[str, Any]:
        """Answer an event."""
        with reading(_pinned(named.get("request"))):
            return await super().process_api(*args, **named)


def _pinned(request: Any) -> SpaceData | None:
    """The data of the version that the address of a request pins; None where it pins none."""
    asked = getattr(request, "request", None)
    found: SpaceData | None = asked.scope.get(PINNED) if asked is not None else None
    return found


@contextmanager
def _served_once() -> Iterator[None]:
    """Keep gradio from making its whole web app anew at the end of every page, which took half of the start.

    It is made when all pages stand, by ``queue``. Where gradio does it in another way, nothing is changed.
    """
    made, pages = getattr(gr.blocks, "App", None), gr.Blocks
    make, describe = getattr(made, "create_app", None), getattr(pages, "get_config_file", None)
    if made is None or make is None or describe is None:
        yield
        return
    made.create_app = staticmethod(lambda *_, **__: None)
    setattr(pages, "get_config_file", lambda *_, **__: {})  # noqa: B010 - a method, for mypy
    try:
        yield
    finally:
        made.create_app = make
        setattr(pages, "get_config_file", describe)  # noqa: B010
