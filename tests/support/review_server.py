"""A review page as a user starts it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.space_server import free_port

# What the command says of a port that someone took after we had looked for a free one.
_TAKEN = "cannot listen there"


@contextmanager
def reviewing(group: str, *arguments: str, log: Path, timeout: float = 180, tries: int = 5) -> Iterator[str]:
    """The address of ``blind-refusal GROUP ARGUMENTS --port …``, stopped at the end."""
    port = free_port()
    command = [sys.executable, "-c", "from space.command import main; main()", group, *arguments, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + timeout
        while process.poll() is None and time.monotonic() < end:
            if _answers(address):
                yield address
                return
            time.sleep(0.1)
    finally:
        # Killed, if need be: every label is on disk before the page shows the next item.
        process.kill()
        process.wait()
    said = log.read_text(errors="replace")
    if _TAKEN not in said or tries == 1:
        raise RuntimeError(f"the page did not start:\n{said}")
    with reviewing(group, *arguments, log=log, timeout=timeout, tries=tries - 1) as address:
        yield address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/config", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
