"""A set of functions of a file that is killed in the midst of it, and the functions that a set and a run take."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blind_refusal import evaluate
from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import DataError, InputError
from eval.cli import eval_group
from eval.runs.folder import RunFolder, open_runs

MODELS = """
import hashlib, os

calls = 0


def _answer(heads):
    global calls
    calls += 1
    if calls == 20 and "TELL" in os.environ:
        # Says that it is in the midst of it, and never goes on.
        with open(os.environ["TELL"], "w") as tell:
            tell.write("here")
        import threading
        threading.Event().wait()
    return "Sure: do it like this." if heads else "No."


def keen(request):
    return _answer(True)


def shy(messages):
    return _answer(messages[0]["role"] == "system")


async def moody(request, seed):
    return _answer(hashlib.sha256(f"{seed} {request}".encode()).digest()[0] % 2)
"""
SET = """
judge: embedded
shared: {sample: 12, epochs: 2, temperature: 1, seed: 5}
models:
  - {name: keen, model: "python:models.py:keen"}
  - {name: shy, model: "python:models.py:shy"}
  - {name: moody, model: "python:models.py:moody"}
arms:
  - {name: plain}
  - {name: told, system_prompt: Help.}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    file = tmp_path / "set.yaml"
    file.write_text(SET)
    return file


def run(file: Path, dataset: OpenedDataset, out: str) -> Result:
    words = ["set", str(file), "--dataset", dataset.name, "--out", str(file.parent / out)]
    return CliRunner().invoke(eval_group, words, catch_exceptions=False)


def table(done: Result) -> str:
    assert done.exit_code == 0, done.output
    return done.output[done.output.index("plain, judged by") :]


def answered(folder: Path) -> int:
    return sum(len(RunFolder.open(one.parent).answers) for one in folder.glob("*/epoch-*/run.json"))


def test_a_set_goes_on_after_a_kill(file: Path, dataset: OpenedDataset) -> None:
    tell = file.parent / "tell"
    os.mkfifo(tell)
    words = [sys.executable, "-c", "from eval.cli import eval_group; eval_group()"]
    words += ["set", str(file), "--dataset", dataset.name, "--out", str(file.parent / "killed")]
    child = subprocess.Popen(
        words, env=os.environ | {"TELL": str(tell)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Waits until the twentieth call tells that it is there.
    assert tell.read_text() == "here"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert answered(file.parent / "killed") == 19
    again = run(file, dataset, "killed")
    # All that is left is asked: 12 cases, 3 models, 2 arms, 2 epochs, of which 19 were there.
    assert "Calls: 125." in again.output
    assert answered(file.parent / "killed") == 144
    assert table(again) == table(run(file, dataset, "whole"))
    # The seed is another one in each epoch, and so are the answers of the model that heeds it.
    first, second = open_runs(file.parent / "killed" / "moody")
    assert {one.response for one in first.answers.values()} == {"Sure: do it like this.", "No."}
    texts = [[run.answers[case_id].response for case_id in run.settings.case_ids] for run in (first, second)]
    assert texts[0] != texts[1]
    told = open_runs(file.parent / "killed" / "shy--told")[0]
    assert {one.response for one in told.answers.values()} == {"Sure: do it like this."}


def test_what_a_run_records_of_a_function(file: Path, dataset: OpenedDataset) -> None:
    def once(model: str, *more: str) -> Result:
        words = ["run", "--model", model, "--dataset", dataset.name, "--sample", "4", "--judge", "none"]
        return CliRunner().invoke(eval_group, [*words, "--out", str(file.parent / "run"), *more])

    where = f"python:{file.parent / 'models.py'}"
    assert once(f"{where}:keen").exit_code == 0
    settings = RunFolder.open(file.parent / "run").settings
    assert (settings.model, settings.endpoint) == ("python:models.py:keen", "this process")
    assert (settings.temperature, settings.max_tokens) == (None, None)
    assert str(settings.engine).startswith("a function, file ")
    (file.parent / "models.py").write_text(MODELS + "\n# changed\n")
    assert isinstance(once(f"{where}:keen").exception, DataError)
    for model, said in {
        f"{where}:nobody": "has no function 'nobody'; it has: keen, shy, moody",
        f"python:{file.parent}/none.py:keen": "no such file",
        "python:models": "expected python:FILE.py:NAME",
    }.items():
        refused = once(model, "--out", str(file.parent / "other"))
        assert isinstance(refused.exception, InputError)
        assert said in str(refused.exception)
    result = evaluate(f"{where}:keen", dataset.spec, sample=3, judge=None, progress=False, folder=file.parent / "mine")
    assert {one.response for one in result.run.answers.values()} == {"Sure: do it like this."}
