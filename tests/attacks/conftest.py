"""What the attacks share: a loopback Hub with alice's results repository, to which bob and carol submit."""

from __future__ import annotations

import pytest

from tests.support.hub_server import HubServer
from tests.support.results_hub import REPO, client


@pytest.fixture
def results(hub: HubServer) -> HubServer:
    """The Hub with alice's empty results repository."""
    client().ensure_repo(REPO, "dataset")
    return hub
