"""Memory that the process has no use for, given back to the system while the Space is served.

A large file of figures, or many visitors at once, take tens of MB for a moment. The C library and Arrow keep what is
freed for later, in pieces between what is still in use, so a server only ever seems to grow.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Final

# Seconds between two times; one takes a few milliseconds, during which nobody's page waits for Python.
EVERY: Final = 30.0


def give_back() -> None:
    """Give back what is free; does nothing with a C library other than glibc but for Arrow's memory."""
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def keep_giving_back(stop: threading.Event) -> None:
    """Do so every ``EVERY`` seconds, in a thread of its own, until ``stop`` is set."""

    def again() -> None:
        while not stop.wait(EVERY):
            give_back()

    threading.Thread(target=again, name="memory", daemon=True).start()
