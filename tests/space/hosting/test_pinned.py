"""Older versions of results and dataset from the loopback Hub: which are opened, what they hold, how few are kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataset_builder.dataset.opened import OpenedDataset, locate_dataset
from dataset_builder.errors import InputError, RemoteError
from dataset_builder.hub.client import Hub
from dataset_builder.hub.patience import Patience
from space.data.data import SpaceData
from space.data.facing import facing, reading
from space.data.sources import HubSource, open_source
from space.frame.versions import pin
from space.hosting.pinned import Pinned, PinnedVersions, UnknownVersionError
from space.hosting.serve import look_for_hubs_board, open_data
from tests.support.hub_server import HubServer, alices_hub
from tests.support.pinned_hub import DATASET, NEWER, RESULTS, Versions, put_versions
from tests.support.results_folder import SUBMITTED

WAIT = 240


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with alices_hub() as server:
        yield server


@pytest.fixture(scope="module")
def made(hub: HubServer, dataset: OpenedDataset, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return put_versions(dataset, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def source(made: Versions) -> HubSource:
    found = open_source(RESULTS)
    assert isinstance(found, HubSource)
    return found


@pytest.fixture(scope="module")
def newest(made: Versions, source: HubSource, tmp_path_factory: pytest.TempPathFactory) -> SpaceData:
    data = open_data(locate_dataset(DATASET), source, tmp_path_factory.mktemp("newest"))
    assert pin(data) == made.newest
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("older") / "pinned"


@pytest.fixture(scope="module")
def versions(newest: SpaceData, source: HubSource, folder: Path) -> Iterator[PinnedVersions]:
    found = PinnedVersions(newest, source, folder)
    yield found
    found.close()


def models(data: SpaceData) -> set[str]:
    return {row.model for board in data.now.boards for row in board.rows}


def test_older_results_are_what_they_were(versions: PinnedVersions, newest: SpaceData, made: Versions) -> None:
    asked = f"{made.old_results}-{made.dataset}"
    assert versions.may_have(asked)
    found = versions.get(asked).result(WAIT)
    assert found.pin == pin(found.data) == asked
    assert models(newest) - models(found.data) == {NEWER}
    assert SUBMITTED in models(found.data)
    # The transcripts are of that version too.
    assert not any("newer" in name for name in found.data.store.models)
    assert any("newer" in name for name in newest.store.models)
    (older,) = found.older
    today = datetime.now(UTC).date()
    assert (older.what, older.commit, older.newest) == ("results", made.old_results, made.results)
    assert older.day is not None
    assert (today - older.day).days in (0, 1)
    # By a shorter name it is the same one, and nothing is fetched again.
    assert versions.get(f"{made.old_results[:8]}-{made.dataset}").result(WAIT).pin == asked
    assert versions.get(asked).done()


def test_an_older_dataset_is_what_it_was(versions: PinnedVersions, newest: SpaceData, made: Versions) -> None:
    found = versions.get(f"{made.results}-{made.old_dataset}").result(WAIT)
    assert [one.what for one in found.older] == ["dataset"]
    assert found.data.now is newest.now
    labels = [sum(len(data.store.said(reviewer=one)) for one in data.store.reviewers) for data in (found.data, newest)]
    # Two people had labelled half as many answers.
    assert 0 < labels[0] < labels[1]


def test_only_what_is_in_the_history_is_opened(versions: PinnedVersions, made: Versions) -> None:
    for asked in ("f" * 40, made.strange, made.strange[:10]):
        with pytest.raises(UnknownVersionError, match="here have no version"):
            versions.get(f"{asked}-{made.dataset}").result(WAIT)
    for strange in ("main", "refs", "0" * 64):
        assert not versions.may_have(f"{strange}-{made.dataset}")


def test_few_are_kept_and_they_come_back_from_disk(
    newest: SpaceData, source: HubSource, folder: Path, versions: PinnedVersions, made: Versions
) -> None:
    asked = [
        f"{made.old_results}-{made.old_dataset}",
        f"{made.old_results}-{made.dataset}",
        f"{made.results}-{made.old_dataset}",
    ]
    numbers = itertools.count()

    def opened(one: str) -> Pinned:
        found = versions.get(one).result(WAIT)
        # What is too much is closed after the result is there, and before another is looked at.
        with pytest.raises(UnknownVersionError):
            versions.get(f"{next(numbers):040x}-{made.dataset}").result(WAIT)
        return found

    first = [opened(one) for one in asked]
    again = [opened(one) for one in asked]
    # Of three in turn two are kept, so each one asked for is the one that was closed.
    assert not any(one is other for one, other in zip(first, again, strict=True))
    assert len(list(folder.glob("results-*"))) == len(list(folder.glob("dataset-*"))) == 1
    assert not list(folder.glob(".part-*"))
    # Without the Hub what is on disk opens, and anything else says that the Hub is not there.
    away = Hub(endpoint="http://127.0.0.1:9", patience=Patience(attempts=1))
    alone = PinnedVersions(newest, source, folder, hub=away)
    found = alone.get(asked[0]).result(WAIT)
    assert NEWER not in models(found.data)
    with pytest.raises(RemoteError):
        alone.get(f"{'e' * 40}-{made.dataset}").result(WAIT)
    alone.close()


def test_one_that_is_too_large_is_refused(newest: SpaceData, source: HubSource, made: Versions, tmp_path: Path) -> None:
    small = PinnedVersions(newest, source, tmp_path, largest=1000)
    with pytest.raises(InputError, match="at most 0 MB are opened here"):
        small.get(f"{made.old_results}-{made.dataset}").result(WAIT)
    assert list(tmp_path.glob("*")) == []
    small.close()


def test_a_folder_has_no_older_versions(newest: SpaceData, folder: Path, made: Versions) -> None:
    local = replace(newest, results_hub_id=None, dataset_hub_id=None, dataset_revision=None)
    versions = PinnedVersions(local, None, folder)
    assert not versions.may_have(f"{made.old_results}-{versions.newest.partition('-')[2]}")
    assert not versions.may_have(f"{versions.newest.partition('-')[0]}-{made.old_dataset}")


def test_data_is_that_of_the_request(newest: SpaceData) -> None:
    pinned = replace(newest, dataset_name="older")
    shown = facing(newest)
    with reading(pinned):
        assert shown.dataset_name == "older"
        with reading(None):
            assert shown.dataset_name == newest.dataset_name
    assert shown.dataset_name == newest.dataset_name
    with pytest.raises(AttributeError):
        shown.dataset_name = "written"


def test_the_hubs_own_board_is_known_where_there_is_one(hub: HubServer, newest: SpaceData) -> None:
    data = replace(newest)
    look_for_hubs_board(data)
    assert not data.on_hubs_board
    entry = {"rank": 1, "modelId": "acme/m", "value": 0.5, "filename": "f", "verified": False}
    hub.repo(DATASET).board.append({**entry, "author": {"type": "user", "name": "acme"}})
    look_for_hubs_board(data)
    assert data.on_hubs_board
    # Out of reach there is no link.
    look_for_hubs_board(replace(data, dataset_hub_id="alice/no-such"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        look_for_hubs_board(data)
    assert not data.on_hubs_board


def test_one_that_vanishes_is_closed(
    hub: HubServer, newest: SpaceData, source: HubSource, folder: Path, tmp_path: Path, made: Versions
) -> None:
    """The last test: it rewrites the history of the results."""
    asked = f"{made.old_results}-{made.dataset}"
    versions = PinnedVersions(newest, source, tmp_path, stores=folder / "stores", recheck=0, fresh=0)
    versions.get(asked).result(WAIT)
    assert (tmp_path / f"results-{made.old_results}").is_dir()
    repo = hub.repo(RESULTS)
    repo.commits[made.results] = replace(repo.commits[made.results], parents=())
    # It is shown once more while the history is looked at.
    assert versions.get(asked).result(WAIT).pin == asked
    versions._one_by_one.submit(int).result(WAIT)
    with pytest.raises(UnknownVersionError):
        versions.get(asked).result(WAIT)
    assert not (tmp_path / f"results-{made.old_results}").exists()
    versions.close()
