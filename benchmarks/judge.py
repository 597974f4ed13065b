"""The embedded judge on one core: ``python -m benchmarks.judge [ARCHIVE]``.

Prints how many verdicts a second it gives on the study's answers, from text to Verdict with its
reasoning, without it, and as probabilities alone; how long it takes to load, and the memory it
adds. Each figure is the median of several runs in processes of their own.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from typing import Final

from benchmarks.measure import ends, run
from dataset_builder.errors import InputError
from dataset_builder.sources import STUDY, read_source

RUNS: Final = 3
ANSWERS: Final = 4000
AT_LEAST: Final = 1000
_UNIT: Final = 1024 if sys.platform != "darwin" else 1024 * 1024


def one(what: str, source: str) -> None:
    """Print one figure of this process: verdicts a second, or load time and memory."""
    if what == "load":
        from eval.judges.embedded.judge import load_judge

        before, start = _peak(), time.perf_counter()
        load_judge()
        print(time.perf_counter() - start, _peak() - before)
        return
    from eval.judges.embedded.judge import Exchange, load_judge

    records = read_source(source).records
    cases = {case.case_id: case for case in records.cases}
    rows = [row for split in records.responses.values() for row in split if row.response]
    # Every nth answer, so that all models are in it.
    items = [Exchange(cases[row.case_id], row.response or "") for row in rows[:: max(1, len(rows) // ANSWERS)]]
    judge = load_judge()
    judge.verdicts(items[:10])
    before, start = _peak(), time.perf_counter()
    if what == "probabilities":
        judge.probabilities(items)
    else:
        judge.verdicts(items, explain=what == "explained")
    print(len(items) / (time.perf_counter() - start), _peak() - before)


def main(source: str) -> int:
    """Print all figures; 1 where verdicts come slower than AT_LEAST a second. Raises InputError without answers."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    # Better said now than by a child: what is wrong with the archive, or that there is none.
    if not read_source(source).records.responses:
        raise InputError(f"{source}: holds no answers to judge; name the study's archive.")
    slow = False
    for what in ("explained", "plain", "probabilities"):
        pairs = [_pair("-m", "benchmarks.judge", source, what) for _ in range(RUNS)]
        rate, added = (statistics.median(column) for column in zip(*pairs, strict=True))
        slow |= what == "explained" and rate < AT_LEAST
        print(f"{what:14} {rate:8.0f} a second, {added:6.1f} MiB more than before")
    pairs = [_pair("-m", "benchmarks.judge", source, "load") for _ in range(RUNS)]
    seconds, added = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"load           {1000 * seconds:8.0f} ms,       {added:6.1f} MiB")
    print(f"at least {AT_LEAST} explained verdicts a second: {'no' if slow else 'yes'}")
    return int(slow)


def _pair(*arguments: str) -> tuple[float, float]:
    first, second = run(*arguments).output.split()
    return float(first), float(second)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT


if __name__ == "__main__":
    if len(sys.argv) > 2:
        one(sys.argv[2], sys.argv[1])
    else:
        ends(lambda: main(sys.argv[1] if len(sys.argv) > 1 else STUDY))
