"""The embedded judge on one core: ``python -m benchmarks.judge [ARCHIVE]``.

Prints how many verdicts a second it gives on the study's answers, from text to Verdict with its
reasoning, without it, and as probabilities alone; how long it takes to load, and the memory it
adds. Each figure is the median of several runs in processes of their own. The peer is scikit-learn's
HashingVectorizer with words and pairs of words, in as many slots as the judge's table has, and a linear
model with as many outputs: text to probabilities, without reasoning, hashes or reasons to abstain.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.measure import ends, need, run, told
from dataset_builder.errors import InputError
from dataset_builder.sources import STUDY, read_source

RUNS: Final = 2
ANSWERS: Final = 2000
PEER_BATCH: Final = 256
TIMES_THE_PEER: Final = 3.0
_UNIT: Final = 1024 if sys.platform != "darwin" else 1024 * 1024


def one(what: str, source: str) -> None:
    """Print one figure of this process: verdicts a second, or load time and memory."""
    if what == "load":
        from eval.judges.embedded.judge import load_judge

        before, start = _peak(), time.perf_counter()
        load_judge()
        print(time.perf_counter() - start, _peak() - before)
        return
    from eval.judges.embedded.judge import load_judge
    from eval.judges.interface import Exchange

    records = read_source(source).records
    cases = {case.case_id: case for case in records.cases}
    rows = [row for split in records.responses.values() for row in split if row.response]
    # Every nth answer, so that all models are in it.
    items = [Exchange(cases[row.case_id], row.response or "") for row in rows[:: max(1, len(rows) // ANSWERS)]]
    if what == "peer":
        give = peer()
        texts = [item.text for item in items]
        give(texts[:10])
        before, start = _peak(), time.perf_counter()
        for first in range(0, len(texts), PEER_BATCH):
            give(texts[first : first + PEER_BATCH])
        print(len(items) / (time.perf_counter() - start), _peak() - before)
        return
    judge = load_judge()
    judge.verdicts(items[:10])
    before, start = _peak(), time.perf_counter()
    if what == "probabilities":
        judge.probabilities(items)
    else:
        judge.verdicts(items, explain=what == "explained")
    print(len(items) / (time.perf_counter() - start), _peak() - before)


def peer() -> Callable[[Sequence[str]], object]:
    """scikit-learn's way from texts to the probabilities of as many questions as the judge asks."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    from eval.judges.embedded.features import BITS
    from eval.judges.embedded.weights import COLUMNS

    hashed = HashingVectorizer(n_features=1 << BITS, ngram_range=(1, 2), norm=None, binary=True, alternate_sign=False)
    table = np.random.default_rng(0).normal(size=(1 << BITS, len(COLUMNS))).astype(np.float32)

    def probabilities(texts: Sequence[str]) -> object:
        return 1 / (1 + np.exp(-(hashed.transform(texts) @ table)))

    return probabilities


def main(source: str) -> int:
    """Print all figures; 1 where one is missed. Raises InputError without answers or scikit-learn."""
    need("sklearn")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    # Better said now than by a child: what is wrong with the archive, or that there is none.
    if not read_source(source).records.responses:
        raise InputError(f"{source}: holds no answers to judge; name the study's archive.")
    rates: dict[str, list[float]] = {}
    for _ in range(RUNS):
        for what in ("explained", "plain", "probabilities", "peer"):
            rate, added = _pair("-m", "benchmarks.judge", source, what)
            rates.setdefault(what, []).append(rate)
            print(f"{what:14} {rate:8.0f} a second, {added:6.1f} MiB more than before", flush=True)
    pairs = [_pair("-m", "benchmarks.judge", source, "load") for _ in range(RUNS)]
    seconds, added = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"load           {1000 * seconds:8.0f} ms,       {added:6.1f} MiB")
    of_ours, of_peer = (max(rates[what]) for what in ("explained", "peer"))
    name = "embedded judge beside scikit-learn's HashingVectorizer and a linear model"
    return int(not told(name, of_ours / of_peer, TIMES_THE_PEER, least=True))


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
