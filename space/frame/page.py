"""What a page is, and the frame that all pages share: masthead, navigation, heading, link to the present state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import gradio as gr

from space.data.data import SpaceData
from space.intake.intake import Intake
from space.ui.links import Field, Value, address, parse

SITE: Final = "Blind refusal"
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


def masthead(pages: Sequence[Page], here: Page) -> str:
    """The top of a page as HTML: the site's name and the navigation, with relative links."""
    items = []
    for page in pages:
        current = ' aria-current="page"' if page is here else ""
        items.append(f'<a href="{page.address or "./"}"{current}>{escape(page.title)}</a>')
    return (
        f'<header class="br-masthead" data-title="{escape(here.title)} · {SITE}">'
        f'<a class="br-skip" href="#br-main">Skip to content</a><a class="br-site" href="./">{SITE}</a>'
        f'<nav aria-label="Pages">{"".join(items)}</nav></header>'
    )


def heading(title: str, lead: str) -> str:
    """The page's heading and the one sentence under it, as HTML; both are our own text."""
    return f'<h1 id="br-main" tabindex="-1">{escape(title)}</h1><p class="br-lead">{escape(lead)}</p>'


def link_bar(path: str, fields: Sequence[Field], state: Mapping[str, Value]) -> str:
    """A link to the present state and a button that copies it, as HTML; ``page.js`` does the copying.

    Whenever this HTML changes, ``page.js`` also puts the link into the browser's address bar.
    """
    href = escape(address(path, fields, state), quote=True)
    return (
        f'<p class="br-link-bar"><button type="button" class="br-copy">Copy link</button> '
        f'<a class="br-state" href="{href}">Link to this view</a> '
        f'<span class="br-copied" role="status"></span></p>'
    )


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
