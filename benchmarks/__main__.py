"""All benchmarks in turn and a table of their ratios: ``python -m benchmarks [NAME ...] [--write]``, or ``make bench``.

Each is a program of its own and prints how it came to its figures. ``--write`` keeps the ratios in
``benchmarks/figures.json`` with the date and the processor, from which README and docs quote.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.measure import DATASET_VARIABLE, ends, study
from dataset_builder.errors import BlindRefusalError

NAMES: Final = ("build", "commands", "scores", "judge", "collect", "submit", "space", "growth")
FILE: Final = Path(__file__).with_name("figures.json")
_TOLD: Final = re.compile(
    r"(?P<name>[^:]+): (?P<ratio>[\d.,]+) \(at (?P<bound>least|most) (?P<goal>[\d.]+)\): (?P<verdict>met|missed)"
)
# The collector's program says its figures in sentences.
_COLLECTED: Final = (
    (re.compile(r"answers after 500 ms: .* \((?P<ratio>[\d.]+)\)"), "collecting after 500 ms beside the ideal", 0.95),
    (re.compile(r" *(?P<ratio>[\d.]+) times Inspect.*"), "collecting after 50 ms beside Inspect", 10.0),
    (re.compile(r"a set of .* eval-set [\d.]+: (?P<ratio>[\d.]+) times"), "a set of 8 models beside eval-set", 5.0),
)


class Figure(msgspec.Struct, frozen=True):
    """A ratio beside its goal; ``why`` says why it is missed, where that is known."""

    name: str
    ratio: float
    bound: str
    goal: float
    met: bool
    why: str = ""


class Figures(msgspec.Struct, frozen=True):
    """What one run of the benchmarks gave, and where."""

    date: str
    processor: str
    cores: int
    python: str
    figures: list[Figure]


# Why a figure is missed, where that is known.
REASONS: Final[dict[str, str]] = {}


def figures_in(output: str) -> list[Figure]:
    """The figures among the lines that a benchmark prints."""
    lines = output.splitlines()
    found = [match for line in lines if (match := _TOLD.fullmatch(line))]
    collected = [
        Figure(name, float(match["ratio"]), "at least", goal, float(match["ratio"]) >= goal, "")
        for pattern, name, goal in _COLLECTED
        for line in lines
        if (match := pattern.fullmatch(line)) and not found
    ]
    return collected + [
        Figure(
            name=one["name"],
            ratio=float(one["ratio"].replace(",", "")),
            bound=f"at {one['bound']}",
            goal=float(one["goal"]),
            met=one["verdict"] == "met",
            why="" if one["verdict"] == "met" else REASONS.get(one["name"], ""),
        )
        for one in found
    ]


def processor() -> str:
    """The processor's name."""
    told = Path("/proc/cpuinfo")
    if told.is_file() and (named := re.search(r"model name\s*:\s*(.+)", told.read_text())):
        return " ".join(named[1].split())
    return platform.processor() or platform.machine()


def one(name: str) -> tuple[list[Figure], int]:
    """Run a benchmark, showing what it prints; its figures and its exit code."""
    print(f"\n== {name}", flush=True)
    start, lines = time.perf_counter(), []
    command = [sys.executable, "-u", "-m", f"benchmarks.{name}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    print(f"== {name}: {time.perf_counter() - start:.0f} s", flush=True)
    return figures_in("".join(lines)), child.returncode


def table(found: Figures) -> Table:
    """The figures as a table."""
    shown = Table(title=f"{found.date}, {found.processor}, {found.cores} cores, Python {found.python}")
    for name, justify in (("ratio of", "left"), ("ratio", "right"), ("goal", "left"), ("", "left"), ("why", "left")):
        shown.add_column(name, justify=justify)  # type: ignore[arg-type]
    for figure in found.figures:
        goal, met = f"{figure.bound} {figure.goal:g}", "met" if figure.met else "missed"
        shown.add_row(figure.name, f"{figure.ratio:,.2f}", goal, met, figure.why)
    return shown


def main() -> int:
    """Run what is named, or all; 1 where a figure is missed, 2 where a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="*", choices=[*NAMES, []], help="a benchmark; left out, all")
    parser.add_argument("--write", action="store_true", help=f"keep the ratios in {FILE.name}")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    broken = []
    with study() as dataset:
        os.environ[DATASET_VARIABLE] = str(dataset)
        for name in chosen.name or NAMES:
            found, code = one(name)
            figures += found
            if code not in (0, 1) or not found:
                broken.append(name)
    result = Figures(
        date=datetime.now(UTC).date().isoformat(),
        processor=processor(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        figures=figures,
    )
    Console(width=None if sys.stdout.isatty() else 140).print(table(result))
    if chosen.write and not chosen.name and not broken:
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    if broken:
        raise BlindRefusalError(f"Could not be run: {', '.join(broken)}.")
    return int(not all(figure.met for figure in figures))


if __name__ == "__main__":
    ends(main)
