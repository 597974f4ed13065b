"""One writer at a time for a folder that records are added to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from dataset_builder.errors import InputError

LOCK: Final = ".lock"


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a folder, called ``what`` in the message; the system lets go of it when the process ends.

    Raises InputError where another process holds it.
    """
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{path}: another process is writing to {what}. Wait for it to end, or stop it.") from None
    try:
        yield
    finally:
        lock.release()
