"""What changed on a board since the version before: rows that came, went or moved, each with why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from eval.repository.leaderboard import Board, BoardRow, Excluded, Leaderboard
from space.data.called import called
from space.data.snapshot import row_key

CAME, WENT, MOVED, CHANGED = "came", "went", "moved", "changed"
_ORDER: Final = (CAME, WENT, MOVED, CHANGED)
# Less than this is rounding.
_SAME: Final = 0.0005


class Change(NamedTuple):
    """One row that is not as it was: its places before and now (None without one), and why, in words."""

    kind: str
    model: str
    key: str
    was: int | None
    now: int | None
    why: str


def changes(before: Leaderboard | None, after: Leaderboard, board: Board) -> list[Change]:
    """The rows of a board of ``after`` that are not as they were: those that came first, then by their places.

    Nothing where the version before is not known or had no such board.
    """
    older = next((one for one in before.boards if one.id == board.id), None) if before else None
    if before is None or older is None:
        return []
    was, now = ({row_key(row): row for row in one.rows} for one in (older, board))
    found = [_came(row, key, before, board) for key, row in now.items() if key not in was]
    found += [_went(row, key, after, board) for key, row in was.items() if key not in now]
    came = [now[key] for key in now if key not in was]
    gone = [was[key] for key in was if key not in now]
    for key in now.keys() & was.keys():
        found += _differs(key, was[key], now[key], came, gone)
    return sorted(found, key=lambda one: (_ORDER.index(one.kind), one.now is None, one.now or 0, one.key))


def _came(row: BoardRow, key: str, before: Leaderboard, board: Board) -> Change:
    held = _excluded(row, before.excluded, board.judge)
    if held is not None:
        why = f"It was there before without a place ({held.status}): {held.reason}"
    else:
        why = "A new run" + (f", whose answers were collected by {row.collected_at[:10]}." if row.collected_at else ".")
    return Change(CAME, called(row), key, None, row.rank, why)


def _went(row: BoardRow, key: str, after: Leaderboard, board: Board) -> Change:
    told = _excluded(row, after.excluded, board.judge)
    why = f"{told.status.capitalize()}: {told.reason}" if told else "It is no longer among the results."
    return Change(WENT, called(row), key, row.rank, None, why)


def _differs(
    key: str, was: BoardRow, now: BoardRow, came: Sequence[BoardRow], gone: Sequence[BoardRow]
) -> list[Change]:
    reasons = []
    if (was.run_id, was.bundle) != (now.run_id, now.bundle):
        reasons.append("another run of the model took the place of the one before")
    elif abs((was.ranked_as or 0.0) - (now.ranked_as or 0.0)) > _SAME:
        reasons.append(f"its value went from {100 * (was.ranked_as or 0):.1f} to {100 * (now.ranked_as or 0):.1f}")
    if was.status != now.status:
        reasons.append(f"its status went from {was.status} to {now.status}")
    moved = was.rank != now.rank
    if moved and not reasons:
        above = [f"above it came {called(row)}" for row in came if _above(row.rank, now.rank)]
        above += [f"no longer above it is {called(row)}" for row in gone if _above(row.rank, was.rank)]
        reasons = above[:3] or ["others moved past it"]
    if not reasons:
        return []
    why = "; ".join(reasons)
    return [Change(MOVED if moved else CHANGED, called(now), key, was.rank, now.rank, f"{why[0].upper()}{why[1:]}.")]


def _above(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one <= other)


def _excluded(row: BoardRow, excluded: Sequence[Excluded], judge: str) -> Excluded | None:
    """What is said of a row's run where it has no place by a judge."""
    return next((one for one in excluded if one.bundle == row.bundle and one.judge in (None, judge)), None)
