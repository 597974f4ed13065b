"""The dataset itself: taxonomy, counts, examples, how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from dataset_builder.dataset.taxonomy import FAMILIES, SUBTYPES
from space.frame.page import Page, Shell, followed, heading, html, link_bar, state_of
from space.pages.cases.markup import ADDRESS, START, SUBTYPE, examples, how_to_load, sums, taxonomy_tables
from space.ui.links import Choice, Field, Value, Whole, parse, query
from space.ui.window import Clicks, nothing_new, shown_box

STEP = 5


def build(shell: Shell) -> None:
    """Make the page."""
    store = shell.data.store
    counts = store.case_counts.get("subtype", {})
    fields: tuple[Field, ...] = (
        Choice(SUBTYPE, tuple(label.id for label in SUBTYPES if label.id in counts)),
        Whole(START, 0, max(store.case_count, 1), 0),
    )
    html(
        heading(
            "Cases",
            "The requests that models are asked, and the words this benchmark uses for why a rule holds or fails.",
        )
    )
    bar = html(classes="br-bar")
    html(sums(store.case_count, store.case_counts))
    with gr.Row(elem_classes="br-columns"):
        with gr.Column(scale=3, min_width=320, elem_classes="br-list"):
            html(
                "<h2>How to load it</h2>"
                + how_to_load(shell.data.dataset_hub_id, shell.data.dataset_name, store.configs)
            )
            terms = html(taxonomy_tables(store.case_counts, fields), follow=True)
        with gr.Column(scale=2, min_width=320, elem_classes="br-detail"):
            titles = {family.id: family.title for family in FAMILIES}
            picked = gr.Dropdown(
                [
                    (f"{titles[label.family]}: {label.title} ({counts[label.id]:,})", label.id)
                    for label in SUBTYPES
                    if label.id in counts
                ],
                label="Examples of a subtype",
                value=None,
            )
            opened = html(follow=True)
    shown, clicks = shown_box(), Clicks()

    def show(state: Mapping[str, Value]) -> tuple[str, str, str]:
        subtype, start = state[SUBTYPE], state[START]
        bar, as_query = link_bar(ADDRESS, fields, state), query(fields, state)
        if not isinstance(subtype, str):
            text = '<p class="br-note">Choose a subtype to read some of its cases.</p>'
            return text, bar, as_query
        total = counts.get(subtype, 0)
        first = start if isinstance(start, int) and start < total else 0
        found = store.cases(subtype=subtype, start=first, limit=STEP)
        return examples(subtype, found, first, total, STEP, fields), bar, as_query

    def load(request: gr.Request) -> tuple[Any, ...]:
        state = state_of(fields, request)
        return state[SUBTYPE], *show(state)

    def follow(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        state = followed(fields, event)
        clicks.note(request, query(fields, state))
        return state[SUBTYPE], *show(state)

    def pick(subtype: str | None, before: str, request: gr.Request) -> Sequence[Any]:
        state = parse(fields, [(SUBTYPE, subtype or "")])
        if clicks.undone_by(request, before) or state[SUBTYPE] == parse(fields, before or "")[SUBTYPE]:
            return nothing_new(len(parts))
        return show(state)

    def subtype_examples(subtype: str) -> tuple[str, str]:
        """Examples of a subtype, and the link to them, as HTML."""
        return show(parse(fields, [(SUBTYPE, subtype)]))[:2]

    parts = [opened, bar, shown]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, outputs=[picked, *parts], **quiet)
    for part in (terms, opened):
        part.click(follow, outputs=[picked, *parts], **quiet)
    picked.input(pick, [picked, shown], parts, trigger_mode="always_last", **quiet)
    gr.events.api(subtype_examples, api_name="examples")


PAGE = Page(ADDRESS, "Cases", build)
