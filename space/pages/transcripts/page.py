"""The transcripts: search, filters, one answer with its verdict, all models on one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from markupsafe import Markup

from dataset_builder.dataset.taxonomy import UNSCORED_REASONS
from space.data.called import called_in
from space.data.data import SpaceData
from space.data.snapshot import row_key, transcripts_key
from space.frame.page import Page, Shell, followed, gone, heading, html, link_bar, state_of
from space.frame.versions import version_told
from space.intake.readers import Said
from space.pages.transcripts.disagree import Disagreement
from space.pages.transcripts.draft import READ, read_draft
from space.pages.transcripts.markup import no_answers, nothing_open, result_list, side_by_side, single
from space.pages.transcripts.state import (
    ADDRESS,
    AFTER,
    BEFORE,
    BESIDE,
    CASE,
    JUDGE,
    OF,
    PLACE,
    TEXT,
    TranscriptState,
    search_of,
)
from space.store.search import LONGEST
from space.store.store import Store
from space.store.transcript import (
    FACETS,
    MODEL,
    SUBTYPE,
    Facet,
    Transcript,
)
from space.ui.links import Field, Value, nearest, parse, query
from space.ui.names import spoken
from space.ui.window import Clicks, nothing_new, shown_box


def build(shell: Shell) -> None:
    """Make the page."""
    # Newer results may bring transcripts along, so every event takes the store of its moment.
    store = shell.data.store
    html(heading("Transcripts", _lead(store)))
    bar = html(classes="br-bar")
    lost = html()
    if not store.total:
        html(no_answers())
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
    with gr.Accordion("Judge and filters", open=False), gr.Row(elem_classes="br-filters"):
        judge = gr.Dropdown(_judges(store), label="Judge", min_width=150, filterable=False)
        controls |= {facet.id: _filter(facet, store) for facet in FACETS}
    with gr.Row(elem_classes="br-columns"):
        with gr.Column(scale=2, min_width=320, elem_classes="br-list"):
            results = html(follow=True)
        with gr.Column(scale=3, min_width=320, elem_classes="br-detail"):
            opened = html(follow=True)
            disagreement = Disagreement(shell)
    shown, clicks = shown_box(), Clicks()

    controls[JUDGE] = judge
    inputs, parts = list(controls.values()), [results, opened, bar, shown, *disagreement.outputs]
    facets = [controls[facet.id] for facet in FACETS]

    def all_of(now: Store, state: Mapping[str, Value], kept: Said | None = None) -> list[Any]:
        values: dict[str, Any] = {
            name: list(value) if isinstance(value := state[name], tuple) else value for name in controls
        }
        values[JUDGE] = gr.update(choices=_judges(now), value=state[JUDGE])
        counts = now.counts_of(search_of(state))
        for facet in FACETS:
            values[facet.id] = gr.update(choices=_choices(facet, now, counts), value=values[facet.id])
        return [*values.values(), *_show(shell.data, now, state), *disagreement.shown(state, kept)]

    def load(kept: str, request: gr.Request) -> list[Any]:
        now = shell.data.store
        fields = TranscriptState.of(now).fields
        state = state_of(fields, request)
        return [
            *all_of(now, state, read_draft(kept, state)),
            gone(ADDRESS, fields, request) + version_told(shell.data, request),
        ]

    def follow(event: gr.EventData, request: gr.Request) -> list[Any]:
        now = shell.data.store
        fields = TranscriptState.of(now).fields
        state = followed(fields, event)
        clicks.note(request, query(fields, state))
        return all_of(now, state)

    def change(request: gr.Request, *values: Any) -> list[Any]:
        # A list that is drawn anew closes under the reader's hand, so it is only where its counts are others.
        *chosen, before = values
        now = shell.data.store
        fields = TranscriptState.of(now).fields
        state = _state_of_controls(fields, dict(zip(controls, chosen, strict=True)))
        old = parse(fields, str(before or ""))
        if clicks.undone_by(request, before) or state == {**old, **PLACE}:
            return nothing_new(len(facets) + len(parts))
        # What a facet counts is found by all but itself, so that the list in use is never drawn anew.
        counts, before_it = now.counts_of(search_of(state)), now.counts_of(search_of(old))
        counted = [
            gr.update(choices=_choices(facet, now, counts)) if counts[facet.id] != before_it[facet.id] else gr.update()
            for facet in FACETS
        ]
        return [*counted, *_show(shell.data, now, state), *disagreement.shown(state)]

    def transcripts_at(address: str) -> tuple[str, str, str]:
        """The page at an address such as ``q=rent&model=grok-4``: list, open transcript and link, as HTML."""
        now = shell.data.store
        return _show(shell.data, now, parse(TranscriptState.of(now).fields, address))[:3]

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, [disagreement.kept], [*inputs, *parts, lost], js=READ, **quiet)
    gr.on(
        [control.input for control in inputs],
        change,
        inputs=[*inputs, shown],
        outputs=[*facets, *parts],
        trigger_mode="always_last",
        **quiet,
    )
    for part in (results, opened):
        part.click(follow, outputs=[*inputs, *parts], **quiet)
    # What a visitor's click costs, for benchmarks.
    disagreement.wire(
        shown, opened, lambda state: _open(shell.data, shell.data.store, TranscriptState.of(shell.data.store), state)
    )
    gr.events.api(transcripts_at, api_name="transcripts_at", api_visibility="undocumented")


def at_once(data: SpaceData, pairs: Sequence[tuple[str, str]]) -> Markup:
    """What is found and what is open, before any script runs: what is open first, as somebody was sent to it."""
    now = data.store
    rows, opened, *_ = _show(data, now, parse(TranscriptState.of(now).fields, pairs))
    title = heading("Transcripts", _lead(now))
    return title + Markup(opened) + Markup(rows)  # noqa: S704 - both are filled from templates


def _lead(store: Store) -> str:
    return f"What models answered to {store.case_count:,} requests for help around a rule, each with its verdict."


def _show(data: SpaceData, store: Store, state: Mapping[str, Value]) -> tuple[str, str, str, str]:
    """List, open transcript, link bar and query of a state."""
    links, search = TranscriptState.of(store), search_of(state)
    after, before, case_id = state[AFTER], state[BEFORE], state[CASE]
    found = store.find(
        search,
        after=after if isinstance(after, int) else None,
        before=before if isinstance(before, int) else None,
    )
    rows = result_list(
        found, store.cases_of(row.case_id for row in found.rows), links, state, store.last(), store.reading(search.text)
    )
    opened = _open(data, store, links, state) if case_id else ""
    return rows, opened, link_bar(ADDRESS, links.fields, state), query(links.fields, state)


def _open(data: SpaceData, store: Store, links: TranscriptState, state: Mapping[str, Value]) -> str:
    case_id = str(state[CASE])
    case, model, search = store.case(case_id), state[OF], search_of(state)
    if case is None:
        return nothing_open(case_id, links, state, near=nearest(case_id, store.case_ids))
    if isinstance(model, str):
        answer = store.transcript(case_id, model, search.judge)
        if answer is None:
            return nothing_open(case_id, links, state, model=model)
        said = data.readers.on(answer, data.now.version, data.now.folder)
        return single(
            replace(answer, labels=answer.labels + said),
            case,
            store.neighbours(search, answer.no),
            links,
            state,
            _model_page(data, answer),
        )
    chosen = state[BESIDE]
    found = store.answers(case_id, search.judge)
    answers = [a for a in found if not chosen or (isinstance(chosen, tuple) and a.model in chosen)]
    return side_by_side(case, answers, store.case_neighbours(case_id), links, state)


def _model_page(data: SpaceData, answer: Transcript) -> str | None:
    """Where the model of an answer has its page, on a board of the answer's judge if there is one."""
    for board in sorted(data.now.boards, key=lambda board: board.judge != answer.judge):
        for row in board.rows:
            if transcripts_key(row) == answer.model:
                return f"model?{urlencode({'board': board.id, 'model': row_key(row)})}"
    return None


def _filter(facet: Facet, store: Store) -> gr.Dropdown:
    """A control for one facet, with how many answers each value has."""
    return gr.Dropdown(
        choices=_choices(facet, store, store.counts()),
        label=facet.title,
        multiselect=True,
        min_width=150,
        elem_id=f"filter-{facet.id}",
    )


def _judges(store: Store) -> list[tuple[str, str]]:
    """The judges, with their rubrics only where one judge has several."""
    names = [spoken(one.judge) for one in store.judges]
    return [
        (name if names.count(name) == 1 else f"{name} ({one.judge}, rubric {one.rubric})", one.id)
        for name, one in zip(names, store.judges, strict=True)
    ]


def _choices(facet: Facet, store: Store, found: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    """The values of a facet, each with how many answers have it."""
    counts, every = found.get(facet.id, {}), store.counts().get(facet.id, {})
    if facet.id == MODEL:
        return [(f"{name} ({counts.get(slug, 0):,})", slug) for slug, name in called_in(store).items()]
    # A reason that never occurs is no choice; any other label is one, with its 0.
    rare = facet.labels == UNSCORED_REASONS or facet.id == SUBTYPE
    return [
        (f"{label.title} ({counts.get(label.id, 0):,})", label.id)
        for label in facet.labels
        if label.id in counts or label.id in every or not rare
    ]


def _state_of_controls(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Value]:
    """A state from what stands in the controls, through the same gate as an address."""
    pairs = [(name, str(values[name] or "")) for name in (TEXT, JUDGE)]
    pairs += [(facet.id, str(value)) for facet in FACETS for value in values[facet.id] or ()]
    return parse(fields, pairs)


PAGE = Page(
    ADDRESS,
    "Transcripts",
    build,
    "What language models answered to requests for help around a rule, each with its verdict: search and read them.",
    at_once,
)
