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

# Prints the files below a folder that Python opens, each with whether it was to be read.
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
try:
    eval_group(sys.argv[2:], standalone_mode=False)
finally:
    print("\\n@@" + json.dumps(opened))
"""


def reads(root: Path, *arguments: str) -> Counter[str]:
    """How often the command, in a process of its own, opens each file below ``root`` to read it."""
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, str(root), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    opened = json.loads(done.stdout.rpartition("@@")[2])
    return Counter(name for name, to_read in opened if to_read)


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


@pytest.mark.parametrize(
    "arguments",
    [
        ("judge", "run", "--judge", "published"),
        ("judge", "run", "--judge", "published", "--again"),
        ("judge", "run", "--judge", "embedded", "--sample", "20"),
        ("score", "run", "--judge", "published", "--resamples", "200", "--out", "scores"),
        ("score", "run", "--judge", "heldout", "--resamples", "200", "--correct", "ppi", "--labels", "published"),
        ("submit", "run", "--results", "results"),
    ],
    ids=" ".join,
)
def test_each_file_of_a_run_is_read_once(root: Path, arguments: tuple[str, ...]) -> None:
    places = {"run", "results", "scores"}
    whole = [str(root / word) if word in places and n else word for n, word in enumerate(arguments)]
    found = reads(root, *whole)
    assert {name: found[name] for name in ONCE} == ONCE


def test_what_is_opened_twice_is_counted_twice(root: Path) -> None:
    """The count itself can fail."""
    target = str(root / "run" / "run.json")
    code = _WATCH.replace(
        "eval_group(sys.argv[2:], standalone_mode=False)", f"[open({target!r}).close() for _ in 'ab']"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout.rpartition("@@")[2]) == [["run/run.json", True]] * 2
