"""Decoding a stranger's Parquet in a process of its own.

Arrow's reader is native code, and a footer with a few bytes changed can make it crash (seen with
pyarrow 26.0.1). So it runs in a child, with next to no environment, no right to write files, and limits
on memory and time; if it dies, the file is refused and the next file gets a new child. Parent and child
speak over pipes: a length and so many bytes, each way.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final

import msgspec

from dataset_builder.dataset.records import Record
from dataset_builder.errors import DataError, Problem
from eval.repository.bundle import RESPONSES, VERDICTS
from eval.runs.answer import Answer
from eval.runs.verdict import Verdict

RECORDS: Final[dict[str, type[Record]]] = {RESPONSES: Answer, VERDICTS: Verdict}
SECONDS: Final = 60.0
_MEMORY: Final = 4 * 1024**3
_LENGTH: Final = 8
_START: Final = "import sys; sys.path[:] = {path!r}; from eval.submissions.read_apart import serve; serve()"


class _Reply(msgspec.Struct):
    columns: dict[str, list[Any]] | None = None
    summary: str = ""
    problems: list[tuple[str, str, str]] = []


class _Child:
    """The process, started when it is first needed; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, name: str, data: bytes) -> dict[str, list[Any]]:
        with self._lock:
            try:
                reply = self._exchange(name, data)
            except (OSError, EOFError, msgspec.DecodeError):
                self._end()
                what = "makes the reader of Parquet files fail, as only a damaged or forged file does"
                raise DataError("A table cannot be read", [Problem(name, what, "write it again")]) from None
        if reply.columns is None:
            raise DataError(reply.summary, [Problem(*problem) for problem in reply.problems])
        return reply.columns

    def close(self) -> None:
        with self._lock:
            self._end()

    def _exchange(self, name: str, data: bytes) -> _Reply:
        if self._process is not None and self._process.poll() is not None:
            # It died between two files, for want of memory perhaps: the next file is not to blame.
            self._end()
        process = self._process or self._begin()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - for the type
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            for part in (name.encode(), data):
                process.stdin.write(len(part).to_bytes(_LENGTH, "big") + part)
            process.stdin.flush()
            return msgspec.msgpack.decode(_take(process.stdout), type=_Reply)
        finally:
            watch.cancel()

    def _begin(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
        # The system's allocator, as others reserve more addresses than they use and meet the limit.
        kept |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _START.format(path=[os.path.abspath(p or ".") for p in sys.path])],  # noqa: PTH100
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept,
        )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            with suppress(OSError):
                self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
            self._process.wait()
            self._process = None


_CHILD: Final = _Child()


def read_apart(name: str, data: bytes) -> dict[str, list[Any]]:
    """The columns of ``responses.parquet`` or ``verdicts.parquet``, decoded in the child.

    Raises DataError as ``bundle_tables.read_rows`` does, and where the reader dies of the file.
    """
    return _CHILD.ask(name, data)


def close() -> None:
    """End the child; the next file starts a new one."""
    _CHILD.close()


atexit.register(close)


def _take(stream: IO[bytes]) -> bytes:
    head = stream.read(_LENGTH)
    if len(head) < _LENGTH:
        raise EOFError
    wanted = int.from_bytes(head, "big")
    data = stream.read(wanted)
    if len(data) < wanted:
        raise EOFError
    return data


def serve() -> None:
    """Be the child: decode what comes until the parent hangs up."""
    _limit()
    from eval.repository.tables import read_rows

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError):
        while True:
            name = _take(source).decode()
            data = _take(source)
            reply = _answer(read_rows, name, data)
            sink.write(len(reply).to_bytes(_LENGTH, "big") + reply)
            sink.flush()


def _answer(read: Callable[..., dict[str, list[Any]]], name: str, data: bytes) -> bytes:
    try:
        return msgspec.msgpack.encode(_Reply(columns=read(data, RECORDS[name], name)))
    except DataError as error:
        problems = [(one.where, one.what, one.hint) for one in error.problems]
        return msgspec.msgpack.encode(_Reply(summary=error.summary, problems=problems))


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
