"""The questions as named endpoints of the app, for ``gradio_client`` and anything that speaks HTTP."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.events import api

from space.api.asked import request_of, schema_of
from space.api.tools import Tools, guarded


def add_endpoints(app: gr.Blocks, tools: Tools) -> None:
    """Register them; call it within the app's Blocks context."""
    for function in tools.all:
        name = function.__name__
        api(guarded(function, _told), api_name=name)
        properties = schema_of(request_of(function))["properties"]
        (made,) = [one for one in app.fns.values() if one.api_name == name]
        parts: list[Any] = list(made.inputs)
        # Gradio knows types alone; its clients show a parameter's label as what it means.
        for part, (parameter, schema) in zip(parts, properties.items(), strict=True):
            part.label = f"{parameter}: {schema.get('description', '')}"
            part._api_info = schema


def _told(text: str) -> Exception:
    return gr.Error(text, print_exception=False)
