"""What a page is, and the frame that all pages share: masthead, navigation, heading, link to the present state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from space.data.data import SpaceData
from space.intake.intake import Intake
from space.ui.links import Field, Value, address, parse
from space.ui.templates import template

SITE: Final = "Blind refusal"
_fill = template("frame/page.html.j2", site=SITE)
# Sends the address of a clicked link to Python instead of loading the page anew. Clicks that ask
# for a new tab are left to the browser, which is why every such link has a working href too.
FOLLOW_LINKS: Final = """
element.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-go]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  event.preventDefault();
  trigger('click', {go: link.dataset.go});
});
"""


@dataclass(frozen=True)
class Shell:
    """What a page is built with; ``intake`` takes submissions, None where the results are only shown."""

    app: gr.Blocks
    data: SpaceData
    intake: Intake | None = None


@dataclass(frozen=True)
class Page:
    """A page: its address (empty for the first), its name in the navigation, and what builds it."""

    address: str
    title: str
    build: Callable[[Shell], None]


def html(value: str = "", *, follow: bool = False, classes: str = "") -> gr.HTML:
    """HTML of ours under our own style sheet alone; with ``follow``, its ``data-go`` links raise ``click``."""
    return gr.HTML(
        value,
        apply_default_css=False,
        js_on_load=FOLLOW_LINKS if follow else None,
        elem_classes=f"br {classes}".split(),
    )


def masthead(pages: Sequence[Page], here: Page) -> Markup:
    """The top of a page as HTML: the site's name and the navigation, with relative links."""
    return _fill("masthead", pages=pages, here=here)


def heading(title: str, lead: str) -> Markup:
    """The page's heading and the one sentence under it, as HTML."""
    return _fill("heading", title=title, lead=lead)


def link_bar(path: str, fields: Sequence[Field], state: Mapping[str, Value]) -> Markup:
    """A link to the present state and a button that copies it, as HTML; ``page.js`` does the copying.

    Whenever this HTML changes, ``page.js`` also puts the link into the browser's address bar.
    """
    return _fill("link_bar", href=address(path, fields, state))


def state_of(fields: Sequence[Field], request: gr.Request) -> dict[str, Value]:
    """The state that a page was opened with."""
    params = request.query_params
    pairs = params.multi_items() if hasattr(params, "multi_items") else list(dict(params).items())
    return parse(fields, [(str(name), str(value)) for name, value in pairs])


def followed(fields: Sequence[Field], event: gr.EventData) -> dict[str, Value]:
    """The state of a link that was clicked in an ``html(follow=True)``."""
    sent: Any = event._data
    go = sent.get("go") if isinstance(sent, dict) else None
    return parse(fields, go if isinstance(go, str) else "")
