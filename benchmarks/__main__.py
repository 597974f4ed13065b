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

NAMES: Final = ("build", "commands", "scores", "judge", "encoder", "collect", "submit", "space", "growth")
FILE: Final = Path(__file__).with_name("figures.json")
# Its table is written anew with the file.
DOCS: Final = Path(__file__).resolve().parents[1] / "docs" / "speed.md"
_TOLD: Final = re.compile(
    r"(?P<name>[^:]+): (?P<ratio>-?[\d.,]+) \(at (?P<bound>least|most) (?P<goal>[\d.]+)\): (?P<verdict>met|missed)"
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
    # How many processes wanted a core when it began: ratios of threads are worse on a machine with other work.
    load: float
    cores: int
    python: str
    figures: list[Figure]


_BUSY: Final = "two threads share the processors with whatever else runs"
_ONCE: Final = "each step runs once, so other work on the machine shows"
# Why a figure is missed, where that is known.
REASONS: Final[dict[str, str]] = {
    "dataset build beside gunzip, decode and write": _BUSY,
    "eval submit of the study beside board aggregate": (
        "it makes what the leaderboard only reads: results by two judges, Parquet files, sketches of all answers"
    ),
    "scipy.stats.bootstrap stacked on counts beside the leaderboard": (
        "two fifths of it are selecting two limits among 10,000 draws, and a fifth multiplying draws by counts"
    ),
    "embedded judge beside scikit-learn's HashingVectorizer and a linear model": (
        "it reads up to three words in a row, the whole of long answers, and help a second time, in numpy alone"
    ),
    "encoder on one core beside 40 verdicts a second": (
        "it reads up to three windows of 256 tokens where words are not sure, and attention alone takes a third of it"
    ),
    "checking a submission beside unzipping, decoding and judging it": (
        "it also compares every answer with earlier ones and scores 300 slices and more"
    ),
    "store of transcripts beside SQLite's own index of their texts": (
        "it also indexes request, rule and labels of every answer, merges the index and counts its words"
    ),
    "collecting after 500 ms beside the ideal": (
        "the first request goes alone for 0.2 s, and the others some milliseconds apart"
    ),
    "exponent of growth of store": _ONCE,
    "exponent of growth of search": _ONCE,
    "start to the leaderboard beside an empty gradio app": "gradio's own work grows with pages, and ours has eleven",
}


def why_missed(name: str) -> str:
    """Why a figure is missed, as far as that is known."""
    if name.startswith("encoder, "):
        return "docs/encoder-judge.md says what was tried"
    return REASONS.get(name, "why is not known; the program's own lines say more")


def figures_in(output: str) -> list[Figure]:
    """The figures among the lines that a benchmark prints."""
    lines = output.splitlines()
    found = [match for line in lines if (match := _TOLD.fullmatch(line))]
    collected = [
        Figure(name, ratio, "at least", goal, ratio >= goal, "" if ratio >= goal else why_missed(name))
        for pattern, name, goal in _COLLECTED
        for line in lines
        if (match := pattern.fullmatch(line)) and not found
        for ratio in (float(match["ratio"]),)
    ]
    return collected + [
        Figure(
            name=one["name"],
            ratio=float(one["ratio"].replace(",", "")),
            bound=f"at {one['bound']}",
            goal=float(one["goal"]),
            met=one["verdict"] == "met",
            why="" if one["verdict"] == "met" else why_missed(one["name"]),
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
    shown = Table(
        title=f"{found.date}, {found.processor}, {found.cores} cores, load {found.load:g} before, Python {found.python}"
    )
    for name, justify in (("ratio of", "left"), ("ratio", "right"), ("goal", "left"), ("", "left"), ("why", "left")):
        shown.add_column(name, justify=justify)  # type: ignore[arg-type]
    for figure in found.figures:
        goal, met = f"{figure.bound} {figure.goal:g}", "met" if figure.met else "missed"
        shown.add_row(figure.name, f"{figure.ratio:,.2f}", goal, met, figure.why)
    return shown


def markdown(found: Figures) -> str:
    """The figures as a table of the docs."""
    lines = [f"Measured {found.date} on {found.cores} cores of an {found.processor}, load {found.load:g} before.", ""]
    lines += ["| ratio of | ratio | goal | |", "|---|---|---|---|"]
    for figure in found.figures:
        met = "met" if figure.met else f"missed: {figure.why}" if figure.why else "missed"
        lines.append(f"| {figure.name} | {figure.ratio:,g} | {figure.bound} {figure.goal:g} | {met} |")
    return "\n".join(lines)


def keep(found: Figures) -> None:
    """Write the file, and the table in the docs."""
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    before, _, rest = DOCS.read_text().partition("Measured ")
    after = rest.rpartition(" |\n")[2]
    DOCS.write_text(f"{before}{markdown(found)}\n{after}")


def main() -> int:
    """Run what is named, or all; 1 where a figure is missed, 2 where a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="*", choices=[*NAMES, []], help="a benchmark; left out, all")
    parser.add_argument("--write", action="store_true", help=f"keep the ratios in {FILE.name}")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    broken = []
    load = os.getloadavg()[0]
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
        load=round(load, 1),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        figures=figures,
    )
    Console(width=None if sys.stdout.isatty() else 140).print(table(result))
    if chosen.write and not chosen.name and not broken:
        keep(result)
    if broken:
        raise BlindRefusalError(f"Could not be run: {', '.join(broken)}.")
    return int(not all(figure.met for figure in figures))


if __name__ == "__main__":
    ends(main)
