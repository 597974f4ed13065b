"""What the pages read: the transcripts, the cases, and the results, which are swapped whole.

A page takes ``data.now`` once at the start of an event and uses only that, so that no page ever
shows half of one version of the results and half of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eval.results import Results
from space.store import Store


@dataclass(frozen=True)
class Snapshot:
    """One version of the results; ``notice`` says why a newer one could not be read."""

    results: tuple[Results, ...] = ()
    version: str = ""
    notice: str | None = None


@dataclass
class SpaceData:
    """The transcripts and cases (which stay) and the results (which change while the Space runs).

    ``dataset_name`` is how the dataset is called on the pages; ``dataset_hub_id`` its repository, if it has one.
    """

    store: Store
    dataset_name: str
    dataset_hub_id: str | None = None
    now: Snapshot = field(default_factory=Snapshot)

    def swap(self, snapshot: Snapshot) -> None:
        """Show another version of the results from the next event on; one assignment, so never half of it."""
        self.now = snapshot

    def keep(self, notice: str) -> None:
        """Keep the present results and say why newer ones are not shown."""
        self.now = replace(self.now, notice=notice)
