"""A command opens a run once and passes it on: each of its files is read one time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from eval.cli import eval_group
from tests.support.small_dataset import build_small

# For each command prints the files below a folder that Python opens, each with whether it was to be read.
_WATCH = """
import json, sys
root, opened = sys.argv[1], []

def hook(event, arguments):
    if event == "open" and str(arguments[0]).startswith(root):
        mode, flags = arguments[1], arguments[2]
        writes = any(letter in mode for letter in "awx+") if mode else bool(flags & 3)
        opened.append([str(arguments[0])[len(root) + 1:], not writes])

sys.addaudithook(hook)
from eval.cli import eval_group
for words in json.loads(sys.argv[2]):
    opened.clear()
    eval_group(words, standalone_mode=False)
    print("\\n@@" + json.dumps(opened))
"""


def reads(root: Path, commands: list[list[str]], watch: str = _WATCH) -> list[Counter[str]]:
    """How often each command opens each file below ``root`` to read it; all run in one process, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", watch, str(root), json.dumps(commands)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    opened = [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("@@")]
    return [Counter(name for name, to_read in files if to_read) for files in opened]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and a run of its answers, which two judges have judged."""
    root = tmp_path_factory.mktemp("reads")
    data = str(build_small(root / "small").path)
    command = ("run", "--model", "published/alpha-1", "--dataset", data, "--out", str(root / "run"))
    for arguments in (
        (*command, "--judge", "none"),
        ("judge", str(root / "run"), "--judge", "published"),
        ("judge", str(root / "run"), "--judge", "heldout"),
    ):
        done = CliRunner().invoke(eval_group, arguments)
        assert done.exit_code == 0, done.output
    return root


ONCE = {"run/run.json": 1, "run/responses.jsonl": 1, "run/verdicts.jsonl": 1, "small/manifest.json": 1}


COMMANDS = [
    ("judge", "run", "--judge", "published"),
    ("judge", "run", "--judge", "published", "--again"),
    ("judge", "run", "--judge", "embedded", "--sample", "20"),
    ("score", "run", "--judge", "published", "--resamples", "200", "--out", "scores"),
    ("score", "run", "--judge", "heldout", "--resamples", "200", "--correct", "ppi", "--labels", "published"),
    ("submit", "run", "--results", "results"),
]


@pytest.fixture(scope="module")
def found(root: Path) -> dict[tuple[str, ...], Counter[str]]:
    places = {"run", "results", "scores"}
    whole = [[str(root / word) if word in places and n else word for n, word in enumerate(one)] for one in COMMANDS]
    return dict(zip(COMMANDS, reads(root, whole), strict=True))


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_each_file_of_a_run_is_read_once(
    found: dict[tuple[str, ...], Counter[str]], arguments: tuple[str, ...]
) -> None:
    assert {name: found[arguments][name] for name in ONCE} == ONCE


def test_what_is_opened_twice_is_counted_twice(root: Path) -> None:
    """The count itself can fail."""
    target = str(root / "run" / "run.json")
    twice = _WATCH.replace("eval_group(words, standalone_mode=False)", f"[open({target!r}).close() for _ in 'ab']")
    assert reads(root, [["judge"]], twice) == [{"run/run.json": 2}]
