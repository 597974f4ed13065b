from __future__ import annotations

import msgspec

from eval.repository.leaderboard import BoardRow, Excluded
from space.data.changes import CAME, CHANGED, MOVED, WENT, Change, changes
from space.pages.leaderboard.markup import changes_told
from tests.support.hostile import strings
from tests.support.results_folder import board, leaderboard, row

RUN = "submissions/acme__{}/run-1"


def told(
    before: list[BoardRow], after: list[BoardRow], *excluded: Excluded, was: Excluded | None = None
) -> list[Change]:
    older = msgspec.structs.replace(leaderboard(board(*before)), excluded=[was] if was else [])
    newer = msgspec.structs.replace(leaderboard(board(*after)), excluded=list(excluded))
    return changes(older, newer, newer.boards[0])


def test_a_row_that_came_moves_those_below_it() -> None:
    a, b, c = row("a", 1, 0.6, 0.1), row("b", 2, 0.5, 0.1), row("c", 3, 0.4, 0.1)
    new = row("new", 2, 0.55, 0.1)
    after = [a, new, *(msgspec.structs.replace(one, rank=n) for n, one in ((3, b), (4, c)))]
    assert told([a, b, c], after) == [
        Change(CAME, "new", "new", None, 2, "A new run, whose answers were collected by 2026-01-02."),
        Change(MOVED, "b", "b", 2, 3, "Above it came new."),
        Change(MOVED, "c", "c", 3, 4, "Above it came new."),
    ]


def test_a_row_that_went_says_why_and_lifts_the_others() -> None:
    a = row("a", 1, 0.6, 0.1, bundle=RUN.format("a"))
    b = row("b", 2, 0.5, 0.1)
    gone = Excluded(bundle=RUN.format("a"), model="a", status="withdrawn", reason="Its owner took it back.")
    other = Excluded(
        bundle=RUN.format("a"), model="a", status="held for review", judge="another", reason="Not this one."
    )
    assert told([a, b], [msgspec.structs.replace(b, rank=1)], other, gone) == [
        Change(WENT, "a", "acme__a", 1, None, "Withdrawn: Its owner took it back."),
        Change(MOVED, "b", "b", 2, 1, "No longer above it is a."),
    ]
    assert told([a, b], [b])[0].why == "It is no longer among the results."


def test_a_row_that_was_held_before_says_so() -> None:
    a = row("a", 1, 0.6, 0.1, bundle=RUN.format("a"))
    held = Excluded(bundle=RUN.format("a"), model="a", status="held for review", reason="A person has to look.")
    (one,) = told([], [a], was=held)
    assert one.why == "It was there before without a place (held for review): A person has to look."


def test_another_run_another_value_and_another_status_are_told() -> None:
    a = row("a", 1, 0.6, 0.1, bundle=RUN.format("a"), run_id="run-1")
    newer = msgspec.structs.replace(a, bundle="submissions/acme__a/run-2", run_id="run-2")
    # 0.6 - 0.1, and 0.55 - 0.1
    judged = msgspec.structs.replace(a, ranked_as=0.45, status="checked")
    assert [(one.kind, one.why) for one in told([a], [newer])] == [
        (CHANGED, "Another run of the model took the place of the one before.")
    ]
    assert [one.why for one in told([a], [judged])] == [
        "Its value went from 50.0 to 45.0; its status went from verified to checked."
    ]
    # Less than half a tenth of a point is rounding.
    assert told([a], [msgspec.structs.replace(a, ranked_as=0.5004)]) == []


def test_nothing_is_said_where_nothing_changed_or_nothing_is_known() -> None:
    one = leaderboard(board(row("a", 1, 0.6, 0.1)))
    assert changes(one, one, one.boards[0]) == []
    assert changes(None, one, one.boards[0]) == []
    assert changes(leaderboard(board(row("a", 1, 0.6, 0.1), judge="other")), one, one.boards[0]) == []


def test_a_sentence_sums_it_up_and_hostile_names_do_nothing() -> None:
    found = [Change(CAME, "n", "n", None, 1, "A new run."), Change(WENT, "m", "m", 1, None, "Gone.")]
    shown = changes_told(found, lambda key: f"model?model={key}")
    assert "What changed since the version before: 1 came, 1 went" in shown
    assert '<a href="model?model=n">n</a> came at 1. A new run.' in shown
    assert "<b>m</b> went from 1. Gone." in shown
    for text in strings():
        hostile = changes_told([Change(MOVED, text, "k", 1, 2, text)], lambda key: "model")
        assert hostile.count("<a ") == 1
        assert "<script" not in hostile.lower()
        assert "<img" not in hostile.lower()
