"""Building the study's dataset beside its floor: ``python -m benchmarks.build [ARCHIVE]``.

Without ARCHIVE it is the one that BLIND_REFUSAL_STUDY names, or else the pinned one, fetched.

The floor does what no builder can leave out, and nothing else: gunzip, decode of the same JSON by the
same decoder into plain objects, and the write of the same Parquet tables. Both run in processes of
their own, in turn, and the medians are compared.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from benchmarks.measure import Cost, ends, run, told
from dataset_builder.build.build import build_dataset, write_parquet
from dataset_builder.errors import InputError
from dataset_builder.net.fetch import cache_folder, fetch
from dataset_builder.sources import STUDY_URL, STUDY_VARIABLE, read_source
from dataset_builder.sources.archive import Member, read_members
from dataset_builder.sources.study import kind_of

RUNS = 3
AT_MOST = 1.1


def floor(archive: Path, tables: Path, out: Path) -> None:
    """Gunzip and decode every file that a build reads, then write the tables of a finished build."""
    start = time.perf_counter()
    ready = [(path.relative_to(tables), pq.read_table(path)) for path in sorted(tables.rglob("*.parquet"))]
    # Having the tables at hand is our set-up and not the floor's work: it is taken off.
    print(time.perf_counter() - start)
    decoder = msgspec.json.Decoder()
    decoded = []
    with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        for info in tar:
            if info.isfile() and info.name.endswith(".json"):
                file = tar.extractfile(info)
                assert file is not None
                decoded.append(decoder.decode(file.read()))
    for name, table in ready:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_parquet(table, out / name)


def ours(archive: Path, out: Path) -> None:
    """What ``blind-refusal dataset build`` does."""
    read = read_source(str(archive))
    build_dataset(read.records, [read.source], out)


def decoders(archive: Path) -> None:
    """Decode all files with each JSON decoder and print the seconds: why msgspec is the one in use."""
    members = list(read_members(archive, lambda name: kind_of(name) is not None))
    typed = {id(kind_of(m.path)): msgspec.json.Decoder(kind_of(m.path)) for m in members}
    plain = msgspec.json.Decoder()
    ways: tuple[tuple[str, Callable[[Member], object]], ...] = (
        ("json", lambda m: json.loads(m.data)),
        ("msgspec, untyped", lambda m: plain.decode(m.data)),
        ("msgspec, into Structs, checked", lambda m: typed[id(kind_of(m.path))].decode(m.data)),
    )
    for name, decode in ways:
        start = time.perf_counter()
        for member in members:
            decode(member)
        print(f"  decode {len(members)} files with {name:<31} {time.perf_counter() - start:6.2f} s")


def main() -> int:
    """Print our time and memory, the floor's, and their ratio; 1 where it is missed."""
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get(STUDY_VARIABLE)
    archive = Path(named).resolve() if named else fetch(STUDY_URL, cache_folder() / "archives")
    if not archive.is_file():
        raise InputError(f"{named}: no such file; expected the study's archive.")
    folder = Path(tempfile.mkdtemp(prefix="blind-refusal-bench-"))
    try:
        ours(archive, folder / "tables")
        costs: dict[str, list[Cost]] = {"floor": [], "ours": []}
        for _ in range(RUNS):
            for name, more in (("floor", (folder / "tables" / "data",)), ("ours", ())):
                arguments = [str(archive), *map(str, more), str(folder / name)]
                costs[name].append(run("-m", "benchmarks.build", f"--{name}", *arguments))
        middle = {
            name: statistics.median(c.seconds - float(c.output or 0) for c in runs) for name, runs in costs.items()
        }
        print(f"build of {archive.stat().st_size / 1e6:.0f} MB, whole processes, median of {RUNS}:")
        for name, runs in costs.items():
            peak = max(c.peak_mib for c in runs)
            print(f"  {name:<6} {middle[name]:6.2f} s   peak {peak:5.0f} MiB")
        decoders(archive)
        met = told("dataset build beside gunzip, decode and write", middle["ours"] / middle["floor"], AT_MOST)
        return int(not met)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--floor"]:
        floor(*map(Path, sys.argv[2:5]))
    elif sys.argv[1:2] == ["--ours"]:
        ours(*map(Path, sys.argv[2:4]))
    else:
        ends(main)
