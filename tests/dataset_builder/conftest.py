"""What tests of the Hub's client and of publishing share."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataset_builder.hub.client import Hub
from tests.support.built_folder import write_build
from tests.support.hub_client import REPO, quick
from tests.support.hub_server import BOB, HubServer


@pytest.fixture
def alice(hub: HubServer) -> Hub:
    """A client of alice's, whose repo is there."""
    made = Hub(patience=quick())
    made.ensure_repo(REPO, "dataset")
    return made


@pytest.fixture
def bob(hub: HubServer) -> Hub:
    """A client of bob's."""
    return Hub(token=BOB.token, patience=quick())


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A small folder as a build makes it."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    return write_build(folder)
