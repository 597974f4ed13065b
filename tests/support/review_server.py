"""A review page as a user starts it, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.space_server import running


@contextmanager
def reviewing(group: str, *arguments: str, logs: Path, timeout: float = 180) -> Iterator[str]:
    """The address of ``blind-refusal GROUP ARGUMENTS --port …``, stopped at the end."""

    def start(port: int) -> tuple[list[str], dict[str, str]]:
        code = "from space.cli import main; main()"
        return [sys.executable, "-c", code, group, *arguments, "--port", str(port)], {}

    with running(start, logs, timeout) as address:
        yield address
