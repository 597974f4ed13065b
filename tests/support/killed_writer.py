"""A writer of cases, with its gates, that is killed again and again; run by its path, as a process of its own.

Arguments: the folder, the server's address, the number of kills, of orders that each sitting adds, and a seed.
Prints the number of orders in the end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kills import Sittings

from dataset_builder.batch.targets import parse_cell
from dataset_builder.gates.gating import GateSession, gate_tasks
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.generation.write import writing_session
from dataset_builder.work.choice import ModelChoice


def sit(path: Path, url: str, orders: int) -> None:
    targets = {parse_cell("control:school"): orders // 2, parse_cell("content_defeat:club"): orders - orders // 2}
    choice = ModelChoice(model="m", base_url=url, concurrency=4)
    session = writing_session(targets, choice, out=path, existing=("starter",))
    session.run()
    folder = session.folder
    tasks = gate_tasks(folder.lines(), ALL_GATES, folder.gates, "m")
    with folder.writing():
        GateSession(folder.gates, tasks, choice).run()


def lines(path: Path) -> int:
    return sum(f.read_bytes().count(b"\n") for f in (path / "journal.jsonl", path / "gates.jsonl") if f.exists())


def main() -> None:
    path, url, kills, each = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    sittings = Sittings(lambda orders: sit(path, url, orders), lambda: lines(path), step=each, seed=int(sys.argv[5]))
    # Two tries and three verdicts are five lines an order: a kill within them leaves work for the next sitting.
    sittings.kill(kills, at_most=5 * each - 4)
    code = sittings.finish(sittings.mark + each)
    print(sittings.mark)
    sys.exit(code)


if __name__ == "__main__":
    main()
