"""The Space as a user starts it, and as the Hub does: in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# What the server says of a port that someone took after we had looked for a free one.
_TAKEN = "cannot listen there"
_TRIES = 5


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(dataset: Path, results: Path, cache: Path, *more: str, timeout: float = 240) -> Iterator[str]:
    """The address of ``space serve`` over some data, stopped at the end; raises what it said if it does not start."""

    def start(port: int) -> tuple[list[str], dict[str, str]]:
        words = ["space", "serve", "--dataset", str(dataset), "--results", str(results)]
        words += ["--port", str(port), "--store-cache", str(cache), *more]
        return [*_python("space.cli"), *words], {}

    with running(start, cache.parent, timeout) as address:
        yield address


@contextmanager
def hosting(environment: Mapping[str, str], folder: Path, *, timeout: float = 240) -> Iterator[str]:
    """The same of a Space as the Hub runs it, which gets everything from variables."""

    def start(port: int) -> tuple[list[str], dict[str, str]]:
        where = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
        return _python("space.hosting.serve"), {"SYSTEM": "spaces", "SPACE_ID": "alice/space", **where, **environment}

    with running(start, folder, timeout) as address:
        yield address


def _python(module: str) -> list[str]:
    return [sys.executable, "-W", "error::SyntaxWarning", "-c", f"from {module} import main; main()"]


@contextmanager
def running(
    start: Callable[[int], tuple[list[str], dict[str, str]]], logs: Path, timeout: float, tries: int = _TRIES
) -> Iterator[str]:
    """The address of a server in a process of its own: ``start`` gives its command and variables for a port.

    Stopped at the end; raises what it said if it does not start.
    """
    port = free_port()
    log = logs / f"serve-{port}.log"
    command, more = start(port)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **more}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + timeout
        while process.poll() is None and time.monotonic() < end:
            if _answers(address):
                yield address
                return
            time.sleep(0.1)
    finally:
        _stop(process)
    said = log.read_text(errors="replace")
    if _TAKEN not in said or tries == 1:
        raise RuntimeError(f"the server did not start:\n{said}")
    with running(start, logs, timeout, tries - 1) as address:
        yield address


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/config", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
