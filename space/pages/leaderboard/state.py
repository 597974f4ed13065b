"""The state of the leaderboard page, and links to it; the boards of a snapshot by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from markupsafe import Markup

from eval.repository.leaderboard import Board, Leaderboard
from space.data.data import Snapshot
from space.pages.leaderboard.example import MOST
from space.pages.leaderboard.table import (
    GROUPS,
    STATUSES,
    WEIGHTS,
    Wanted,
    columns_of,
    default_columns,
    families_of,
    groups_of,
)
from space.ui.links import Choice, Field, Flag, Many, Text, Value, Whole, link

BOARD, TEXT, FAMILIES, OPENNESS, STATUS, COLUMNS, SORT, DOWN, CORRECTED, EXAMPLE, ZOOM = (
    "board", "q", "family", "weights", "status", "columns", "sort", "down", "corrected", "example", "zoom",
)  # fmt: skip
LONGEST: Final = 100


def board_field(now: Snapshot) -> Choice:
    """Which board; the first one unless another is named."""
    ids = tuple(board.id for board in now.boards)
    return Choice(BOARD, ids, ids[0] if ids else None)


def board_of(now: Snapshot, state: Mapping[str, Value]) -> Board | None:
    """The board of a state; None where there are none."""
    boards = {board.id: board for board in now.boards}
    chosen = state.get(BOARD)
    return boards.get(chosen if isinstance(chosen, str) else "") or next(iter(boards.values()), None)


@dataclass(frozen=True)
class BoardState:
    """The fields of the page over one version of the results, and links to states of it."""

    now: Snapshot

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The parts of the state, in the order in which they stand in an address."""
        made = self.now.leaderboard
        columns = tuple(column.id for column in columns_of(made)) if made else ("rank",)
        groups = groups_of(self.now.boards, self.now.reasoned)
        families = dict.fromkeys(family for board in self.now.boards for family in families_of(board))
        return (
            board_field(self.now),
            Text(TEXT, LONGEST, cut=True),
            Many(FAMILIES, tuple(families)),
            Many(OPENNESS, tuple(WEIGHTS)),
            Many(STATUS, tuple(STATUSES)),
            *(Many(name, tuple(groups.get(name, ()))) for name in GROUPS),
            Many(COLUMNS, columns, self._default(made, columns)),
            Choice(SORT, ("model", *(name for name in columns if name != "agreement")), "rank"),
            Flag(DOWN),
            Flag(CORRECTED),
            Whole(EXAMPLE, 0, MOST, 0),
            Flag(ZOOM),
        )

    def attributes(self, state: Mapping[str, Value], changes: Mapping[str, Value]) -> Markup:
        """``href`` and ``data-go`` of a link to a state with some changes, for an HTML tag."""
        return link("", self.fields, {**state, **changes})

    @staticmethod
    def _default(made: Leaderboard | None, columns: tuple[str, ...]) -> tuple[str, ...]:
        wanted = default_columns(made) if made else columns
        return tuple(name for name in columns if name in wanted)


def wanted_of(state: Mapping[str, Value]) -> Wanted:
    """What a state asks of the table."""

    def some(name: str) -> tuple[str, ...]:
        value = state.get(name)
        return value if isinstance(value, tuple) else ()

    text, sort = state.get(TEXT), state.get(SORT)
    return Wanted(
        text=text if isinstance(text, str) else "",
        families=some(FAMILIES),
        weights=some(OPENNESS),
        statuses=some(STATUS),
        groups={name: some(name) for name in GROUPS},
        sort=sort if isinstance(sort, str) else "rank",
        descending=state.get(DOWN) is True,
    )
