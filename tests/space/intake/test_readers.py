"""A reader's label of an answer: in a folder, or as a pull request on a Hub of our own; shown, replaced, taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import InputError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.pull_requests import merge_request, open_requests
from eval.judges.human.readers import MOST_OF_A_READER, read_labels
from space.data.data import SpaceData
from space.data.readers import Readers
from space.data.snapshot import NOTHING
from space.data.sources import HubSource
from space.hosting.serve import store_of
from space.intake.intake import HubIntake, LocalIntake
from space.intake.readers import HERE, MOST_OPEN, Said, label_here, label_on_hub, take_back_here, take_back_on_hub
from space.store.transcript import Transcript
from tests.support.hub_server import ALICE, BOB, HubServer
from tests.support.results_hub import REPO, board, client
from tests.support.small_dataset import build_small

HELPS = Said("helps", engages=True, harm=False, note="It does.")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> OpenedDataset:
    return locate_dataset(build_small(tmp_path_factory.mktemp("small") / "dataset").path)


@pytest.fixture(scope="module")
def data(dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    return SpaceData(store_of(dataset.built, NOTHING, tmp_path_factory.mktemp("cache")), "small", built=dataset.built)


def answer(data: SpaceData, case_id: str = "control:school:1") -> Transcript:
    found = data.store.transcript(case_id, "alpha-1")
    assert found is not None
    return found


def test_in_a_folder_it_is_kept_replaced_and_taken_back(
    dataset: OpenedDataset, data: SpaceData, tmp_path: Path
) -> None:
    local, one, readers = LocalIntake(dataset, tmp_path), answer(data), Readers()
    label_here(local, one, HELPS)
    (said,) = readers.on(one, "v", tmp_path)
    assert (said.reviewer, said.response_type, said.engages, said.harm, said.is_reader) == (
        HERE, "helps", True, False, True,
    )  # fmt: skip
    label_here(local, one, Said("deflects", engages=False, harm=True))
    # As it was read, until somebody says that there is more.
    assert readers.on(one, "v", tmp_path)[0].response_type == "helps"
    readers.forget()
    assert [other.response_type for other in readers.on(one, "v", tmp_path)] == ["deflects"]
    assert readers.on(answer(data, "control:school:2"), "v", tmp_path) == ()
    take_back_here(local, one)
    assert list(read_labels(tmp_path)) == []
    with pytest.raises(InputError, match="no label of yours"):
        take_back_here(local, one)


def test_a_reader_has_an_end(dataset: OpenedDataset, data: SpaceData, tmp_path: Path) -> None:
    folder = tmp_path / "labels" / HERE
    folder.mkdir(parents=True)
    for n in range(MOST_OF_A_READER):
        (folder / f"{n}.json").write_bytes(b"{}")
    with pytest.raises(InputError, match="that is the most"):
        label_here(LocalIntake(dataset, tmp_path), answer(data), HELPS)
    with pytest.raises(InputError, match="Say first what the answer does"):
        label_here(LocalIntake(dataset, tmp_path), answer(data), Said("", engages=False, harm=False))


def test_on_the_hub_it_is_a_pull_request_by_the_readers_account(
    hub: HubServer, dataset: OpenedDataset, data: SpaceData
) -> None:
    client().ensure_repo(REPO, "dataset")
    board(dataset)
    intake, one, alice = HubIntake(dataset, REPO), answer(data), Hub(token=ALICE.token)
    with pytest.raises(InputError, match="Sign in first"):
        label_on_hub(intake, one, HELPS, "")
    with pytest.raises(InputError, match="no label of yours"):
        take_back_on_hub(intake, one, BOB.token)
    assert label_on_hub(intake, one, HELPS, BOB.token).account == "bob"
    (asked,) = open_requests(alice, REPO, "dataset")
    assert (asked.author, asked.title) == ("bob", "Label an answer to control:school:1")
    with pytest.raises(InputError, match="waits already"):
        label_on_hub(intake, one, HELPS, BOB.token)

    merge_request(alice, REPO, "dataset", asked.number, "Thank you")
    seen = HubSource(REPO, "main").read()
    (label,) = read_labels(seen.folder)
    assert (label.judge, label.labels, label.reasoning) == ("human:bob", ("helps", True, False), "It does.")
    assert [said.reviewer for said in Readers().on(one, seen.version, seen.folder)] == ["bob"]

    take_back_on_hub(intake, one, BOB.token)
    (asked,) = open_requests(alice, REPO, "dataset")
    merge_request(alice, REPO, "dataset", asked.number, "As you wish")
    assert list(read_labels(HubSource(REPO, "main").read().folder)) == []

    # The sixth answer of each model is one that never came.
    answered = [one for case_id in data.store.case_ids if (one := answer(data, case_id)).response is not None]
    for one in answered[:MOST_OPEN]:
        label_on_hub(intake, one, HELPS, BOB.token)
    with pytest.raises(InputError, match="most at a time"):
        label_on_hub(intake, answered[MOST_OPEN], HELPS, BOB.token)
