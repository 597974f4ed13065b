"""What a page is, and the frame that all pages share: masthead, navigation, heading, link to the present state."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from dataset_builder import __version__
from dataset_builder.hub.client import ENDPOINT
from space.data.data import SpaceData
from space.frame.card import Card
from space.intake.intake import Intake
from space.ui.links import Choice, Field, Many, Text, Value, address, nearest, not_on_offer, parse
from space.ui.templates import template

SITE: Final = "Blind refusal"
# Set by the Hub in every Space.
SPACE: Final = "SPACE_ID"
# What the fields of addresses are called, where a value of theirs is gone.
_KINDS: Final = {
    "board": "leaderboard", "model": "model", "a": "model", "b": "model", "of": "model", "beside": "model",
    "judge": "judge", "case": "case", "metric": "rate", "by": "breakdown", "subtype": "subtype", "family": "family",
    "sort": "order", "columns": "column", "page": "page", "start": "place", "after": "place", "before": "place",
    "example": "example", "q": "search",
}  # fmt: skip
_MOST_GONE: Final = 5
# Where the tables behind the pages are: of each page what they are called, and what its state has to name for them.
DATA: Final = "data"
_KINDS_OF_FILES: Final = ("csv", "json", "parquet")
_ITS: Final = "Its data"
_TABLES: Final = {
    "": {_ITS: "leaderboard"},
    "breakdown": {_ITS: "breakdown"},
    "compare": {_ITS: "differences", "every rate": "compare", "the cases where they part": "parted"},
    "transcripts": {_ITS: "transcripts"},
    "cases": {_ITS: "cases"},
    "model": {_ITS: "model"},
    "case": {_ITS: "case"},
    "judges": {_ITS: "judges", "the answers listed": "judged"},
    "pairs": {_ITS: "pairs"},
    "arms": {_ITS: "arms", "asked again": "stability"},
}
_NEEDED: Final = {
    "compare": ("a", "b"), "model": ("model",), "case": ("case",), "judges": ("a", "b"), "pairs": ("board",),
    "arms": ("set",),
}  # fmt: skip
# What is only a place or a view in the state of a page.
_VIEW: Final = ("after", "before", "case", "of", "beside", "start", "page", "example", "zoom")
_fill = template("frame/page.html.j2", site=SITE)
# Sends the address of a clicked link to Python instead of loading the page anew. Clicks that ask
# for a new tab are left to the browser, which is why every such link has a working href too.
FOLLOW_LINKS: Final = """
element.dataset.follows = '';
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
    """A page: its address (empty for the first), its name in the navigation, and what builds it.

    ``about`` is what a search or a chat says of it, in a sentence. ``at_once``, of the parameters of an address, is
    what of the page stands in the served HTML and is seen before any script has run; a page may have none.
    ``card`` is what a link to a state shows elsewhere, where that is more than title and ``about``. A page that is not
    ``listed`` is reached from others and stands in no navigation.
    """

    address: str
    title: str
    build: Callable[[Shell], None]
    about: str
    at_once: Callable[[SpaceData, Sequence[tuple[str, str]]], Markup] | None = None
    card: Callable[[SpaceData, Sequence[tuple[str, str]]], Card | None] | None = None
    listed: bool = True


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
    return _fill("masthead", pages=[page for page in pages if page.listed], here=here)


def hub_address() -> str:
    """Where the Hub is."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def colophon(data: SpaceData | None) -> Markup:
    """The end of a page as HTML: paper, authors, dataset, code and licence."""
    space, name = os.environ.get(SPACE), data.dataset_hub_id if data else None
    return _fill(
        "colophon",
        dataset=on_hub(f"datasets/{name}") if name else "cases",
        code=on_hub(f"spaces/{space}/tree/main") if space else None,
        version=__version__,
    )


def on_hub(path: str) -> str:
    """The address of something on the Hub."""
    return f"{hub_address()}/{path}"


def heading(title: str, lead: str) -> Markup:
    """The page's heading and the one sentence under it, as HTML."""
    return _fill("heading", title=title, lead=lead)


def link_bar(
    path: str,
    fields: Sequence[Field],
    state: Mapping[str, Value],
    shown: Mapping[str, Mapping[str, Value]] | None = None,
) -> Markup:
    """A link to the present state, a button that copies it (by ``page.js``), and links to its data, as HTML.

    Whenever this HTML changes, ``page.js`` also puts the link into the browser's address bar. ``shown`` names the
    states whose data is linked, where the page shows another than ``state`` says.
    """
    needed = _NEEDED.get(path, ())
    kept = [field for field in fields if field.name not in _VIEW or field.name in needed]
    # Where there are no results yet there is no table of them.
    there = not any(field == Choice("board", ()) for field in fields) and all(state.get(name) for name in needed)
    tables = _TABLES.get(path, {}) if there else {}
    wanted = [(title, table, state) for title, table in tables.items()]
    if shown and tables:
        wanted = [(title, tables[_ITS], one) for title, one in shown.items()]
    files = [
        (title, [(kind, address(f"{DATA}/{table}.{kind}", kept, one)) for kind in _KINDS_OF_FILES])
        for title, table, one in wanted
    ]
    return _fill("link_bar", href=address(path, fields, state), files=files)


def state_of(fields: Sequence[Field], request: gr.Request) -> dict[str, Value]:
    """The state that a page was opened with."""
    return parse(fields, _pairs(request))


def gone(path: str, fields: Sequence[Field], request: gr.Request, shown: Mapping[str, Value] | None = None) -> Markup:
    """What the address of a page names that is not there, with a link to what is spelled most like it; else nothing.

    ``shown`` is the state that the page is in, where it is not just what ``parse`` makes of the address.
    """
    pairs, lost = _pairs(request), []
    state = shown or parse(fields, pairs)
    found = not_on_offer(fields, pairs)
    for field, asked in found[:_MOST_GONE]:
        like = nearest(asked, field.allowed) if isinstance(field, (Choice, Many)) else None
        kept = state[field.name]
        to: Value = like
        if isinstance(field, Many) and like is not None:
            to = tuple(dict.fromkeys([*(kept if isinstance(kept, tuple) and kept != field.default else ()), like]))
        href = None if like is None or state[field.name] == to else address(path, fields, {**state, field.name: to})
        lost.append(
            {
                "kind": _KINDS.get(field.name, "filter"),
                "asked": asked,
                "shown": kept if isinstance(kept, str) and not isinstance(field, Text) else None,
                # Of a text that is too long how much of it is read.
                "longest": field.longest if isinstance(field, Text) else None,
                "cut": isinstance(field, Text) and field.cut,
                "like": like,
                "href": href,
            }
        )
    return _fill("gone", lost=lost, more=len(found) - len(lost)) if lost else Markup()


def followed(fields: Sequence[Field], event: gr.EventData) -> dict[str, Value]:
    """The state of a link that was clicked in an ``html(follow=True)``."""
    sent: Any = event._data
    go = sent.get("go") if isinstance(sent, dict) else None
    return parse(fields, go if isinstance(go, str) else "")


def _pairs(request: gr.Request) -> list[tuple[str, str]]:
    """The names and values of the address that a page was opened with."""
    params = request.query_params
    pairs = params.multi_items() if hasattr(params, "multi_items") else list(dict(params).items())
    return [(str(name), str(value)) for name, value in pairs]
