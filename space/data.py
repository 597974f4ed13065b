"""What the pages read: the transcripts, the cases, and the results, which are swapped whole.

A page takes ``data.now`` once at the start of an event and uses only that, so that no page ever
shows half of one version of the results and half of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataset_builder.built import BuiltDataset
from eval.leaderboard_schema import Board, Leaderboard
from space.slice_table import SliceTable
from space.store import Store


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One version of the results; ``notice`` says why a newer one could not be read.

    ``slices`` holds the rates on every slice by the path of a row's ``results``; ``folder`` is where
    the bundles of this version stand, None where there are none.
    """

    leaderboard: Leaderboard | None = None
    slices: Mapping[str, SliceTable] = field(default_factory=dict)
    folder: Path | None = None
    version: str = ""
    notice: str | None = None

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


@dataclass
class SpaceData:
    """The transcripts and cases (which stay) and the results (which change while the Space runs).

    ``dataset_name`` is how the dataset is called on the pages; ``dataset_hub_id`` its repository, if it has one;
    ``built`` is its folder on this machine.
    """

    store: Store
    dataset_name: str
    dataset_hub_id: str | None = None
    built: BuiltDataset | None = None
    now: Snapshot = field(default_factory=Snapshot)

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
