from __future__ import annotations

import io

import pytest
from rich.console import Console

from dataset_builder.storage import progress as run_progress
from dataset_builder.storage.progress import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("done", "passed", "line"),
    [
        (0, 0.0, "0/1,290 (0 %), 0.0/s, x"),
        (100, 50.0, "100/1,290 (7 %), 2.0/s, about 9 min 55 s left, x"),
        (1, 600.0, "1/1,290 (0 %), 0.0/s, about 214 h 50 min left, x"),
        (1270, 127.0, "1,270/1,290 (98 %), 10.0/s, about 2 s left, x"),
        (1290, 129.0, "1,290/1,290 (100 %), 10.0/s, x"),
    ],
)
def test_a_line_of_progress(done: int, passed: float, line: str) -> None:
    clock = Clock()
    pace = Pace(1290, clock)
    pace.done, clock.now = done, passed
    assert pace.line("x") == line


def test_a_log_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_progress, "PLAIN_EVERY_S", 0.0)
    out = io.StringIO()
    with run_progress.run_progress("m[1]", 2, console=Console(file=out)) as move:
        move("$0.1000, 0 errors")
        move("$0.2000, 1 error")
    first, last = out.getvalue().splitlines()
    assert first.startswith("m[1]: 1/2 (50 %)")
    assert first.endswith("left, $0.1000, 0 errors")
    assert last.startswith("m[1]: 2/2 (100 %)")
    assert last.endswith("$0.2000, 1 error")
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_a_bar() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with run_progress.run_progress("m", 3, console=console) as move:
        for _ in range(3):
            move("$0.0000, 0 errors")
    assert "3/3" in out.getvalue()
    assert "$0.0000, 0 errors" in out.getvalue()
