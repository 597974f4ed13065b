"""Where a model does better and worse than it does on the whole: its help by family and by authority."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from dataset_builder.dataset.taxonomy import CONTROL
from eval.repository.leaderboard import Board
from eval.scores.slices import OVERALL, Slice
from eval.scores.slices import title as slice_title
from space.data.data import Cell, Key, SliceTable, Snapshot, pooled

HELP: Final = "help_rate"
# On fewer answers nothing is said to stand out.
FEW: Final = 10
BY: Final = {"family": "why the rule fails", "authority": "whose rule it is"}
MORE, LESS = "more", "less"


class Part(NamedTuple):
    """The model's help on some cases with defeated rules, and that of all models of the board together.

    ``stands`` is ``MORE`` or ``LESS`` where its whole interval is above or below the model's rate over all; else None.
    """

    by: str
    value: str
    title: str
    cell: Cell
    others: Cell
    stands: str | None


def parts_of(now: Snapshot, board: Board, table: SliceTable, by: str) -> list[Part]:
    """The parts by something, those with most help first; families of controls have no help that is due."""
    overall = table.cell(Key(OVERALL, OVERALL), HELP)
    tables = [found for row in board.rows if (found := now.slices.get(row.results or "")) is not None]
    made = []
    for value in table.values(by):
        key = Key(by, value)
        one = table.cell(key, HELP)
        if value != CONTROL and one.n and one.has_value:
            everyone = pooled([found.cell(key, HELP) for found in tables])
            made.append(Part(by, value, slice_title(Slice(by, value)), one, everyone, _stands(one, overall)))
    return sorted(made, key=lambda part: (-part.cell.estimate, part.title))


def standing_out(parts: Sequence[Part], how: str) -> list[Part]:
    """Those that stand out above or below, the farthest first."""
    return sorted((part for part in parts if part.stands == how), key=lambda part: part.cell.estimate * _SIGN[how])


_SIGN: Final = {MORE: -1, LESS: 1}


def _stands(one: Cell, overall: Cell) -> str | None:
    if one.n < FEW or not overall.has_value:
        return None
    # Without limits both comparisons are false.
    return MORE if one.low > overall.estimate else LESS if one.high < overall.estimate else None
