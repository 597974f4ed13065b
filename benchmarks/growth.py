"""How time, memory and disk grow with the study: ``python -m benchmarks.growth [--times 1 3] [--submissions 10 30]``.

The study with every model several times, under other names: it is built, checked, scored, made a store,
searched and paged through, each in a process of its own. The leaderboard is rebuilt from so many submissions.
The exponent of growth is the slope between the smallest and the largest, on logarithmic axes: 1 is linear.
What 100 times would take is extrapolated by it, and said to be, where 100 is not among the times.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import msgspec

from benchmarks.measure import command_line, ends, run, told
from dataset_builder.dataset.records import Records
from dataset_builder.sources import STUDY, read_source

WORDS: Final = ("landlord", "permission", "school rule", '"terms of service"', "appeal", "rent ch")
STEPS: Final = ("build", "check", "score", "store", "search", "page")
# The memory of these is to stay nearly the same from the smallest to the largest.
FLAT: Final = ("score", "store", "page")
LINEAR, MEMORY = 1.1, 1.3
FAR: Final = 100


class Point(NamedTuple):
    """What a step cost at one scale."""

    seconds: float
    mib: float
    disk_mb: float = 0.0


def scaled(records: Records, times: int) -> Records:
    """The records with every model so many times; reviews stay with the first of each."""
    responses = dict(records.responses)
    for number in range(2, times + 1):
        for model, rows in records.responses.items():
            name = f"{model}-{number}"
            responses[name] = [msgspec.structs.replace(row, model=name) for row in rows]
    return msgspec.structs.replace(records, responses=responses) if times > 1 else records


def build(out: Path, times: int) -> None:
    """Build it; prints the seconds without reading the archive and copying the models."""
    from dataset_builder.build.build import build_dataset

    read = read_source(STUDY)
    records = scaled(read.records, times)
    start = time.perf_counter()
    build_dataset(records, [read.source], out)
    print(time.perf_counter() - start)


def store(dataset: Path, folder: Path) -> None:
    """Make the store of transcripts; prints its bytes."""
    from dataset_builder.dataset.opened import BuiltDataset
    from space.store.build import ensure_store

    print(ensure_store(BuiltDataset.open(dataset), folder).stat().st_size)


def look(dataset: Path, folder: Path, what: str) -> None:
    """Search the store for some words, or page through it; prints the seconds without opening it."""
    from dataset_builder.dataset.opened import BuiltDataset
    from space.store.build import ensure_store
    from space.store.search import Search
    from space.store.store import Store

    there = Store(ensure_store(BuiltDataset.open(dataset), folder))
    start = time.perf_counter()
    if what == "search":
        for text in WORDS:
            there.find(Search(text=text))
            there.count(Search(text=text))
    else:
        search, after = Search(text="the"), None
        for _ in range(20):
            found = there.find(search, after=after)
            after = found.rows[-1].no if found.rows else None
    print(time.perf_counter() - start)


def measured(times: int, folder: Path) -> dict[str, Point]:
    """Every step at one scale."""
    dataset, kept = folder / f"times-{times}", folder / f"store-{times}"
    found: dict[str, Point] = {}

    def note(step: str, seconds: float, mib: float, disk: float = 0.0) -> None:
        found[step] = Point(seconds, mib, disk / 1e6)
        more = f", {disk / 1e6:.0f} MB on disk" if disk else ""
        print(f"  {step} of the study times {times}: {seconds:.2f} s, {mib:.0f} MiB{more}", flush=True)

    cost = run("-m", "benchmarks.growth", "--step", "build", str(dataset), str(times))
    note("build", float(cost.output), cost.peak_mib, sum(p.stat().st_size for p in dataset.rglob("*") if p.is_file()))
    for step, command in (
        ("check", ("dataset", "check", dataset)),
        ("score", ("eval", "score", dataset, "--by", "family")),
    ):
        cost = run(*command_line(*command), quiet=True)
        note(step, cost.seconds, cost.peak_mib)
    cost = run("-m", "benchmarks.growth", "--step", "store", str(dataset), str(kept))
    note("store", cost.seconds, cost.peak_mib, float(cost.output))
    for step in ("search", "page"):
        cost = run("-m", "benchmarks.growth", "--step", step, str(dataset), str(kept))
        note(step, float(cost.output), cost.peak_mib)
    return found


def submissions(counts: Sequence[int], folder: Path) -> dict[int, Point]:
    """The leaderboard of so many submissions."""
    from benchmarks.submit import fill, made_up_dataset

    dataset = made_up_dataset(folder / "dataset")
    results, done = folder / "results", 0
    found = {}
    for n in counts:
        fill(results, dataset, n, done)
        done = n
        both = [run("-m", "benchmarks.submit", "--aggregate", str(results), dataset.name) for _ in range(2)]
        said = min((json.loads(cost.output) for cost in both), key=lambda one: float(one["seconds"]))
        disk = sum(p.stat().st_size for p in results.rglob("*") if p.is_file())
        found[n] = Point(said["seconds"], said["mib"], disk / 1e6)
        print(f"  aggregate of {n} submissions: {said['seconds']:.2f} s, {said['mib']:.0f} MiB, {disk / 1e6:.0f} MB")
    return found


def growth(name: str, points: Mapping[int, Point], far: int, *, flat: bool) -> bool:
    """Say how a step grows; whether it is no more than linear, and its memory flat where it has to be."""
    few, many = min(points), max(points)
    first, last = points[few], points[many]
    exponent = math.log(last.seconds / first.seconds) / math.log(many / few)
    if many < far:
        there = last.seconds * (far / many) ** max(exponent, 0)
        print(f"  {name} of {far}: {there:,.0f} s, extrapolated from {many} and not measured")
    met = told(f"exponent of growth of {name}", exponent, LINEAR)
    if first.disk_mb:
        on_disk = math.log(last.disk_mb / first.disk_mb) / math.log(many / few)
        met = told(f"exponent of growth of {name} on disk", on_disk, LINEAR) and met
    if flat:
        met = told(f"peak memory of {name}, largest beside smallest", last.mib / first.mib, MEMORY) and met
    return met


def main() -> int:
    """Print every figure; 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 3], help="how often every model of the study")
    parser.add_argument("--submissions", type=int, nargs="+", default=[10, 30], help="that a leaderboard is made of")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    with TemporaryDirectory(prefix="blind-refusal-bench-") as place:
        folder = Path(place)
        by_times = {times: measured(times, folder) for times in sorted(set(chosen.times))}
        many = submissions(sorted(set(chosen.submissions)), folder)
    met = [
        growth(step, {times: found[step] for times, found in by_times.items()}, FAR, flat=step in FLAT)
        for step in STEPS
        if len(by_times) > 1
    ]
    if len(many) > 1:
        met.append(growth("aggregate", many, 10 * max(many), flat=True))
    return int(not all(met))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step, where, other = sys.argv[2:5]
        if step == "build":
            build(Path(where), int(other))
        elif step == "store":
            store(Path(where), Path(other))
        else:
            look(Path(where), Path(other), step)
    else:
        ends(main)
