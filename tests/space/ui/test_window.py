from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from space.ui.window import Clicks


def reader(name: str) -> Any:
    return SimpleNamespace(session_hash=name)


def test_an_event_raised_before_a_click_was_answered_would_undo_it() -> None:
    clicks = Clicks()
    # Nothing was clicked: whatever comes is of now.
    assert not clicks.undone_by(reader("a"), "q=x")
    clicks.note(reader("a"), "case=1")
    assert clicks.undone_by(reader("a"), "q=x")
    assert not clicks.undone_by(reader("b"), "q=x")
    # Once the reader has seen it, the next states are of now as well.
    assert not clicks.undone_by(reader("a"), "case=1")
    assert not clicks.undone_by(reader("a"), "q=y")


def test_only_the_newest_readers_are_remembered() -> None:
    clicks = Clicks()
    for number in range(Clicks.KEPT + 1):
        clicks.note(reader(str(number)), "case=1")
    assert not clicks.undone_by(reader("0"), "q=x")
    assert clicks.undone_by(reader("1"), "q=x")
