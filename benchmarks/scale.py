"""Many transcripts by engines, and many models: ``python -m benchmarks.scale [ARCHIVE] [--times N …] [--models N …]``.

The study's answers, N times over with new ids (1 if not given; 50 are 1.16 million rows), in files of some 2,300 rows.
Two plain processes judge the study's answers once, half each: the floor, and the labels that all must agree with. Then
datatrove (two tasks at once) and Ray (two actors) judge all, each killed by SIGKILL twice on the way and started again.
Printed are rows a second, what the kills cost included, beside the floor's, the most memory that any one process had
(of its own, and with what it shares), and how many rows are missing, there twice or labelled otherwise. Of several N
the own memory of the last is set beside that of the first. Needs the extra `scale`; with ``--times 0`` no engine runs.

``--models 1 10`` makes the study with every model so many times, under other names (10 are 180 models, 232,200
answers), puts it into a results folder, aggregates the boards and makes the Space's store; each is to take no more than
in proportion, and every copy is to stand on the board with its original's rates.

All of it: ``python -m benchmarks.scale --times 5 50 --models 1 10``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.growth import Point, growth
from benchmarks.measure import command_line, ends, need, run, told
from dataset_builder.errors import InputError
from dataset_builder.sources import STUDY, read_source
from eval.repository.leaderboard import read_leaderboard
from eval.runs.verdict import PUBLISHED

FILE_ROWS: Final = 2_322
AT_LEAST: Final = 0.7
KILLS: Final = 2
# The most memory of any one process, of the last number of times beside the first.
FLAT: Final = 1.3
# Actors are started anew for each shard and take some seconds for it, so of many files a shard has more. What a
# process holds goes with the shard, so from MANY files on it stays the same.
FILES_A_SHARD, MANY_FILES_A_SHARD, MANY = 5, 25, 50
# Beyond the most models of a run nothing is extrapolated.
_NO_FURTHER: Final = 0
ENGINES: Final = ("trove", "ray")
LABELS: Final = ["response_type", "engages_with_defeat", "independent_harm"]
ALONE: Final = """
import sys

import pyarrow.parquet as pq
from eval.tables.judge import TableSettings, judge_table

for path in sys.argv[2:]:
    judged = judge_table(pq.read_table(path), TableSettings(explain=False))
    pq.write_table(judged, sys.argv[1] + "/" + path.split("/")[-1])
"""
TROVE: Final = """
from datatrove.executor import LocalPipelineExecutor
from eval.scale.trove import judging_steps

if __name__ == "__main__":
    steps = judging_steps({source!r}, {out!r}, explain=False)
    LocalPipelineExecutor(steps, tasks={files}, workers=2, logging_dir={logs!r}).run()
"""
RAY: Final = """
import ray
from eval.scale.ray_data import judge_files

ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=512 * 2**20)
ray.data.DataContext.get_current().enable_progress_bars = False
judge_files({source!r}, {out!r}, actors=2, files_a_shard={shard}, explain=False)
"""


def write_answers(archive: str, times: int, folder: Path) -> int:
    """Write the study's answers ``times`` over; returns how many rows. Raises InputError where there are none."""
    records = read_source(archive).records
    cases = {case.case_id: case for case in records.cases}
    rows = [row for split in records.responses.values() for row in split]
    if not rows:
        raise InputError(f"{archive}: holds no answers to judge; name the study's archive.")
    texts = pa.table(
        {
            "request": [cases[row.case_id].user_query for row in rows],
            "response": pa.array([row.response for row in rows], pa.string()),
        }
    )
    for time_over in range(times):
        table = texts.add_column(0, "id", pa.array(range(time_over * len(rows), (time_over + 1) * len(rows))))
        for first in range(0, len(rows), FILE_ROWS):
            part = table.slice(first, FILE_ROWS)
            pq.write_table(part, folder / f"{time_over:03}-{first // FILE_ROWS:02}.parquet")
    return len(rows) * times


def judge_alone(files: list[str], out: Path) -> float:
    """Judge some files by two processes without an engine, half each; returns rows a second of both together."""
    start = time.perf_counter()
    halves = [
        subprocess.Popen([sys.executable, "-c", ALONE, str(out), *half]) for half in (files[::2], files[1::2]) if half
    ]
    codes = [half.wait() for half in halves]
    if any(codes):
        raise SystemExit("a plain process failed")
    rows: int = sum(pq.read_metadata(path).num_rows for path in files)
    return rows / (time.perf_counter() - start)


class Peak(threading.Thread):
    """Watches a process and all that it starts; ``mib`` is the most memory that any one of them had.

    ``own_mib`` leaves out what a process shares with others: the pages of Ray's store of objects, which every process
    maps, and those of libraries.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.mib, self.own_mib, self.ended = pid, 0.0, 0.0, threading.Event()

    def run(self) -> None:
        """Look every half second until ``ended``."""
        import psutil

        while not self.ended.wait(0.5):
            try:
                top = psutil.Process(self.pid)
                every = [top, *top.children(recursive=True)]
            except psutil.Error:
                continue
            for process in every:
                try:
                    memory = process.memory_info()
                except psutil.Error:
                    continue
                self.mib = max(self.mib, memory.rss / 2**20)
                own = (memory.rss - memory.shared) / 2**20
                self.own_mib = max(self.own_mib, own)


def run_killed(program: str, marks: Path, each: int, files: int) -> tuple[float, float, float, int]:
    """Run a program to its end through KILLS kills; returns seconds, two peaks, and how many kills hit it.

    The peaks are MiB of any one process: with what it shares with others, and without.

    It has done ``each`` files for each entry of the folder ``marks`` whose name begins with no point.
    """
    start, peak, own, kills = time.perf_counter(), 0.0, 0.0, 0
    env = os.environ | {"RAY_DEDUP_LOGS": "0"}
    for attempt in range(KILLS + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            env=env,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        watch = Peak(child.pid)
        watch.start()
        wanted = files * (attempt + 1) // (KILLS + 2)
        if attempt < KILLS:
            while child.poll() is None and each * len(list(marks.glob("[!.]*"))) < wanted:
                time.sleep(0.1)
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                kills += 1
        code = child.wait()
        watch.ended.set()
        watch.join()
        peak, own = max(peak, watch.mib), max(own, watch.own_mib)
        if attempt == KILLS and code:
            raise SystemExit(f"the program ended with {code}")
    return time.perf_counter() - start, peak, own, kills


def wrong_rows(out: Path, expected: dict[int, tuple[object, ...]], rows: int) -> int:
    """How many rows are missing, there twice, or labelled otherwise than one process labels the same answer."""
    seen = bytearray(rows)
    wrong = 0
    for path in sorted(out.rglob("*.parquet")):
        table = pq.read_table(path, columns=["id", *LABELS]).to_pylist()
        for row in table:
            again = seen[row["id"]]
            seen[row["id"]] = 1
            label = expected[row["id"] % len(expected)]
            wrong += bool(again) or label != tuple(row[name] for name in LABELS)
    return wrong + seen.count(0)


def judge_by_engines(archive: str, times: int, engines: Sequence[str], place: Path) -> tuple[dict[str, float], bool]:
    """The peak in MiB of a process's own memory by engine, and whether one was too slow or a row was wrong."""
    source, missed, peaks = place / "answers", False, dict[str, float]()
    source.mkdir()
    rows = write_answers(archive, times, source)
    files = sorted(source.iterdir())
    once = [str(path) for path in files if path.name.startswith("000-")]
    alone = place / "alone"
    alone.mkdir()
    rate = judge_alone(once, alone)
    print(f"two plain processes: {rate:,.0f} rows/s; {rows:,} rows in {len(files)} files", flush=True)
    labelled = pq.read_table(alone, columns=["id", *LABELS]).to_pylist()
    expected = {row["id"]: tuple(row[name] for name in LABELS) for row in labelled}
    for engine in engines:
        out, logs = place / engine, place / "logs"
        shard = FILES_A_SHARD if len(files) < MANY else MANY_FILES_A_SHARD
        program = (TROVE if engine == "trove" else RAY).format(
            source=str(source), out=str(out), logs=str(logs), files=len(files), shard=shard
        )
        # What is done leaves a mark a task, or a folder a shard.
        mark, each = (logs / "completions", 1) if engine == "trove" else (out, shard)
        seconds, peak, peaks[engine], kills = run_killed(program, mark, each, len(files))
        wrong = wrong_rows(out, expected, rows)
        memory = f"{peaks[engine]:,.0f} MiB ({peak:,.0f} with what is shared)"
        print(f"{engine}: {rows / seconds:,.0f} rows/s, {memory}, {kills} kills survived", flush=True)
        missed |= not told(f"scale.{engine}.wrong_rows", wrong, 0)
        missed |= not told(f"scale.{engine}", rows / seconds / rate, AT_LEAST, least=True)
        shutil.rmtree(out)
    return peaks, missed


def with_more_models(times: int, folder: Path) -> dict[str, Point]:
    """What submitting, aggregating and the store cost with every model of the study so many times.

    Ends the program where the board lacks a row, or a copy has other rates than its original.
    """
    dataset, results, found = folder / f"study-{times}", folder / f"results-{times}", dict[str, Point]()
    run("-m", "benchmarks.growth", "--step", "build", str(dataset), str(times))
    for step, command in (
        ("submit", ("eval", "submit", dataset, "--results", results)),
        ("aggregate", ("board", "aggregate", "--results", results, "--dataset", dataset)),
    ):
        cost = run(*command_line(*command), quiet=True)
        found[step] = Point(cost.seconds, cost.peak_mib)
    cost = run("-m", "benchmarks.growth", "--step", "store", str(dataset), str(folder / f"store-{times}"))
    found["store"] = Point(cost.seconds, cost.peak_mib, float(cost.output) / 1e6)
    boards = [board for board in read_leaderboard(results).boards if board.rubric == PUBLISHED]
    rows = [row for board in boards for row in board.rows]
    rates = {row.model: {name: one.estimate for name, one in row.metrics.items()} for row in rows}
    names = ((name, *name.rpartition("-")[::2]) for name in rates)
    # As ``benchmarks.growth`` calls them: the model's name, and which copy it is.
    copies = {name: first for name, first, number in names if first in rates and number.isdigit()}
    if len(rates) != times * (len(rates) - len(copies)) or any(rates[a] != rates[b] for a, b in copies.items()):
        raise SystemExit(f"the board has {len(rates)} rows, {len(copies)} of copies, or copies have other rates")
    for step, point in found.items():
        print(f"  {step} of {len(rates)} models: {point.seconds:.1f} s, {point.mib:.0f} MiB", flush=True)
    return found


def main() -> int:
    """Print all figures; 1 where an engine is too slow, a row is wrong, or something grows too fast."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("archive", nargs="?", default=STUDY)
    parser.add_argument("--times", type=int, nargs="+", default=[1], help="how many times the study's answers")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="one of them alone")
    parser.add_argument("--models", type=int, nargs="+", default=[], help="how often every model of the study")
    chosen = parser.parse_args()
    times = [n for n in sorted(set(chosen.times)) if n]
    if times:
        need("datatrove", "ray", "psutil")
    os.environ["OMP_NUM_THREADS"] = "1"
    missed, engines = False, chosen.engine or ENGINES
    peaks: dict[int, dict[str, float]] = {}
    for n in times:
        with tempfile.TemporaryDirectory() as place:
            peaks[n], wrong = judge_by_engines(chosen.archive, n, engines, Path(place))
            missed |= wrong
    if len(peaks) > 1:
        for engine in engines:
            few, many = peaks[times[0]][engine], peaks[times[-1]][engine]
            missed |= not told(f"scale.{engine}.memory of the study times {times[-1]} and {times[0]}", many / few, FLAT)
    with tempfile.TemporaryDirectory() as place:
        points = {n: with_more_models(n, Path(place)) for n in sorted(set(chosen.models))}
    if len(points) > 1:
        for step in ("submit", "aggregate", "store"):
            by_models = {n: found[step] for n, found in points.items()}
            missed |= not growth(f"scale.{step} with more models", by_models, _NO_FURTHER, flat=step == "store")
    return int(missed)


if __name__ == "__main__":
    ends(main)
