"""What a review page shows and asks, and where the labels go; the same for cases and for answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from dataset_builder.errors import InputError

MOST_REVIEWERS = 9


class Question(NamedTuple):
    """A question and the answers it offers: (what is kept, what is shown)."""

    name: str
    text: str
    options: tuple[tuple[str, str], ...]


class Item(NamedTuple):
    """One thing to be labelled: headings with their texts, nothing of who made it or what others said."""

    id: str
    shown: tuple[tuple[str, str], ...]


YES_NO = (("yes", "Yes"), ("no", "No"))
Answers = Mapping[str, str]


class Labels:
    """The newest answers of each reviewer on each item; every change is handed to ``keep`` at once.

    Safe to be used from several threads.
    """

    def __init__(self, known: Iterable[tuple[str, str, Answers]], keep: Callable[[str, str, Answers], None]) -> None:
        self._found: dict[tuple[str, str], Answers] = {(reviewer, item): answers for reviewer, item, answers in known}
        self._keep = keep
        self._lock = threading.Lock()

    def of(self, reviewer: str, item: str) -> Answers | None:
        """What a reviewer said of an item, or None."""
        return self._found.get((reviewer, item))

    def put(self, reviewer: str, item: str, answers: Answers) -> None:
        """Keep what a reviewer says; the same answers again are not written twice."""
        with self._lock:
            if self._found.get((reviewer, item)) != answers:
                self._keep(reviewer, item, answers)
                self._found[reviewer, item] = answers

    def done(self, reviewer: str, items: Sequence[Item]) -> int:
        """How many of some items a reviewer has labelled."""
        return sum((reviewer, item.id) in self._found for item in items)

    def next_open(self, reviewer: str, items: Sequence[Item], after: int = -1) -> int:
        """The place of the next item without a label, round to the start; the number of items if there is none."""
        places = [*range(after + 1, len(items)), *range(min(after + 1, len(items)))]
        return next((p for p in places if (reviewer, items[p].id) not in self._found), len(items))


def reviewer_names(number: int) -> tuple[str, ...]:
    """The names of some reviewers, as they are published. Raises InputError for too few or too many."""
    if not 1 <= number <= MOST_REVIEWERS:
        raise InputError(f"--reviewers {number}: expected 1 to {MOST_REVIEWERS}.")
    return tuple(f"reviewer_{n}" for n in range(1, number + 1))
