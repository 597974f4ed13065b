"""A file of records, one line of JSON each, that only ever grows and survives a kill at any byte.

A record is written with one call and ends in a line feed, which no record holds inside. A line
without one was cut off: whoever opens the file to append sets it aside, whoever only reads passes
over it.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.storage.foreign import BOM, FETCH_IT, POINTER, is_pointer

R = TypeVar("R", bound=msgspec.Struct)

# What a power cut may cost: a kill costs nothing, as the system keeps what was handed to it.
_SYNC_EVERY_S: Final = 1.0
_BLOCK: Final = 1 << 16


class RecordFile(Generic[R]):
    """The records of one type in one file. Appending asks that no other process does (see RunFolder).

    ``stray`` says why a record does not belong into this file, or None.
    """

    def __init__(self, path: Path, record: type[R], stray: Callable[[R], str | None] | None = None) -> None:
        self.path = path
        self._stray = stray
        self._decoder = msgspec.json.Decoder(record)
        self._encoder = msgspec.json.Encoder()
        self._file: io.FileIO | None = None
        self._synced = 0.0

    def __iter__(self) -> Iterator[R]:
        """All whole records in the order in which they were written; see ``numbered``."""
        return (record for _, record in self.numbered())

    def numbered(self) -> list[tuple[int, R]]:
        """All whole records with the numbers of their lines, from 1. Blank lines and byte order marks mean nothing.

        Raises InputError for a pointer of Git LFS, DataError with every whole line that is no such record.
        """
        if not self.path.exists():
            return []
        found: list[tuple[int, R]] = []
        problems: list[Problem] = []
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if number == 1 and is_pointer(line):
                    raise InputError(f"{self.path}: {POINTER}. {FETCH_IT.capitalize()}.")
                if not line.endswith(b"\n"):
                    break
                text = line.removeprefix(BOM).strip()
                if not text:
                    continue
                try:
                    record = self._decoder.decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    problems.append(self._damage(number, text, error))
                    continue
                strange = self._stray(record) if self._stray else None
                if strange is not None:
                    problems.append(Problem(f"{self.path}:{number}", strange, "move this line to where it belongs"))
                found.append((number, record))
        if problems:
            raise DataError(f"{self.path.name} is damaged, and nothing was changed in it", problems)
        return found

    def _damage(self, number: int, text: bytes, error: Exception) -> Problem:
        where = f"{self.path}:{number}"
        if text.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Problem(where, "the file is UTF-16", "save it as UTF-8: nothing is lost")
        if text == b"null":
            return Problem(where, "holds null and no record", "delete this line: nothing is lost")
        hint = "keep this line in another file; its case is then done again"
        return Problem(where, f"not a record of this file: {error}", hint)

    def open(self) -> int:
        """Make ready to append; returns how many bytes of a cut-off last line were set aside.

        They are kept in a file of the same name with ``.torn`` after it.
        """
        # Unbuffered: what is written is the system's at once, and outlives this process.
        file = self.path.open("ab+", buffering=0)
        size = file.seek(0, os.SEEK_END)
        keep = _whole_bytes(file, size)
        if keep < size:
            file.seek(keep)
            with self.path.with_name(self.path.name + ".torn").open("ab") as aside:
                aside.write(file.read(size - keep) + b"\n")
            file.truncate(keep)
        self._file = file
        return size - keep

    def append(self, record: R) -> None:
        """Write one record. Raises InputError, with the file as it was, where the disk takes no more."""
        if self._file is None:
            raise ValueError(f"{self.path} is not open to append")
        line = self._encoder.encode(record) + b"\n"
        before = os.fstat(self._file.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += self._file.write(line[written:])
        except OSError as error:
            self._file.truncate(before)
            raise InputError(
                f"{self.path}: cannot write ({error.strerror}). Free some space, then run the same command: "
                "nothing is lost."
            ) from None
        now = time.monotonic()
        if now - self._synced > _SYNC_EVERY_S:
            os.fsync(self._file.fileno())
            self._synced = now

    def close(self) -> None:
        """Hand everything to the disk and end appending."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None


class HeldRecordFile(RecordFile[R]):
    """A record file that is held in memory: read once, and again only where another process has changed it.

    Appending opens it with the first record.
    """

    def __init__(self, path: Path, record: type[R], stray: Callable[[R], str | None] | None = None) -> None:
        super().__init__(path, record, stray)
        self._records: list[R] | None = None
        self._size = 0
        self._appending = False
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[R]:
        """All whole records, as ``RecordFile`` has them."""
        with self._lock:
            size = self.path.stat().st_size if self.path.exists() else 0
            if self._records is None or size != self._size:
                self._records, self._size = list(super().__iter__()), size
            return iter(self._records)

    @contextmanager
    def appending(self) -> Iterator[None]:
        """For as long as the block lasts, records may be appended."""
        self._appending = True
        try:
            yield
        finally:
            self._appending = False
            self.close()

    def append(self, record: R) -> None:
        """Write one record; raises as ``RecordFile`` does."""
        with self._lock:
            if self._appending and self._file is None:
                self.open()
            size = self.path.stat().st_size if self._file else 0
            super().append(record)
            if self._records is not None and size == self._size:
                self._records.append(record)
                self._size = self.path.stat().st_size


def _whole_bytes(file: io.FileIO, end: int) -> int:
    """Bytes up to the end of the last line that is whole: ended, and not the zeros of a power cut."""
    while end:
        start = _line_before(file, end)
        file.seek(start)
        line = file.read(end - start)
        if line.endswith(b"\n") and b"\0" not in line:
            return end
        end = start
    return 0


def _line_before(file: io.FileIO, end: int) -> int:
    """Where the line begins whose last byte is just before ``end``."""
    # The line's own end does not count.
    position = end - 1
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
