"""The Space as a user starts it: ``blind-refusal space serve`` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(dataset: Path, results: Path, cache: Path, *more: str, timeout: float = 90) -> Iterator[str]:
    """The address of a server over some data, stopped at the end; what it said is raised if it does not start."""
    port = free_port()
    log = cache.parent / f"serve-{port}.log"
    command = [sys.executable, "-W", "error::SyntaxWarning", "-c", "from space.command import main; main()"]
    command += ["space", "serve", "--dataset", str(dataset), "--results", str(results)]
    command += ["--port", str(port), "--store-cache", str(cache), *more]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + timeout
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        yield address
    finally:
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
