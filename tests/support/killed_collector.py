"""A collector that is killed again and again; run by its path, as a process of its own.

Arguments: the run's folder, the server's address, the number of cases, of kills, and a seed. Forks a
child for each sitting, kills it with SIGKILL after a random time, and lets the last one finish.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from dataset_builder.budget import Budget
from dataset_builder.chat import ChatClient
from dataset_builder.providers import resolve_endpoint
from eval.run_folder import RunFolder
from eval.run_settings import RunSettings
from eval.runner import Query, collect, now, outstanding


def sit(path: Path, url: str, cases: int) -> None:
    queries = [Query(f"case-{n}", f"Question {n}?") for n in range(cases)]
    settings = RunSettings(
        dataset="d",
        content_hash="h",
        case_ids=tuple(q.case_id for q in queries),
        model="m",
        endpoint="localhost",
        package_version="1",
    )
    run = RunFolder.create(path, settings, now())

    async def work() -> None:
        async with ChatClient(resolve_endpoint("m", url), concurrency=8) as client:
            todo = outstanding(run, queries, retry_errors=False)
            await collect(run, todo, client, concurrency=8, budget=Budget(None))

    with run.writing():
        asyncio.run(work())


def fork(path: Path, url: str, cases: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            sit(path, url, cases)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


def size(path: Path) -> int:
    """Bytes of answers so far."""
    file = path / "responses.jsonl"
    return file.stat().st_size if file.exists() else 0


def main() -> None:
    path, url, cases, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(int(sys.argv[5]))
    killed = 0
    for _ in range(kills):
        before = size(path)
        child = fork(path, url, cases)
        if rng.random() < 0.3:
            # Anywhere in the start of a sitting.
            time.sleep(rng.uniform(0.0, 0.06))
        else:
            # Anywhere in its work, however slow the machine is.
            wanted, deadline = before + rng.randrange(1, 2500), time.monotonic() + 10
            while size(path) < wanted and time.monotonic() < deadline:
                time.sleep(0.0005)
            time.sleep(rng.uniform(0.0, 0.004))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    _, status = os.waitpid(fork(path, url, cases), 0)
    print(killed)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
