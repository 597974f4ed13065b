"""A dataset and a results repository on the loopback Hub, each with an older version, and what is in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.hub.client import Hub
from tests.support.hub_client import quick
from tests.support.hub_server import ALICE, BOB
from tests.support.results_folder import add_to_results_folder, write_results_folder
from tests.support.small_dataset import build_small, small_records
from tests.support.submissions import good_bundle

DATASET, RESULTS = "alice/cases", "alice/results"
NEWER = "acme/newer-2"


@dataclass(frozen=True)
class Versions:
    """The commits; ``strange`` is one that bob put into the results repository by a pull request."""

    old_results: str
    results: str
    strange: str
    old_dataset: str
    dataset: str

    @property
    def newest(self) -> str:
        return f"{self.results}-{self.dataset}"


def put_versions(dataset: OpenedDataset, folder: Path) -> Versions:
    """Alice's two repositories: the results gained ``NEWER``, the dataset some people's labels."""
    alice = Hub(token=ALICE.token, patience=quick())
    results = write_results_folder(dataset, folder / "results")
    old_results = _commit(alice, RESULTS, results)
    add_to_results_folder(dataset, results, [good_bundle(dataset, NEWER)])
    newest = _commit(alice, RESULTS, results)
    bob = Hub(token=BOB.token, patience=quick())
    made = bob.commit(RESULTS, "dataset", message="Mine", add={"leaderboard.json": b"{}"}, create_pr=True)
    fewer = build_small(folder / "fewer", small_records(labelled=20)).path
    old_dataset = _commit(alice, DATASET, fewer)
    return Versions(old_results, newest, made.sha, old_dataset, _commit(alice, DATASET, dataset.built.path))


def _commit(hub: Hub, repo: str, folder: Path) -> str:
    hub.ensure_repo(repo, "dataset")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return hub.commit(repo, "dataset", message="All of it", add=files).sha
