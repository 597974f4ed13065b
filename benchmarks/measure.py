"""Running a piece of work in a process of its own, and what it cost; and how a benchmark ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import util
from typing import NamedTuple, NoReturn

from dataset_builder.errors import BlindRefusalError, InputError


class Cost(NamedTuple):
    """Wall-clock seconds and peak resident memory in MiB of one process, and what it printed."""

    seconds: float
    peak_mib: float
    output: str


def ends(main: Callable[[], int | None]) -> NoReturn:
    """Run a benchmark and exit as it says; with one line and code 2 where it lacks what it needs."""
    try:
        raise SystemExit(main())
    except BlindRefusalError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def need(*modules: str) -> None:
    """Raise InputError where a module is not installed."""
    if missing := [name for name in modules if util.find_spec(name) is None]:
        raise InputError(f"This benchmark needs {', '.join(missing)}: pip install -e '.[dev]'.")


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
