"""Which model of which board a page is about, and links to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eval.repository.leaderboard import Board, BoardRow
from space.data.data import SpaceData
from space.data.snapshot import row_key
from space.pages.leaderboard.state import board_of
from space.ui.links import Choice, Field, Value

ADDRESS: Final = "model"
BOARD, MODEL = "board", "model"


def fields_of(data: SpaceData) -> tuple[Field, ...]:
    """The parts of the state; neither has a plain value, so that a link to a model goes on to mean it."""
    boards = data.now.boards
    keys = dict.fromkeys(row_key(row) for board in boards for row in board.rows)
    return Choice(BOARD, tuple(board.id for board in boards)), Choice(MODEL, tuple(keys))


def settle(data: SpaceData, state: Mapping[str, Value]) -> dict[str, Value]:
    """The state with a board: the one named if it has the model, else the first that has it."""
    boards = sorted(data.now.boards, key=lambda board: board.id != state[BOARD])
    having = [board for board in boards if any(row_key(row) == state[MODEL] for row in board.rows)]
    board = next(iter([*having, *boards]), None)
    return {**state, BOARD: board.id if board else None}


def found(data: SpaceData, state: Mapping[str, Value]) -> tuple[Board, BoardRow] | None:
    """The board and the row of a state; None where no model is named."""
    board = board_of(data.now, state)
    row = next((row for row in board.rows if row_key(row) == state[MODEL]), None) if board else None
    return None if board is None or row is None else (board, row)
