"""All pairs of models of a board as a table; no gradio here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup

from dataset_builder.errors import BlindRefusalError
from eval.repository.leaderboard import Board, BoardRow
from eval.scores.comparison import PairedDifference
from eval.stats.metrics import METRIC_BY_ID
from space.data.called import called
from space.data.data import Snapshot, SpaceData
from space.data.snapshot import row_key
from space.data.verdicts import book_of
from space.frame.page import heading
from space.pages.compare.table import SIGNIFICANT
from space.pages.leaderboard.markup import board_titles
from space.pages.leaderboard.state import board_of
from space.prose.rates import rate_hint, rate_name
from space.ui.links import Choice, Field, Text, Value, address, link
from space.ui.templates import template

ADDRESS: Final = "pairs"
TITLE: Final = "Who really differs"
ABOUT: Final = (
    "Every two models on the same cases: which of them differ by more than chance, all pairs taken into account."
)
BOARD, METRIC = "board", "metric"
METRICS: Final = ("discrimination", "help_rate", "control_help_rate")
# The time that pairs take grows with the square of the models.
MOST_MODELS: Final = 40
_COMPARE: Final = (Text("board"), Text("a"), Text("b"), Text("metric"))
_fill = template("pages/pairs/page.html.j2")


def fields_of(data: SpaceData) -> tuple[Field, ...]:
    """Which board, and which rate."""
    return Choice(BOARD, tuple(board.id for board in data.now.boards)), Choice(METRIC, METRICS, METRICS[0])


def settle(data: SpaceData, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with a board."""
    board = board_of(data.now, state)
    return {**state, BOARD: board.id if board else None}


def show(data: SpaceData, state: Mapping[str, Value]) -> Markup:
    """All of the page."""
    now, board = data.now, board_of(data.now, state)
    title = heading(TITLE, ABOUT)
    if board is None or len(board.rows) < 2:
        return title + _fill("nothing", why="a comparison takes two models, and there are fewer here")
    metric = str(state[METRIC])
    try:
        found = pairs_of(data, now, board, metric)
    except BlindRefusalError as error:
        return title + _fill("nothing", why=str(error).splitlines()[0])
    fields, rows = fields_of(data), board.rows[:MOST_MODELS]
    made = [_row(board, row, rows, found, metric) for row in rows]
    return title + _fill(
        "page",
        rows=made,
        left_out=len(board.rows) - len(rows),
        differ=sum(one.p_holm < SIGNIFICANT for one in found.values()),
        n=len(found),
        title=rate_name(metric),
        hint=rate_hint(METRIC_BY_ID[metric]),
        share=metric != METRICS[0],
        metrics=[(rate_name(one), None if one == metric else _to(fields, state, METRIC, one)) for one in METRICS],
        boards=[
            (name, None if one == board.id else _to(fields, state, BOARD, one))
            for name, one in board_titles(now.boards)
        ],
    )


def pairs_of(data: SpaceData, now: Snapshot, board: Board, metric: str) -> Mapping[tuple[str, str], PairedDifference]:
    """The difference between every two models of a board by their keys; raises what opening their verdicts raises."""
    return _pairs(data, now, board.id, metric)


@lru_cache(maxsize=8)
def _pairs(data: SpaceData, now: Snapshot, board_id: str, metric: str) -> Mapping[tuple[str, str], PairedDifference]:
    # Here, as it brings scipy along.
    from dataclasses import replace

    from eval.scores.comparison import compare_pairs

    board = next(one for one in now.boards if one.id == board_id)
    book = book_of(data)
    answers = [replace(book.of(now, board, row), model=row_key(row)) for row in board.rows[:MOST_MODELS]]
    return {(one.a, one.b): one for one in compare_pairs(answers, METRIC_BY_ID[metric])}


def _row(
    board: Board,
    row: BoardRow,
    rows: list[BoardRow],
    found: Mapping[tuple[str, str], PairedDifference],
    metric: str,
) -> dict[str, Any]:
    """A model against each of the others, from its own side."""
    key = row_key(row)
    cells: list[dict[str, Any] | None] = []
    for other in rows:
        beside = row_key(other)
        one = found.get((key, beside)) or found.get((beside, key))
        if other is row or one is None:
            cells.append(None)
            continue
        sign = 1 if one.a == key else -1
        better = METRIC_BY_ID[metric].better * sign * one.difference > 0
        rate = metric if metric != METRICS[0] else None
        cells.append(
            {
                "name": called(other),
                "difference": sign * one.difference,
                "points": f"{round(100 * sign * one.difference)}".replace("-", "−"),
                "low": min(sign * one.low, sign * one.high),
                "high": max(sign * one.low, sign * one.high),
                "p": one.p_holm,
                "kind": "same" if not one.p_holm < SIGNIFICANT else "better" if better else "worse",
                "href": address("compare", _COMPARE, {"board": board.id, "a": key, "b": beside, "metric": rate}),
            }
        )
    return {
        "name": called(row),
        "href": address("model", (Text("board"), Text("model")), {"board": board.id, "model": key}),
        "value": row.metrics[metric].estimate if metric in row.metrics else None,
        "cells": cells,
        "kinds": {kind: [one for one in cells if one and one["kind"] == kind] for kind in ("better", "same", "worse")},
    }


def _to(fields: tuple[Field, ...], state: Mapping[str, Value], name: str, value: str) -> Markup:
    return link(ADDRESS, fields, {**state, name: value})
