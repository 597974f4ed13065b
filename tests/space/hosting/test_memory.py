"""Free memory goes back to the system, also from between what is still in use."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import pytest

from space.hosting.memory import give_back

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def resident() -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(not GLIBC, reason="needs glibc")
def test_what_is_free_between_what_is_in_use_goes_back() -> None:
    pieces = [bytes(50_000) for _ in range(2_000)]
    # One in a hundred stays, the last one too, so that nothing can be given back from the end alone.
    kept = pieces[99::100]
    pieces.clear()
    before = resident()
    give_back()
    assert resident() < before - 50_000_000
    assert len(kept) == 20
