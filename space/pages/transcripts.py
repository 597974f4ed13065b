"""The transcripts: search, filters, one answer with its verdict, all models on one case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from dataset_builder.taxonomy import UNSCORED_REASONS
from space.facets import AUTHORITY, ENGAGES, FACET_BY_ID, FACETS, FAMILY, MODEL, SUBTYPE, TYPE, Facet
from space.links import Value, parse
from space.page import Page, Shell, followed, heading, html, link_bar, state_of
from space.search_query import LONGEST
from space.store import Store
from space.transcript_html import nothing_open, result_list, side_by_side, single
from space.transcript_state import ADDRESS, AFTER, BEFORE, BESIDE, CASE, OF, TEXT, TranscriptState, search_of

_ALWAYS_SHOWN = (MODEL, TYPE, ENGAGES, FAMILY, SUBTYPE, AUTHORITY)


def build(shell: Shell) -> None:
    """Make the page."""
    # Newer results may bring transcripts along, so every event takes the store of its moment.
    store = shell.data.store
    html(
        heading(
            "Transcripts",
            f"What {len(store.models)} model{'s' * (len(store.models) != 1)} answered to {store.case_count:,} requests "
            "for help around a rule, each with its verdict.",
        )
    )
    bar = html(classes="br-bar")
    if not store.total:
        html(
            '<p class="br-notice">This dataset holds cases but no answers. Serve one that was built from the study, or '
            "look at the cases themselves on the <a href='cases'>Cases</a> page.</p>"
        )
    controls: dict[str, gr.Textbox | gr.Dropdown] = {
        TEXT: gr.Textbox(
            label="Search in request, rule and answer",
            placeholder='words, or a "phrase in quotes"',
            max_length=LONGEST,
            lines=1,
            max_lines=1,
            elem_classes="br-search",
        )
    }
    with gr.Row(elem_classes="br-filters"):
        controls |= {facet.id: _filter(facet, store) for facet in FACETS if facet.id in _ALWAYS_SHOWN}
    with gr.Accordion("More filters", open=False), gr.Row(elem_classes="br-filters"):
        controls |= {facet.id: _filter(facet, store) for facet in FACETS if facet.id not in _ALWAYS_SHOWN}
    with gr.Row(elem_classes="br-columns"):
        with gr.Column(scale=2, min_width=320, elem_classes="br-list"):
            results = html(follow=True)
        with gr.Column(scale=3, min_width=320, elem_classes="br-detail"):
            opened = html(follow=True)

    parts, inputs = [results, opened, bar], list(controls.values())

    def at_hand() -> tuple[Store, TranscriptState]:
        now = shell.data.store
        return now, TranscriptState(now.models)

    def all_of(now: Store, links: TranscriptState, state: Mapping[str, Value]) -> list[Any]:
        values: dict[str, Any] = {
            name: list(value) if isinstance(value := state[name], tuple) else value for name in controls
        }
        values[MODEL] = gr.update(choices=_choices(FACET_BY_ID[MODEL], now), value=values[MODEL])
        return [*values.values(), *_show(now, links, state)]

    def load(request: gr.Request) -> list[Any]:
        now, links = at_hand()
        return all_of(now, links, state_of(links.fields, request))

    def follow(event: gr.EventData) -> list[Any]:
        now, links = at_hand()
        return all_of(now, links, followed(links.fields, event))

    def search(*values: Any) -> tuple[str, str, str]:
        now, links = at_hand()
        return _show(now, links, _state_of_controls(links, dict(zip(controls, values, strict=True))))

    def transcripts_at(address: str) -> tuple[str, str, str]:
        """The page at an address such as ``q=rent&model=grok-4``: list, open transcript and link, as HTML."""
        now, links = at_hand()
        return _show(now, links, parse(links.fields, address))

    shell.app.load(load, outputs=[*inputs, *parts], api_visibility="private", show_progress="hidden")
    for part in (results, opened):
        part.click(follow, outputs=[*inputs, *parts], api_visibility="private", show_progress="hidden")
    gr.on(
        [control.input for control in controls.values()],
        search,
        inputs=inputs,
        outputs=parts,
        api_name="transcripts",
        show_progress="hidden",
        trigger_mode="always_last",
    )
    gr.events.api(transcripts_at, api_name="transcripts_at")


def _show(store: Store, links: TranscriptState, state: Mapping[str, Value]) -> tuple[str, str, str]:
    """List, open transcript and link bar of a state."""
    search = search_of(state)
    after, before, case_id = state[AFTER], state[BEFORE], state[CASE]
    found = store.find(
        search,
        after=after if isinstance(after, int) else None,
        before=before if isinstance(before, int) else None,
    )
    rows = result_list(found, store.cases_of(row.case_id for row in found.rows), links, state, store.last())
    opened = _open(store, links, state, case_id) if isinstance(case_id, str) and case_id else ""
    return rows, opened, link_bar(ADDRESS, links.fields, state)


def _open(store: Store, links: TranscriptState, state: Mapping[str, Value], case_id: str) -> str:
    case, model = store.case(case_id), state[OF]
    if case is None:
        return nothing_open(case_id)
    if isinstance(model, str):
        answer = store.transcript(case_id, model)
        if answer is None:
            return nothing_open(case_id)
        return single(answer, case, store.neighbours(search_of(state), answer.no), links, state)
    chosen = state[BESIDE]
    answers = [a for a in store.answers(case_id) if not chosen or (isinstance(chosen, tuple) and a.model in chosen)]
    return side_by_side(case, answers, store.case_neighbours(case_id), links, state)


def _filter(facet: Facet, store: Store) -> gr.Dropdown:
    """A control for one facet, with how many answers each value has."""
    return gr.Dropdown(
        choices=_choices(facet, store),
        label=facet.title,
        multiselect=True,
        min_width=150,
        elem_id=f"filter-{facet.id}",
    )


def _choices(facet: Facet, store: Store) -> list[tuple[str, str]]:
    counts = store.counts.get(facet.id, {})
    if facet.id == MODEL:
        return [(f"{slug} ({counts.get(slug, 0):,})", slug) for slug in store.models]
    # A reason that never occurs is no choice; any other label is one, with its 0.
    rare = facet.labels == UNSCORED_REASONS or facet.id == SUBTYPE
    return [
        (f"{label.title} ({counts.get(label.id, 0):,})", label.id)
        for label in facet.labels
        if label.id in counts or not rare
    ]


def _state_of_controls(links: TranscriptState, values: Mapping[str, Any]) -> dict[str, Value]:
    """A state from what stands in the controls, through the same gate as an address."""
    pairs = [(TEXT, str(values[TEXT] or ""))]
    pairs += [(facet.id, str(value)) for facet in FACETS for value in values[facet.id] or ()]
    return parse(links.fields, pairs)


PAGE = Page(ADDRESS, "Transcripts", build)
