"""Uploads that wait for their visitor's word: each is its own session's alone, and none can pile up.

A session is known by what gradio calls it, which no other page knows. What a page sends with its word is never
a path: the server looks up what that session dropped.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dataset_builder.errors import InputError
from eval.submissions.upload import MOST_BYTES

MOST_OF_A_VISITOR: Final = 3
MOST_BYTES_OF_A_VISITOR: Final = MOST_BYTES
MOST_BYTES_OF_ALL: Final = 8 * MOST_BYTES
# Seconds after which nobody is waited for.
LONGEST: Final = 3600.0
_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Waiting:
    path: Path
    visitor: str
    size: int
    since: float


class UploadDesk:
    """The uploads that nobody has confirmed or dropped yet, in a folder that no page serves."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._folder: Path | None = None

    def take(self, upload: Path, session: str, visitor: str) -> Path:
        """Take an upload away from where it was received; returns where it is now.

        A session's earlier upload is dropped. Raises InputError, and deletes the upload, where the visitor has
        too many or too much waiting, or all visitors have.
        """
        with self._lock:
            self._drop(session)
            for other in [name for name, one in self._waiting.items() if self._clock() - one.since > LONGEST]:
                self._drop(other)
            size = upload.stat().st_size
            mine = [one for one in self._waiting.values() if one.visitor == visitor]
            refused = None
            if len(mine) >= MOST_OF_A_VISITOR:
                refused = f"You have {len(mine)} uploads that wait for your word; at most {MOST_OF_A_VISITOR}."
            elif sum(one.size for one in mine) + size > MOST_BYTES_OF_A_VISITOR:
                refused = f"Your uploads that wait for your word are larger than {MOST_BYTES_OF_A_VISITOR // _MB} MB."
            if refused:
                forget(upload)
                raise InputError(f"{refused} Submit or discard one in its own window, or come back in an hour.")
            if sum(one.size for one in self._waiting.values()) + size > MOST_BYTES_OF_ALL:
                forget(upload)
                raise InputError("Too many uploads wait for their visitors just now. Come back in an hour.")
            if self._folder is None:
                # Readable by this process's user alone, and outside of what gradio sends.
                self._folder = Path(tempfile.mkdtemp(prefix="blind-refusal-uploads-"))
            place = Path(tempfile.mkdtemp(dir=self._folder)) / upload.name
            shutil.move(upload, place)
            forget(upload)
            self._waiting[session] = _Waiting(place, visitor, size, self._clock())
            return place

    def of(self, session: str) -> Path | None:
        """What a session has waiting."""
        with self._lock:
            found = self._waiting.get(session)
            return found.path if found else None

    def drop(self, session: str) -> None:
        """Delete what a session has waiting."""
        with self._lock:
            self._drop(session)

    def close(self) -> None:
        """Delete everything."""
        with self._lock:
            for session in list(self._waiting):
                self._drop(session)
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _drop(self, session: str) -> None:
        if found := self._waiting.pop(session, None):
            forget(found.path)


def forget(upload: Path) -> None:
    """Delete an upload with the folder that was made for it."""
    upload.unlink(missing_ok=True)
    try:
        upload.parent.rmdir()
    except OSError:
        # Something else is in it.
        return
