"""Pages that are only read: all of what they show follows from their address, and every control is a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from space.data.data import SpaceData
from space.frame.page import Page, Shell, followed, gone, html, link_bar, state_of
from space.frame.versions import version_told
from space.ui.links import Field, Value, parse

Pairs = Sequence[tuple[str, str]]


def reading_page(
    address: str,
    title: str,
    about: str,
    fields_of: Callable[[SpaceData], Sequence[Field]],
    show: Callable[[SpaceData, Mapping[str, Value]], Markup],
    *,
    settle: Callable[[SpaceData, Mapping[str, Value]], Mapping[str, Value]] = lambda data, state: state,
    card: Callable[[SpaceData, Pairs], Any] | None = None,
) -> Page:
    """A page that stands in no navigation and shows ``show`` of a state, heading and all.

    ``fields_of`` names the parts of the state over what there is now; ``settle`` fills in what an address leaves out,
    so that the link to what is shown goes on to show it.
    """

    def build(shell: Shell) -> None:
        lost = html()
        content = html(follow=True)
        bar = html(classes="br-bar")
        outputs: list[Any] = [content, bar, lost]

        def load(request: gr.Request) -> list[Any]:
            fields = fields_of(shell.data)
            state = settle(shell.data, state_of(fields, request))
            told = gone(address, fields, request, state) + version_told(shell.data, request)
            return [show(shell.data, state), link_bar(address, fields, state), told]

        def follow(event: gr.EventData) -> list[Any]:
            fields = fields_of(shell.data)
            state = settle(shell.data, followed(fields, event))
            return [show(shell.data, state), link_bar(address, fields, state), ""]

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shell.app.load(load, outputs=outputs, **quiet)
        content.click(follow, outputs=outputs, **quiet)

    def at_once(data: SpaceData, pairs: Pairs) -> Markup:
        return show(data, settle(data, parse(fields_of(data), pairs)))

    return Page(address, title, build, about, at_once, card, listed=False)
