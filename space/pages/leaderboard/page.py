"""The leaderboard: models ranked by how well they tell defeated rules from fair ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from space.data.data import Snapshot, SpaceData
from space.figures.look import Look
from space.figures.plot_look import or_reason
from space.frame.page import Page, Shell, followed, gone, heading, html, link_bar, state_of
from space.frame.versions import version_told
from space.pages.leaderboard.markup import board_titles
from space.pages.leaderboard.show import QUESTION, TITLE, at_once, shown
from space.pages.leaderboard.state import (
    BOARD,
    COLUMNS,
    CORRECTED,
    DOWN,
    EXAMPLE,
    FAMILIES,
    LONGEST,
    OPENNESS,
    SORT,
    STATUS,
    TEXT,
    ZOOM,
    BoardState,
    board_of,
)
from space.pages.leaderboard.table import (
    GROUP_TITLES,
    STATUSES,
    WEIGHTS,
    columns_of,
    families_of,
    groups_of,
    said_by_others,
)
from space.ui.links import Value, parse, query
from space.ui.window import READ_WINDOW, Clicks, nothing_new, shown_box, window_box


def build(shell: Shell) -> None:
    """Make the page."""
    data = shell.data
    html(heading(TITLE, QUESTION))
    bar = html(classes="br-bar")
    lost = html()
    first = html(follow=True)
    plot = gr.Plot(
        show_label=False,
        label="Each model by how often it helps where it should, and where it should not",
        elem_id="signature",
        visible=False,
    )
    with gr.Accordion("Search and filter", open=False, elem_classes="br-fold"), gr.Row(elem_classes="br-filters"):
        judge = gr.Dropdown(
            [], label="Judge", info="Rankings by different judges are never mixed", min_width=280, filterable=False
        )
        text = gr.Textbox(
            label="Search", info="Model, id, family or organisation", max_length=LONGEST, lines=1, max_lines=1,
            min_width=160,
        )  # fmt: skip
        corrected = gr.Checkbox(
            label="Show corrected rates", info="Beside the raw ones: what they would be without the judge's errors",
            min_width=240,
        )  # fmt: skip
        families = gr.Dropdown([], label="Model family", multiselect=True, min_width=180)
        weights = gr.Dropdown([(v, k) for k, v in WEIGHTS.items()], label="Weights", multiselect=True, min_width=160)
        status = gr.Dropdown([(v, k) for k, v in STATUSES.items()], label="Status", multiselect=True, min_width=160)
        groups = {
            name: gr.Dropdown([], label=title, multiselect=True, min_width=160) for name, title in GROUP_TITLES.items()
        }
        columns = gr.Dropdown([], label="Columns", multiselect=True, min_width=300)
    table = html(follow=True)

    as_query, clicks = shown_box(), Clicks()
    window = window_box()

    controls: list[Any] = [judge, text, corrected, families, weights, status, *groups.values(), columns]
    names = [BOARD, TEXT, CORRECTED, FAMILIES, OPENNESS, STATUS, *groups, COLUMNS]
    parts = [first, table, plot, bar, as_query]

    def everything(now: Snapshot, state: Mapping[str, Value], look: str) -> list[Any]:
        return [*_controls(now, state), *_show(data, now, state, Look.of(look))]

    def load(request: gr.Request, look: str) -> list[Any]:
        now = data.now
        fields = BoardState(now).fields
        return [
            *everything(now, state_of(fields, request), look),
            gone(PAGE.address, fields, request) + version_told(data, request),
        ]

    def follow(look: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        now = data.now
        fields = BoardState(now).fields
        state = followed(fields, event)
        clicks.note(request, query(fields, state))
        return everything(now, state, look)

    def change(request: gr.Request, *values: Any) -> list[Any]:
        # One event for all controls: of two at once the slower would win. A list that is drawn anew
        # closes under the reader's hand, so families are changed only with the board.
        *chosen, before, look = values
        now = data.now
        fields = BoardState(now).fields
        old = parse(fields, str(before or ""))
        state = {
            **_state(now, dict(zip(names, chosen, strict=True))),
            **{name: old[name] for name in (SORT, DOWN, EXAMPLE, ZOOM)},
        }
        if clicks.undone_by(request, before) or query(fields, state) == before:
            return nothing_new(1 + len(parts))
        same = old[BOARD] == state[BOARD]
        return [gr.update() if same else _families(now, state), *_show(data, now, state, Look.of(look))]

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, [window], [*controls, *parts, lost], js=READ_WINDOW, **quiet)
    for part in (first, table):
        part.click(follow, [window], [*controls, *parts], js=READ_WINDOW, **quiet)
    gr.on(
        [control.input for control in controls],
        change,
        [*controls, as_query, window],
        [families, *parts],
        js=READ_WINDOW,
        trigger_mode="always_last",
        **quiet,
    )


def _show(data: SpaceData, now: Snapshot, state: Mapping[str, Value], look: Look) -> list[Any]:
    """First screen, table, figure where one zooms, link bar, the state as a query."""
    fields = BoardState(now).fields
    first, table, dots = shown(data, now, state)
    figure = gr.update(visible=False)
    if state[ZOOM] and dots:
        # Plotly is brought along only by who wants to zoom.
        from space.figures.plots import signature

        figure = gr.update(value=or_reason(look, signature, dots), visible=True)
    return [first, table, figure, link_bar("", fields, state), query(fields, state)]


def _controls(now: Snapshot, state: Mapping[str, Value]) -> list[Any]:
    board = board_of(now, state)
    made = now.leaderboard
    several = [(column.title, column.id) for column in columns_of(made)] if made else []
    return [
        gr.update(choices=board_titles(now.boards), value=board.id if board else None),
        state[TEXT],
        state[CORRECTED],
        _families(now, state),
        _listed(state[OPENNESS]),
        _listed(state[STATUS]),
        *(_group(now, state, name) for name in GROUP_TITLES),
        gr.update(choices=several, value=_listed(state[COLUMNS])),
    ]


def _families(now: Snapshot, state: Mapping[str, Value]) -> Any:
    board = board_of(now, state)
    chosen = _listed(state[FAMILIES])
    on_offer = list(families_of(board)) if board else []
    return gr.update(choices=list(dict.fromkeys([*on_offer, *chosen])), value=chosen)


def _group(now: Snapshot, state: Mapping[str, Value], name: str) -> Any:
    """A filter by what is recorded of models; not there where nothing is."""
    on_offer = groups_of(now.boards, now.reasoned).get(name, {})
    choices = [(title, group) for group, title in on_offer.items()]
    others = said_by_others(now.boards, name)
    # The columns and a model's page say it of each model.
    told = f"Where the maker does not state it, according to {', '.join(others)}" if others else ""
    return gr.update(choices=choices, value=_listed(state[name]), info=told or None, visible=bool(choices))


def _state(now: Snapshot, values: Mapping[str, Any]) -> dict[str, Value]:
    """A state from what stands in the controls, through the same gate as an address."""
    pairs = [(BOARD, str(values[BOARD] or "")), (TEXT, str(values[TEXT] or ""))]
    pairs += [(CORRECTED, "1")] if values[CORRECTED] else []
    for name in (FAMILIES, OPENNESS, STATUS, *GROUP_TITLES, COLUMNS):
        pairs += [(name, str(value)) for value in values[name] or ()]
    return parse(BoardState(now).fields, pairs)


def _listed(value: Value) -> list[str]:
    return list(value) if isinstance(value, tuple) else []


PAGE = Page("", "Leaderboard", build, QUESTION, at_once)
