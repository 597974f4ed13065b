"""Running a piece of work in a process of its own, and what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import NamedTuple


class Cost(NamedTuple):
    """Wall-clock seconds and peak resident memory in MiB of one process, and what it printed."""

    seconds: float
    peak_mib: float
    output: str


def run(*arguments: str) -> Cost:
    """Run ``python`` with some arguments as a child and return its cost; raises on a non-zero exit."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(f"python {' '.join(arguments)} failed with {child.returncode}")
    # Linux gives kilobytes, macOS bytes.
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Cost(seconds, usage.ru_maxrss / unit, output)
