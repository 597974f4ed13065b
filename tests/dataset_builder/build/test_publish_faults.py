"""Publishing where something fails on the way: all of it arrives, or the repo is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataset_builder.errors import ConflictError, RemoteError
from dataset_builder.hub.client import Hub
from tests.support.built_folder import write_build
from tests.support.hub_server import HubServer
from tests.support.publishing import REPO, contents, on_disk, send, titles

FAULTS: list[dict[str, Any]] = [
    {"pattern": "^POST /api/repos/create", "kind": "lost"},
    {"pattern": "^POST .*/preupload/", "status": 503},
    {"pattern": "^POST .*/batch", "kind": "cut"},
    {"pattern": "^GET .*/revision/", "status": 429, "retry_after": "0"},
    {"pattern": "^POST .*/commit/", "kind": "lost"},
    {"pattern": "^POST .*/commit/", "kind": "cut"},
    {"pattern": "^POST .*/commit/", "status": 429},
    {"pattern": "^POST .*/commit/", "status": 504},
    {"pattern": "^HEAD .*/resolve/", "status": 502},
    {"pattern": "^POST .*/tag/", "kind": "lost"},
    {"pattern": "^GET .*/refs", "kind": "cut"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_that_passes_changes_nothing_about_the_outcome(
    hub: HubServer, build: Path, fault: dict[str, Any]
) -> None:
    hub.fail(**fault)
    done = send(build, tag="v1.0.0")
    assert contents(hub) == on_disk(build)
    assert len(titles(hub)) == 2
    assert hub.repo(REPO).refs["refs/tags/v1.0.0"] == done.sha == hub.repo(REPO).head
    assert not send(build, tag="v1.0.0").changed


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412, 413])
def test_a_refused_commit_leaves_the_repo_as_it_was(hub: HubServer, build: Path, status: int) -> None:
    first = send(build)
    write_build(build, salt="x")
    hub.fail("^POST .*/commit/", status=status)
    with pytest.raises(RemoteError, match=f"answered {status}"):
        send(build, tag="v1.0.0")
    assert hub.repo(REPO).head == first.sha
    assert "refs/tags/v1.0.0" not in hub.repo(REPO).refs


def test_someone_elses_repo(hub: HubServer, build: Path) -> None:
    with pytest.raises(RemoteError, match=r"403.*rights to create"):
        send(build, "bob/blind-refusal")


def test_someone_elses_commit_in_between_is_not_overwritten(hub: HubServer, build: Path) -> None:
    send(build)
    write_build(build, salt="x")

    def meddle(step: str) -> None:
        if step.startswith("sending"):
            Hub().commit(REPO, "dataset", message="theirs", add={"README.md": b"theirs"})

    with pytest.raises(ConflictError, match="not as it was when we looked"):
        send(build, progress=meddle)
    assert titles(hub)[-1] == "theirs"


def test_bytes_that_come_back_changed_are_noticed(hub: HubServer, build: Path) -> None:
    def rot(step: str) -> None:
        if step.startswith("downloading"):
            blob = hub.repo(REPO).files["data/cases/test.parquet"]
            hub.store.large[blob.sha256] = blob.data[:-1] + b"?"

    with pytest.raises(RemoteError, match=r"data/cases/test\.parquet is not what was sent"):
        send(build, progress=rot)
