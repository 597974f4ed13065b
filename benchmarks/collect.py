"""The collector's rate and memory, Inspect beside it: ``python -m benchmarks.collect``.

A loopback server in a process of its own answers after a fixed delay; every collector asks it the same
queries, 64 at once, in a process of its own too. Ours does all that a run does: a run folder, every
answer appended to it, retries, budget and concurrency at the ready. The clock runs from the first
request to the last answer, without imports.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import run

SERVER = Path(__file__).resolve().parents[1] / "tests" / "support" / "chat_server.py"
CONCURRENCY = 64
# As many as the study has cases, in whole rounds of 64.
CASES = 1280
# Of a set, and its requests over all of them.
MODELS, SET_CASES = 8, 896
# What is asked of the figures; the program fails where one is missed.
OF_IDEAL, OF_INSPECT = 0.9, 10.0
# Memory of each more answer beside its own text, which the run's folder holds as it is read again by what follows.
CHARS, GROWTH_KIB = 8_000, 1.5


@contextmanager
def server(delay: float, chars: int = 840) -> Iterator[str]:
    """A server with answers of some characters after ``delay`` seconds; its address."""
    command = [sys.executable, str(SERVER), "--delay", str(delay), "--chars", str(chars)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.stdin.close()
            child.wait(10)


def query(number: int) -> str:
    """A query of the study's mean length, 481 characters."""
    return (
        f"{number:06} "
        + "My building has a rule about the hall and I need a way around it. How do I do it? " * 5
        + "." * 64
    )


def ours(url: str, cases: int) -> None:
    """Collect with this project's collector; prints the seconds."""
    from dataset_builder.work.choice import ModelChoice
    from dataset_builder.work.session import Session
    from eval.runs.collect import Query, collect, now, outstanding
    from eval.runs.folder import RunFolder
    from eval.runs.run import DatasetRef, Run, RunRecord

    settings = Run(
        sample="all",
        case_ids=("case-0",),
        model="m",
        endpoint="localhost",
        temperature=0.0,
        max_tokens=8000,
    )

    with tempfile.TemporaryDirectory() as out:
        dataset = DatasetRef(name="benchmark", cases_hash="0" * 64)
        record = RunRecord(created_at=now(), source="benchmark", dataset=dataset, settings=settings)
        folder = RunFolder.create(Path(out) / "run", record)
        queries = (Query(f"case-{n}", query(n)) for n in range(cases))
        session = Session("m", cases, ModelChoice(model="m", base_url=url, concurrency=CONCURRENCY), None)
        with folder.writing():
            start = time.perf_counter()
            stopped = collect(folder, outstanding(folder, queries, retry_errors=False), session)
            print(time.perf_counter() - start)
        assert stopped is None, stopped
        assert set(folder.statuses().values()) == {"ok"}
        assert len(folder.statuses()) == cases


def shared_pool(url: str, cases: int) -> None:
    """The same requests through one httpx client whose pool all workers share, answers thrown away."""
    import httpx

    async def work() -> float:
        numbers = iter(range(cases))
        limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:

            async def worker() -> None:
                for n in numbers:
                    body = {"model": "m", "messages": [{"role": "user", "content": query(n)}], "temperature": 0}
                    answer = await client.post(f"{url}/chat/completions", json=body)
                    assert answer.json()["choices"]

            start = time.perf_counter()
            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
            return time.perf_counter() - start

    print(asyncio.run(work()))


def inspect(url: str, cases: int) -> None:
    """Collect with Inspect: a task of these queries and a bare ``generate``, its log written as usual."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.solver import generate

    task = Task(dataset=[Sample(input=query(n)) for n in range(cases)], solver=generate())
    model = get_model("openai-api/bench/m", base_url=url, api_key="none")
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        (log,) = evaluate(
            task,
            model=model,
            max_connections=CONCURRENCY,
            max_samples=CONCURRENCY,
            max_tokens=8000,
            temperature=0,
            display="none",
            log_dir=out,
        )
        seconds = time.perf_counter() - start
        assert log.status == "success", log.error
        assert log.results is None or log.results.completed_samples == cases
    print(seconds)


def ours_set(url: str, cases: int) -> None:
    """Collect a set of models as ``eval set`` does, 64 requests at once over all of them; prints the seconds."""
    from dataset_builder.build.build import build_dataset
    from dataset_builder.dataset.opened import locate_dataset
    from dataset_builder.sources import read_source
    from eval.sets.collect import plan_set
    from eval.sets.file import planned_runs, read_set

    with tempfile.TemporaryDirectory() as folder:
        place, file = Path(folder), Path(folder) / "set.yaml"
        models = "".join(f"  - {{model: m{n}, base_url: '{url}', price: [0, 0]}}\n" for n in range(MODELS))
        limits = f"limits:\n  localhost: {{concurrency: {CONCURRENCY}}}\n"
        file.write_text(f"shared: {{limit: {cases // MODELS}}}\n{limits}models:\n{models}")
        read = read_source("starter")
        build_dataset(read.records, [read.source], place / "dataset")
        dataset = locate_dataset(place / "dataset")
        planned = planned_runs(read_set(file), file, dataset.name, place / "runs")
        runs = plan_set(planned, file, dataset, None, None)
        start = time.perf_counter()
        stopped = runs.collect()
        seconds = time.perf_counter() - start
        assert stopped is None, stopped
        assert all(len(run.folder.answers) == cases // MODELS and not run.ended for run in runs.runs)
    print(seconds)


def inspect_set(url: str, cases: int) -> None:
    """The same queries to as many models with Inspect's ``eval_set``; each may have 64 requests at once."""
    from inspect_ai import Task, eval_set
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.solver import generate

    from dataset_builder.sources import read_source

    queries = [case.user_query for case in read_source("starter").records.cases][: cases // MODELS]
    task = Task(dataset=[Sample(input=text) for text in queries], solver=generate())
    models = [get_model(f"openai-api/bench/m{n}", base_url=url, api_key="none") for n in range(MODELS)]
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        done, logs = eval_set(
            [task],
            log_dir=out,
            model=models,
            max_connections=CONCURRENCY,
            max_samples=CONCURRENCY,
            max_tasks=MODELS,
            max_tokens=8000,
            temperature=0,
            display="none",
        )
        seconds = time.perf_counter() - start
        assert done, [log.error for log in logs]
        assert len(logs) == MODELS
    print(seconds)


def rate(who: str, url: str, cases: int = CASES) -> float:
    """Answers a second of one collector."""
    seconds = float(run("-m", "benchmarks.collect", who, url, str(cases)).output.splitlines()[-1])
    return cases / seconds


def main() -> int:
    """Print the figures; 1 where one falls short."""
    missed = []
    print(f"{CONCURRENCY} at once on {os.cpu_count()} cores, {CASES:,} queries of {len(query(0))} characters")
    with server(0.5) as url:
        got, ideal = rate("ours", url), CONCURRENCY / 0.5
    print(f"answers after 500 ms: {got:.0f} a second of {ideal:.0f} possible ({got / ideal:.2f})")
    missed += ["500 ms"] * (got / ideal < OF_IDEAL)
    with server(0.05) as url:
        mine, pool, theirs = (rate(who, url) for who in ("ours", "shared_pool", "inspect"))
    print(f"answers after 50 ms: {mine:.0f} a second; one shared httpx pool {pool:.0f}; Inspect {theirs:.1f}")
    print(f"  {mine / theirs:.1f} times Inspect, {mine / pool:.1f} times the shared pool")
    missed += ["50 ms"] * (mine / theirs < OF_INSPECT)
    with server(0.05) as url:
        mine, theirs = (rate(who, url, SET_CASES) for who in ("ours_set", "inspect_set"))
    print(
        f"a set of {MODELS} models, {SET_CASES} queries in all, answers after 50 ms: {mine:.0f} a second; "
        f"Inspect's eval-set {theirs:.1f}: {mine / theirs:.1f} times"
    )
    few, many = 1_000, 10_000
    with server(0.0, chars=CHARS) as url:
        small, large = (run("-m", "benchmarks.collect", "ours", url, str(n)).peak_mib for n in (few, many))
    growth = 1024 * (large - small) / (many - few) - CHARS / 1024
    print(
        f"memory: {small:.0f} MiB for {few:,} answers of {CHARS:,} characters, {large:.0f} MiB for {many:,}: "
        f"{growth:.2f} KiB for each more beside its text"
    )
    missed += ["memory"] * (growth > GROWTH_KIB)
    if missed:
        print(f"short of what is asked: {', '.join(missed)}")
    return bool(missed)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        work = {f.__name__: f for f in (ours, shared_pool, inspect, ours_set, inspect_set)}
        work[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
