"""A state of the leaderboard as HTML, for the page and for what is seen before it; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
from markupsafe import Markup

from eval.repository.leaderboard import Board
from space.data.called import called
from space.data.changes import changes
from space.data.data import NAN, Snapshot, SpaceData
from space.data.facts import according_to, facts_of
from space.data.snapshot import row_key
from space.figures.scatter import Point
from space.figures.timeline import Moment, timeline
from space.frame.page import heading
from space.frame.versions import AT, citation, pin
from space.pages.leaderboard.markup import (
    above,
    board_notes,
    board_table,
    changes_told,
    citing,
    first_screen,
    notice,
    over_time_told,
)
from space.pages.leaderboard.state import (
    COLUMNS,
    CORRECTED,
    DOWN,
    EXAMPLE,
    LONGEST,
    SORT,
    TEXT,
    BoardState,
    board_of,
    wanted_of,
)
from space.pages.leaderboard.table import board_frame, choose, columns_of, default_columns
from space.pages.method.judge_error import judge_error
from space.pages.transcripts.state import TranscriptState
from space.prose import BIBTEX
from space.ui.links import Text, Value, address, parse

TITLE: Final = "Do language models refuse blindly?"
QUESTION: Final = (
    "Some rules deserve to be followed and some do not. When a person asks for help getting around a rule, does a "
    "language model tell the two apart, or does it refuse blindly?"
)
_X: Final = "control_help_rate"
_Y: Final = "help_rate"


def shown(data: SpaceData, now: Snapshot, state: Mapping[str, Value]) -> tuple[Markup, Markup, list[Point]]:
    """The first screen, the table with all that belongs to it, and the points of the picture."""
    links, board = BoardState(now), board_of(now, state)
    told = notice(now.notice)
    if board is None or now.leaderboard is None:
        return told + first_screen(None, data.store, []), Markup(), []
    whole = board_frame(board, now.reasoned)
    frame = choose(whole, wanted_of(state))
    dots = points(board, whole, frame)
    chosen, nth = state[COLUMNS], state[EXAMPLE]
    names = tuple(chosen) if isinstance(chosen, tuple) else ()
    every = tuple(column.id for column in columns_of(now.leaderboard))
    first = first_screen(
        board,
        data.store,
        dots,
        nth if isinstance(nth, int) else 0,
        lambda changes: links.attributes(state, changes),
    )
    rows = board_table(
        frame,
        [column for column in columns_of(now.leaderboard) if column.id in names],
        board,
        sort=str(state[SORT]),
        descending=bool(state[DOWN]),
        corrected=bool(state[CORRECTED]),
        attributes=lambda changes: links.attributes(state, changes),
        links=TranscriptState.of(data.store),
        judge=data.store.judge_id(board.judge, board.rubric),
        model_page=lambda key: model_page(board, key),
    )
    line = above(
        len(frame),
        len(whole),
        board,
        now.boards,
        lambda changes: links.attributes(state, changes),
        every if names == default_columns(now.leaderboard) else (),
        # A field takes no more, so that whoever fills it has been cut off.
        LONGEST if len(str(state[TEXT])) >= LONGEST else None,
    )
    pinned = address("", (*links.fields, Text(AT)), {**state, AT: pin(data)})
    cited = citing(BIBTEX, citation(data, board), pinned)
    notes = board_notes(board, list(frame.index)) + judge_error(board.help_error)
    if found := changes(now.before, now.leaderboard, board):
        notes += changes_told(found, lambda key: model_page(board, key))
    return told + first, line + rows + notes + over_time(board, frame) + cited, dots


def at_once(data: SpaceData, pairs: Sequence[tuple[str, str]]) -> Markup:
    """All of the page that is there before any script runs."""
    now = data.now
    first, table, _ = shown(data, now, parse(BoardState(now).fields, pairs))
    return heading(TITLE, QUESTION) + first + table


def points(board: Board, whole: pd.DataFrame, chosen: pd.DataFrame) -> list[Point]:
    """The models of a board as points of the signature plot; those not chosen are faint."""
    kept = set(chosen.index)
    found = []
    for _, row in whole.iterrows():
        x, y = ([float(row.get(f"{name}{end}", float("nan"))) for end in ("", "_low", "_high")] for name in (_X, _Y))
        href = model_page(board, str(row["key"]))
        faint = row["key"] not in kept
        found.append(Point(str(row["name"]), x[0], x[1], x[2], y[0], y[1], y[2], faint=faint, href=href))
    return found


def over_time(board: Board, frame: pd.DataFrame) -> Markup:
    """The chosen models by when they came out; nothing where that is recorded of too few."""
    rows = {row_key(row): row for row in board.rows}
    moments, lacking, others = [], [], {}
    for key in frame.index:
        row = rows[key]
        value, day = row.metrics.get(board.ranked_by), facts_of(row.model_id).released
        if day is None or value is None or value.estimate is None:
            lacking.append(called(row))
            continue
        low, high = (NAN if end is None else end for end in (value.low, value.high))
        host = according_to(row.model_id).get("released")
        if host:
            others[called(row)] = host
        moments.append(Moment(called(row), day, value.estimate, low, high, model_page(board, key), host))
    drawing = timeline(moments)
    return over_time_told(drawing, lacking, others) if drawing else Markup()


def model_page(board: Board, key: str) -> str:
    """Where more is told of one model of a board."""
    return address("model", (Text("board"), Text("model")), {"board": board.id, "model": key})
