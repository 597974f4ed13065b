"""A writer of cases, with its gates, that is killed again and again; run by its path, as a process of its own.

Arguments: the folder, the server's address, the number of orders, of kills, and a seed. Forks a child
for each sitting, kills it with SIGKILL as soon as it has got some work done, and lets the last one finish.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

from dataset_builder.gates.gating import gate_tasks
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.gates.session import GateSession
from dataset_builder.generation.session import writing_session
from dataset_builder.generation.targets import parse_cell
from dataset_builder.model_choice import ModelChoice


def sit(path: Path, url: str, orders: int) -> None:
    targets = {parse_cell("control:school"): orders // 2, parse_cell("content_defeat:club"): orders // 2}
    session = writing_session(targets, model="m", base_url=url, out=path, existing=("starter",), concurrency=4)
    session.run(lambda title, total: nullcontext(lambda detail: None))
    folder = session.folder
    choice = ModelChoice(model="m", base_url=url, concurrency=4)
    tasks = gate_tasks(folder.lines(), ALL_GATES, folder.gates, "m")
    with folder.writing():
        GateSession(folder.gates, tasks, choice, None).run(lambda title, total: nullcontext(lambda detail: None))


def fork(path: Path, url: str, orders: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            sit(path, url, orders)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


def lines(path: Path) -> int:
    return sum(f.read_bytes().count(b"\n") for f in (path / "journal.jsonl", path / "gates.jsonl") if f.exists())


def main() -> None:
    path, url, orders, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(int(sys.argv[5]))
    killed = 0
    for _ in range(kills):
        before = lines(path)
        child = fork(path, url, orders)
        # In its work, however slow the machine is.
        while lines(path) <= before + 2 and os.waitpid(child, os.WNOHANG)[0] == 0:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.05))
        try:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += os.WIFSIGNALED(status)
        except (ProcessLookupError, ChildProcessError):
            pass
    _, status = os.waitpid(fork(path, url, orders), 0)
    print(killed)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
