"""What tests of all packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NEIGHBOUR = Path(__file__).resolve().parents[2] / "shared" / "upstream" / "blind-refusal-study.tar.gz"


@pytest.fixture(scope="session")
def study_archive() -> Path:
    """The study's archive, from BLIND_REFUSAL_STUDY or the folder beside the checkout."""
    named = os.environ.get("BLIND_REFUSAL_STUDY")
    path = Path(named) if named else NEIGHBOUR
    if not path.is_file():
        pytest.skip("needs the study's archive: set BLIND_REFUSAL_STUDY to its path")
    return path
