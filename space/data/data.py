"""What the pages read: the transcripts, the cases, and the results, which are swapped whole.

A page takes ``data.now`` once at the start of an event and uses only that, so that no page ever
shows half of one version of the results and half of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.opened import BuiltDataset
from eval.repository.leaderboard import Board, Leaderboard
from eval.scores.results import Results
from eval.sets.document import SetDocument
from space.data.readers import Readers
from space.store.store import Store

# One model's rates on every slice, packed small: what the breakdown shows.


_NUMBERS: Final = ("estimate", "low", "high", "minimum_detectable_difference")
NAN: Final = float("nan")


class Key(NamedTuple):
    """A slice: what it is by, the label its cases share, and whether dual-use cases are left out."""

    by: str
    value: str
    without_dual_use: bool = False


class Cell(NamedTuple):
    """One metric on one slice: shares from 0 to 1, NaN without data; ``n`` is the answers it is of."""

    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    detectable: float = NAN
    n: int = 0

    @property
    def has_value(self) -> bool:
        """Whether there is an estimate."""
        return not isnan(self.estimate)


@dataclass(frozen=True, eq=False)
class SliceTable:
    """Arrays of shape (slices, metrics, 4) and (slices, metrics), by ``keys`` and ``metrics``."""

    keys: dict[Key, int]
    metrics: dict[str, int]
    numbers: NDArray[np.float64]
    answers: NDArray[np.int32]

    @classmethod
    def of(cls, results: Results) -> SliceTable:
        """The slices of a results file."""
        metrics = {metric.id: place for place, metric in enumerate(results.metrics)}
        keys = {Key(s.by, s.value, s.without_dual_use): row for row, s in enumerate(results.slices)}
        numbers = np.full((len(results.slices), len(metrics), len(_NUMBERS)), np.nan)
        answers = np.zeros((len(results.slices), len(metrics)), np.int32)
        for row, part in enumerate(results.slices):
            for name, value in part.metrics.items():
                if name in metrics:
                    found = [getattr(value, field) for field in _NUMBERS]
                    numbers[row, metrics[name]] = [NAN if one is None else one for one in found]
                    answers[row, metrics[name]] = value.denominator
        return cls(keys, metrics, numbers, answers)

    def cell(self, key: Key, metric: str) -> Cell:
        """One value; an empty one for a slice or a metric that is not there."""
        row, place = self.keys.get(key), self.metrics.get(metric)
        if row is None or place is None:
            return Cell()
        estimate, low, high, detectable = self.numbers[row, place].tolist()
        return Cell(estimate, low, high, detectable, int(self.answers[row, place]))

    def values(self, by: str, *, without_dual_use: bool = False) -> tuple[str, ...]:
        """The labels of the slices by something, in the file's order, which is the taxonomy's."""
        return tuple(key.value for key in self.keys if key.by == by and key.without_dual_use == without_dual_use)


def pooled(cells: Sequence[Cell]) -> Cell:
    """The share over the answers of several models together, without an interval: numerators over denominators."""
    known = [cell for cell in cells if cell.has_value and cell.n]
    total = sum(cell.n for cell in known)
    return Cell(sum(cell.estimate * cell.n for cell in known) / total, n=total) if total else Cell()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One version of the results; ``notice`` says why a newer one could not be read.

    ``slices`` holds the rates on every slice by the path of a row's ``results``; ``reasoned``, by the path of its
    ``transcripts``, whether tokens were spent on reasoning before most answers, where that is told; ``folder`` is where
    the bundles of this version stand, None where there are none. ``before`` is the leaderboard of the version before,
    where that is known. ``sets`` are those of runs, apart from all boards.
    """

    leaderboard: Leaderboard | None = None
    slices: Mapping[str, SliceTable] = field(default_factory=dict)
    folder: Path | None = None
    version: str = ""
    reasoned: Mapping[str, bool] = field(default_factory=dict)
    before: Leaderboard | None = None
    notice: str | None = None
    sets: tuple[SetDocument, ...] = ()

    @property
    def boards(self) -> tuple[Board, ...]:
        """The boards, that with the most cases and models first; of equals that whose judge people agree with most."""
        boards = self.leaderboard.boards if self.leaderboard else ()
        return tuple(sorted(boards, key=lambda board: (-board.n_cases, -len(board.rows), -_kappa(board))))


def _kappa(board: Board) -> float:
    """The judge's mean kappa with people on what an answer does; -1, which is less than any, where unknown."""
    found = [
        one.kappa
        for one in board.judge_agreement
        if one.field == "response_type" and one.kappa is not None and one.against.startswith("reviewer")
    ]
    return sum(found) / len(found) if found else -1.0


@dataclass(eq=False)
class SpaceData:
    """The transcripts and cases (which stay) and the results (which change while the Space runs).

    ``dataset_name`` is how the dataset is called on the pages; ``dataset_hub_id`` its repository, if it has one;
    ``built`` is its folder on this machine. ``dataset_revision`` and ``results_hub_id`` are there where the dataset and
    the results come from the Hub.
    """

    store: Store
    dataset_name: str
    dataset_hub_id: str | None = None
    built: BuiltDataset | None = None
    now: Snapshot = field(default_factory=Snapshot)
    dataset_revision: str | None = None
    results_hub_id: str | None = None
    readers: Readers = field(default_factory=Readers)
    # Whether the Hub has a leaderboard of its own for the dataset; asked when the Space starts.
    on_hubs_board: bool = False

    def swap(self, snapshot: Snapshot, store: Store | None = None) -> None:
        """Show another version of the results from the next event on; one assignment, so never half of it.

        ``store`` holds the transcripts of that version, where they are others.
        """
        # First the transcripts: a row without them would link to nothing, the reverse does no harm.
        self.store = store or self.store
        self.now = snapshot

    def keep(self, notice: str | None) -> None:
        """Keep the present results and say why newer ones are not shown."""
        self.now = replace(self.now, notice=notice)
