"""The dataset itself: taxonomy, counts, examples, how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from dataset_builder.dataset.tables import CONFIGS, DEFAULT_CONFIG, TEST
from dataset_builder.dataset.taxonomy import (
    AUTHORITY_GROUPS,
    AUTHORITY_TYPES,
    CONTROL,
    DIMENSIONS,
    FAMILIES,
    SUBTYPE_BY_ID,
    SUBTYPES,
)
from eval.scores.cases import FLAGGED
from space.data.data import SpaceData
from space.frame.page import Page, Shell, followed, gone, heading, html, link_bar, state_of
from space.frame.versions import version_told
from space.store.store import Store
from space.ui.links import Choice, Field, Value, Whole, link, parse, query
from space.ui.templates import template
from space.ui.window import Clicks, nothing_new, shown_box

ADDRESS: Final = "cases"
SUBTYPE, START = "subtype", "start"
STEP: Final = 5
_ABOUT: Final = "The requests that models are asked, and the words this benchmark uses for why a rule holds or fails."
_fill = template("pages/cases/page.html.j2")


def build(shell: Shell) -> None:
    """Make the page."""
    store, fields = shell.data.store, _fields(shell.data)
    html(heading("Cases", _ABOUT))
    bar = html(classes="br-bar")
    lost = html()
    sums = html(_sums(store.case_count, store.case_counts))
    with gr.Row(elem_classes="br-columns"):
        with gr.Column(scale=3, min_width=320, elem_classes="br-list"):
            loading = html(_how_to_load(shell.data))
            terms = html(_taxonomy(store.case_counts, fields), follow=True)
        with gr.Column(scale=2, min_width=320, elem_classes="br-detail"):
            picked = gr.Dropdown(_choices(store), label="Examples of a subtype", value=None)
            opened = html(follow=True)
    shown, clicks = shown_box(), Clicks()

    def show(state: Mapping[str, Value]) -> tuple[Markup, Markup, str]:
        store, fields = shell.data.store, _fields(shell.data)
        subtype, start = state[SUBTYPE], state[START]
        bar, as_query = link_bar(ADDRESS, fields, state), query(fields, state)
        if not isinstance(subtype, str):
            return _fill("none_chosen"), bar, as_query
        total = store.case_counts.get("subtype", {}).get(subtype, 0)
        first = start if isinstance(start, int) and start < total else 0
        found = _fill(
            "examples",
            label=SUBTYPE_BY_ID[subtype],
            cases=store.cases(subtype=subtype, start=first, limit=STEP),
            start=first,
            past=start if first != start else None,
            total=total,
            step=STEP,
            link=lambda subtype, start: link(ADDRESS, fields, {SUBTYPE: subtype, START: start}),
        )
        return found, bar, as_query

    def load(request: gr.Request) -> tuple[Any, ...]:
        here, fields = shell.data.store, _fields(shell.data)
        state = state_of(fields, request)
        lost = gone(ADDRESS, fields, request) + version_told(shell.data, request)
        if here.case_counts == store.case_counts:
            return state[SUBTYPE], *show(state), lost, *nothing_new(3)
        # An older version of the dataset.
        parts = _sums(here.case_count, here.case_counts), _how_to_load(shell.data), _taxonomy(here.case_counts, fields)
        return gr.update(choices=_choices(here), value=state[SUBTYPE]), *show(state), lost, *parts

    def follow(event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        fields = _fields(shell.data)
        state = followed(fields, event)
        clicks.note(request, query(fields, state))
        return state[SUBTYPE], *show(state)

    def pick(subtype: str | None, before: str, request: gr.Request) -> Sequence[Any]:
        fields = _fields(shell.data)
        state = parse(fields, [(SUBTYPE, subtype or "")])
        if clicks.undone_by(request, before) or state[SUBTYPE] == parse(fields, before or "")[SUBTYPE]:
            return nothing_new(len(parts))
        return show(state)

    parts = [opened, bar, shown]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, outputs=[picked, *parts, lost, sums, loading, terms], **quiet)
    for part in (terms, opened):
        part.click(follow, outputs=[picked, *parts], **quiet)
    picked.input(pick, [picked, shown], parts, trigger_mode="always_last", **quiet)


def _fields(data: SpaceData) -> tuple[Field, ...]:
    counts = data.store.case_counts.get("subtype", {})
    return (
        Choice(SUBTYPE, tuple(label.id for label in SUBTYPES if label.id in counts)),
        Whole(START, 0, max(data.store.case_count, 1), 0),
    )


def _choices(store: Store) -> list[tuple[str, str]]:
    """The subtypes that there are, each with its family and how many cases it has."""
    counts, titles = store.case_counts.get("subtype", {}), {family.id: family.title for family in FAMILIES}
    there = [label for label in SUBTYPES if label.id in counts]
    return [(f"{titles[label.family]}: {label.title} ({counts[label.id]:,})", label.id) for label in there]


def _sums(total: int, counts: Mapping[str, Mapping[str, int]]) -> Markup:
    """The dataset in one line."""
    return _fill(
        "sums",
        total=total,
        control=counts.get("family", {}).get(CONTROL, 0),
        flagged=counts.get("dual_use", {}).get(FLAGGED, 0),
        cells=len(counts.get("family_authority", {})),
    )


def _how_to_load(data: SpaceData) -> Markup:
    """Code that opens the dataset, and what its configs are."""
    configs = [config for config in CONFIGS if config.name in data.store.configs]
    where = data.dataset_hub_id or f"path/to/{data.dataset_name}"
    there = "responses" in data.store.configs
    return _fill(
        "how_to_load", where=where, default=DEFAULT_CONFIG, split=TEST, has_answers=there, configs=configs
    )  # fmt: skip


def _taxonomy(counts: Mapping[str, Mapping[str, int]], fields: tuple[Field, ...]) -> Markup:
    """Families with their subtypes, authorities with their groups, and the dimensions, each with its cases counted."""
    return _fill(
        "taxonomy",
        families=FAMILIES,
        subtypes=SUBTYPES,
        groups=AUTHORITY_GROUPS,
        authorities=AUTHORITY_TYPES,
        dimensions=DIMENSIONS,
        counts=counts,
        link=lambda subtype, start: link(ADDRESS, fields, {SUBTYPE: subtype, START: start}),
    )


PAGE = Page(ADDRESS, "Cases", build, _ABOUT)
