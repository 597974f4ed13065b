"""Running a piece of work in a process of its own, and what it cost; and how a benchmark ends.

A figure is a ratio, beside a peer, a floor or a limit: ``told`` prints it in the one form that ``make bench`` reads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, NoReturn

from dataset_builder.errors import BlindRefusalError, InputError

# Names a built study dataset that several benchmarks share.
DATASET_VARIABLE: Final = "BLIND_REFUSAL_BENCH_DATASET"


class Cost(NamedTuple):
    """Wall-clock seconds and peak resident memory in MiB of one process, what it printed, and its processor time."""

    seconds: float
    peak_mib: float
    output: str
    cpu: float


def ends(main: Callable[[], int | None]) -> NoReturn:
    """Run a benchmark and exit as it says; with one line and code 2 where it lacks what it needs."""
    try:
        raise SystemExit(main())
    except BlindRefusalError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def told(name: str, ratio: float, goal: float, *, least: bool = False) -> bool:
    """Print a figure beside its goal, which it is to reach (``least``) or not to exceed; whether it does."""
    met = ratio >= goal if least else ratio <= goal
    shown = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"
    print(f"{name}: {shown} (at {'least' if least else 'most'} {goal:g}): {'met' if met else 'missed'}", flush=True)
    return met


@contextmanager
def study(named: str | None = None) -> Iterator[Path]:
    """The study's built dataset: the one that is named, else the one of ``make bench``, else one built for this.

    Raises InputError where a name leads nowhere, SourceError where there is no archive and none can be fetched.
    """
    from dataset_builder.build.build import build_dataset
    from dataset_builder.dataset.opened import BuiltDataset
    from dataset_builder.sources import STUDY, read_source

    if named or (named := os.environ.get(DATASET_VARIABLE)):
        yield BuiltDataset.open(named).path
        return
    with TemporaryDirectory(prefix="blind-refusal-bench-") as folder:
        read = read_source(STUDY)
        build_dataset(read.records, [read.source], Path(folder) / "dataset")
        yield Path(folder) / "dataset"


def command_line(*arguments: object) -> list[str]:
    """``blind-refusal`` with some arguments, to be run by Python."""
    return ["-c", "from space.cli import main; main()", *map(str, arguments)]


def need(*modules: str) -> None:
    """Raise InputError where a module is not installed."""
    if missing := [name for name in modules if util.find_spec(name) is None]:
        raise InputError(f"This benchmark needs {', '.join(missing)}: pip install -e '.[dev]'.")


def run(*arguments: str, quiet: bool = False) -> Cost:
    """Run ``python`` with some arguments as a child and return its cost; raises on a non-zero exit.

    ``quiet`` drops what it says on standard error.
    """
    start = time.perf_counter()
    heard = subprocess.DEVNULL if quiet else None
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=heard, text=True) as child:
        assert child.stdout is not None
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(f"python {' '.join(arguments)} failed with {child.returncode}")
    # Linux gives kilobytes, macOS bytes.
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Cost(seconds, usage.ru_maxrss / unit, output, usage.ru_utime + usage.ru_stime)
