"""Benchmarks in a clean clone: what they lack they say in one line, and none ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import figures_in
from benchmarks.measure import told
from benchmarks.scores import random_cases
from dataset_builder.sources import STUDY_VARIABLE
from eval.scores.cases import SLICE_FIELDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["build", "judge", "space"])
def test_an_archive_that_is_not_there_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    if name == "space":
        pytest.importorskip("playwright")
        pytest.importorskip("gradio")
    done = _benchmark(tmp_path, name, archive=str(tmp_path / "none.tar.gz"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "none.tar.gz" in line


@pytest.mark.parametrize("name", ["scores", "space", "judge", "build", "commands"])
def test_a_name_that_leads_nowhere_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    done = _benchmark(tmp_path, name, str(tmp_path / "nowhere"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "nowhere" in line


def test_a_benchmark_of_answers_needs_some(tmp_path: Path) -> None:
    done = _benchmark(tmp_path, "judge", "starter")
    assert done.returncode == 2
    assert "no answers" in done.stderr


def test_a_figure_is_read_as_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert told("a beside b", 1.234, 1.5)
    assert not told("a beside c", 1234.6, 2000, least=True)
    printed = capsys.readouterr().out
    assert printed == "a beside b: 1.23 (at most 1.5): met\na beside c: 1,235 (at least 2000): missed\n"
    first, second = figures_in(f"  of which one knows nothing: 3\n{printed}")
    assert (first.name, first.ratio, first.bound, first.goal, first.met) == ("a beside b", 1.23, "at most", 1.5, True)
    assert (second.ratio, second.bound, second.met) == (1235, "at least", False)


def test_the_answers_at_random_can_be_scored_on_every_slice() -> None:
    assert set(random_cases(40).labels) == set(SLICE_FIELDS)


def _benchmark(folder: Path, name: str, *arguments: str, archive: str = "") -> subprocess.CompletedProcess[str]:
    variables = os.environ | {STUDY_VARIABLE: archive, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
