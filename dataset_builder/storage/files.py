"""One writer at a time for a folder that records are added to."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
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


# The time of a record.


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_folder(folder: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write files by their relative paths into a new folder, which appears whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            path = workshop / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        workshop.chmod(0o755)
        if replace:
            put_in_place(workshop, folder)
        else:
            workshop.rename(folder)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write one file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def put_in_place(workshop: Path, out: Path) -> None:
    """Rename a new folder to ``out`` beside it; an old one is moved aside first, and back if that fails."""
    if not out.exists():
        workshop.rename(out)
        return
    aside = workshop.with_name(workshop.name + ".old")
    out.rename(aside)
    try:
        workshop.rename(out)
    except BaseException:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place whole, or not at all."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
