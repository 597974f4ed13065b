"""The app: every page at an address of its own, wired to the data. Nothing else happens here."""

from __future__ import annotations

import gradio as gr

from space.api.endpoints import add_endpoints
from space.api.tables import Tables
from space.api.tools import Tools
from space.data.data import SpaceData
from space.frame.page import SITE, Shell, html, masthead
from space.intake.intake import Intake
from space.pages import PAGES

# Events only read: nothing is gained by letting them wait for each other one by one.
CONCURRENT_EVENTS = 16
# Uploads that nobody confirmed go after an hour; the others at once.
FORGET_UPLOADS = (600, 3600)


def build_app(data: SpaceData, intake: Intake | None = None, tools: Tools | None = None) -> gr.Blocks:
    """The app over some data; launch it with ``**space.ui.theme.launch_settings()``.

    ``intake`` takes submissions; without one the results are only shown. ``tools`` are what programs may ask.
    """
    first, *others = PAGES
    app: gr.Blocks
    with gr.Blocks(title=SITE, analytics_enabled=False, fill_width=True, delete_cache=FORGET_UPLOADS) as app:
        html(masthead(PAGES, first))
        first.build(Shell(app, data, intake))
        add_endpoints(app, tools or Tools(Tables(data)))
    for page in others:
        with app.route(page.title, page.address):
            html(masthead(PAGES, page))
            page.build(Shell(app, data, intake))
    app.queue(default_concurrency_limit=CONCURRENT_EVENTS)
    return app
