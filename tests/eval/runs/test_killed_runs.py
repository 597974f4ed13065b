from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from eval.runs.folder import RunFolder
from tests.support.chat_server import ChatServer, answer

CASES, KILLS = 600, 30
COLLECTOR = Path(__file__).parents[2] / "support" / "killed_collector.py"


def test_thirty_kills_lose_no_case_and_double_none(tmp_path: Path) -> None:
    with ChatServer(lambda r: answer(f"Answer to {r.query}", delay=0.005)) as server:
        done = subprocess.run(
            [
                sys.executable,
                str(COLLECTOR),
                str(tmp_path / "run"),
                server.base_url,
                str(CASES),
                str(KILLS),
                "20261121",
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        asked = len(server.requests)
    assert done.returncode == 0, done.stderr
    run = RunFolder.open(tmp_path / "run")
    records = list(run.every_answer())
    assert Counter(r.case_id for r in records) == {f"case-{n}": 1 for n in range(CASES)}
    assert all(r.status == "ok" and r.response == f"Answer to Question {r.case_id[5:]}?" for r in records)
    # What is asked twice is what was under way at a kill: at most 8 requests each time.
    assert CASES < asked <= CASES + 8 * KILLS
