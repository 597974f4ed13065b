"""A collector that is killed again and again; run by its path, as a process of its own.

Arguments: the run's folder, the server's address, the number of cases, of kills, and a seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kills import Sittings

from dataset_builder.work.choice import ModelChoice
from dataset_builder.work.session import Session
from eval.runs.collect import Query, collect, now, outstanding
from eval.runs.folder import RunFolder
from eval.runs.run import DatasetRef, Run, RunRecord


def sit(path: Path, url: str, cases: int, upto: int) -> None:
    queries = [Query(f"case-{n}", f"Question {n}?") for n in range(cases)]
    settings = Run(
        sample="all",
        case_ids=tuple(q.case_id for q in queries),
        model="m",
        temperature=0.0,
        max_tokens=8000,
    )
    dataset = DatasetRef(name="d", cases_hash="0" * 64)
    run = RunFolder.create(path, RunRecord(created_at=now(), source="d", dataset=dataset, settings=settings))
    session = Session("m", upto, ModelChoice(model="m", base_url=url, concurrency=8), None)
    with run.writing():
        collect(run, outstanding(run, queries[:upto], retry_errors=False), session)


def size(path: Path) -> int:
    """Bytes of answers so far."""
    file = path / "responses.jsonl"
    return file.stat().st_size if file.exists() else 0


def main() -> None:
    path, url, cases, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    sittings = Sittings(
        lambda upto: sit(path, url, cases, upto),
        lambda: size(path),
        # Half of the cases, as more sittings may be needed than are killed.
        step=cases // (2 * kills),
        seed=int(sys.argv[5]),
    )
    sittings.kill(kills, at_most=2500)
    sys.exit(sittings.finish(cases))


if __name__ == "__main__":
    main()
