"""The breakdown: rates by every label of the cases, and the map of families and authorities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from dataset_builder.dataset.taxonomy import DIMENSION_BY_ID
from eval.repository.leaderboard import Board
from eval.scores.cases import EXTENSION_FIELDS, UNFLAGGED
from space.data.called import called
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import transcripts_key
from space.figures.look import Look
from space.figures.plot_look import or_reason, reason
from space.figures.plots import bars
from space.frame.page import Page, Shell, followed, gone, heading, html, link_bar, state_of
from space.frame.versions import version_told
from space.pages.breakdown.table import (
    BY,
    FEW,
    MAX_MODELS,
    bars_of,
    breakdown_frame,
    figures_table,
    fill,
    heat_cells,
    heat_map,
    labels_of,
    rows_of,
    table_of,
)
from space.pages.leaderboard.markup import board_titles
from space.pages.leaderboard.state import BOARD, board_field, board_of
from space.pages.leaderboard.table import columns_of
from space.pages.transcripts.state import JUDGE, TranscriptState
from space.prose.rates import rate_hint, rate_name
from space.store.transcript import AUTHORITY, DUAL_USE, FAMILY, MODEL
from space.ui.links import Choice, Field, Flag, Many, Value, parse, query
from space.ui.window import READ_WINDOW, Clicks, nothing_new, shown_box, window_box

ADDRESS, MODELS, METRIC, SLICE, PLAIN = "breakdown", "model", "metric", "by", "plain"
_FIRST = "help_rate"
_ABOUT = "Where each model helps and where it refuses: by every label of the cases."


@dataclass(frozen=True)
class BreakdownState:
    """The fields of the page over one version of the results."""

    now: Snapshot

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parts of the state, in the order in which they stand in an address."""
        metrics = tuple(c.id for c in columns_of(self.now.leaderboard) if c.is_rate) if self.now.leaderboard else ()
        keys = dict.fromkeys(key for board in self.now.boards for key in rows_of(board))
        return (
            board_field(self.now),
            Many(MODELS, tuple(keys)),
            Choice(SLICE, tuple(BY), "family"),
            Choice(METRIC, metrics, _FIRST if _FIRST in metrics else None),
            Flag(PLAIN),
        )


def build(shell: Shell) -> None:
    """Make the page."""
    data = shell.data
    html(heading("Breakdown", _ABOUT))
    bar = html(classes="br-bar")
    lost = html()
    with gr.Row(elem_classes="br-filters"):
        judge = gr.Dropdown([], label="Judge", min_width=260, filterable=False)
        models = gr.Dropdown(
            [], label="Models", info=f"Up to {MAX_MODELS}; the best one if none is chosen", multiselect=True,
            max_choices=MAX_MODELS, min_width=260,
        )  # fmt: skip
        by = gr.Dropdown([(title, name) for name, title in BY.items()], label="Broken down by", min_width=180)
        metric = gr.Dropdown([], label="Rate", min_width=200)
        plain = gr.Checkbox(
            label="Without dual use",
            info="Leave out cases whose full answer carries dangerous knowledge",
            min_width=200,
        )
    about = html(follow=True)
    plot = gr.Plot(show_label=False, label="Rates by label", elem_id="breakdown-bars")
    with gr.Accordion("The figures", open=False):
        figures = html()
    html(fill("map_heading"))
    heat = html()
    shown, clicks = shown_box(), Clicks()
    window = window_box()
    controls: list[Any] = [judge, models, by, metric, plain]
    names = [BOARD, MODELS, SLICE, METRIC, PLAIN]
    parts = [about, plot, figures, heat, shown, bar]

    def load(request: gr.Request, look: str) -> list[Any]:
        now = data.now
        fields = BreakdownState(now).fields
        state = state_of(fields, request)
        here = Many(MODELS, tuple(rows_of(board_of(now, state))))
        lost = gone(ADDRESS, [here if field.name == MODELS else field for field in fields], request)
        lost += version_told(data, request)
        return [*_controls(now, state), *_show(data, now, state, Look.of(look)), lost]

    def follow(look: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        now = data.now
        fields = BreakdownState(now).fields
        state = followed(fields, event)
        clicks.note(request, query(fields, state))
        return [*_controls(now, state), *_show(data, now, state, Look.of(look))]

    def change(request: gr.Request, *values: Any) -> list[Any]:
        # One event for all controls: of two at once the slower would win. A list that is drawn anew
        # closes under the reader's hand, so models are changed only with the board.
        *chosen, before, look = values
        now = data.now
        fields = BreakdownState(now).fields
        state = _state(now, dict(zip(names, chosen, strict=True)))
        if clicks.undone_by(request, before) or query(fields, state) == before:
            return nothing_new(1 + len(parts))
        same = parse(fields, str(before or ""))[BOARD] == state[BOARD]
        return [gr.update() if same else _models(now, state), *_show(data, now, state, Look.of(look))]

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    shell.app.load(load, [window], [*controls, *parts, lost], js=READ_WINDOW, **quiet)
    about.click(follow, [window], [*controls, *parts], js=READ_WINDOW, **quiet)
    gr.on(
        [control.input for control in controls],
        change,
        [*controls, shown, window],
        [models, *parts],
        js=READ_WINDOW,
        trigger_mode="always_last",
        **quiet,
    )


def _chosen(now: Snapshot, board: Board | None, state: Mapping[str, Value]) -> dict[str, Any]:
    """The slices of the models of a state, by their keys; the best one if none is chosen."""
    rows = rows_of(board)
    wanted = _named(state, rows)
    found = {key: table for key in wanted[:MAX_MODELS] if (table := table_of(now, rows[key])) is not None}
    if not wanted:
        found = dict([(key, t) for key, row in rows.items() if (t := table_of(now, row)) is not None][:1])
    return found


def _show(data: SpaceData, now: Snapshot, state: Mapping[str, Value], look: Look) -> list[Any]:
    """The sentence above, the figure, its numbers, the map, the state as a query, the link bar."""
    board = board_of(now, state)
    fields = BreakdownState(now).fields
    found = _chosen(now, board, state)
    # The data of what is shown, and of what could be.
    data_of = {"Its data": {**state, MODELS: tuple(found)}, "every model": {**state, MODELS: ()}}
    as_query, bar = query(fields, state), link_bar(ADDRESS, fields, state, data_of)
    rows = rows_of(board)
    tables = {called(rows[key]): table for key, table in found.items()}
    by, metric, plain = str(state[SLICE]), str(state[METRIC]), bool(state[PLAIN])
    if board is None or now.leaderboard is None or not tables:
        text = "There are no results by slice for this choice: its rows came without a results file."
        return [fill("nothing", text=text), reason(look, text), "", "", as_query, bar]
    plain_here = plain and not by.startswith("dual_use")
    labels = labels_of(list(tables.values()), by, metric, without_dual_use=plain_here)
    info = {m.id: m for m in now.leaderboard.metrics}[metric]
    panels = [(name, bars_of(table, by, labels, metric, without_dual_use=plain_here)) for name, table in tables.items()]
    links, judge = TranscriptState.of(data.store), data.store.judge_id(board.judge, board.rubric)
    chosen = tuple(key for name in found if (key := transcripts_key(rows[name])) in links.models)

    def href(family: str, authority: str) -> str:
        dual_use = (UNFLAGGED,) if plain else ()
        return links.href({FAMILY: (family,), AUTHORITY: (authority,), DUAL_USE: dual_use, MODEL: chosen, JUDGE: judge})

    about = fill(
        "about",
        notice=now.notice,
        metric=rate_name(info),
        hint=rate_hint(info),
        dimension=DIMENSION_BY_ID.get(by),
        left_out=max(0, len(_named(state, rows)) - MAX_MODELS),
        most=MAX_MODELS,
        all_shown=plain and by.startswith("dual_use"),
        few=FEW,
    )
    return [
        about,
        or_reason(look, bars, panels, metric, f"{rate_name(info)} (%)"),
        figures_table(breakdown_frame(tables, by, metric, without_dual_use=plain_here)),
        heat_map(heat_cells(list(tables.values()), without_dual_use=plain), href),
        as_query,
        bar,
    ]


def _controls(now: Snapshot, state: Mapping[str, Value]) -> list[Any]:
    board, made = board_of(now, state), now.leaderboard
    rates = [(column.title, column.id) for column in columns_of(made) if column.is_rate] if made else []
    return [
        gr.update(choices=board_titles(now.boards), value=board.id if board else None),
        _models(now, state),
        gr.update(choices=[(title, name) for name, title in BY.items() if _is_told(now, name)], value=state[SLICE]),
        gr.update(choices=rates, value=state[METRIC]),
        state[PLAIN],
    ]


def _is_told(now: Snapshot, by: str) -> bool:
    """Whether a breakdown is worth offering: those of extended datasets only where some results have them."""
    return by not in EXTENSION_FIELDS or any(key.by == by for table in now.slices.values() for key in table.keys)


def _models(now: Snapshot, state: Mapping[str, Value]) -> Any:
    rows = rows_of(board_of(now, state))
    chosen = _named(state, rows)
    return gr.update(choices=[(called(row), key) for key, row in rows.items()], value=chosen[:MAX_MODELS])


def _named(state: Mapping[str, Value], rows: Mapping[str, Any]) -> list[str]:
    """The models that a state names and the board has."""
    given = state[MODELS]
    return [key for key in given if key in rows] if isinstance(given, tuple) else []


def _state(now: Snapshot, values: Mapping[str, Any]) -> dict[str, Value]:
    """A state from what stands in the controls, through the same gate as an address."""
    pairs = [(name, str(values[name] or "")) for name in (BOARD, SLICE, METRIC)]
    pairs += [(MODELS, str(key)) for key in values[MODELS] or ()]
    pairs += [(PLAIN, "1")] if values[PLAIN] else []
    return parse(BreakdownState(now).fields, pairs)


PAGE = Page(ADDRESS, "Breakdown", build, _ABOUT)
