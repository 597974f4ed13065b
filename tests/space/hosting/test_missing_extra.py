"""A part that is not installed: one sentence that says how to install it, and no traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.errors import InputError
from dataset_builder.extras import EXTRAS, needed_extras
from tests.support.small_dataset import build_small

ROOT = Path(__file__).resolve().parents[3]
# Python refuses to import what is None here, as if it were not installed.
_WITHOUT = """
import runpy, sys
for name in {missing!r}:
    sys.modules[name] = None
from space.cli import main
for words in {lines!r}:
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__")
        else:
            sys.argv = ["blind-refusal", *words]
            main()
    except SystemExit as ended:
        print(ended.code)
"""


def test_a_command_without_its_extra_says_so_in_one_sentence(tmp_path: Path) -> None:
    path = str(build_small(tmp_path / "small").path)
    run = str(tmp_path / "run")
    log = tmp_path / "log.eval"
    log.write_bytes(b"")
    lines = {
        f"eval run --model published/alpha-1 --dataset {path} --judge none --out {run} -q": None,
        f"space serve --dataset {path} --port 65111": "space",
        f"eval review {run} --port 65112": "space",
        f"eval import {log}": "inspect",
        f"eval export {run} --format inspect --out {tmp_path / 'x.eval'}": "inspect",
        "-m dataset_builder.gates.train": "train",
        "-m eval.judges.training.train": "train",
    }
    missing = ["gradio", "plotly", "starlette", "inspect_ai", "sklearn"]
    code = _WITHOUT.format(missing=missing, lines=[words.split() for words in lines])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    expected = [extra for extra in lines.values() if extra]
    told = done.stderr.splitlines()
    assert len(told) == len(expected), done.stderr
    assert re.findall(r"^\d$", done.stdout, re.MULTILINE) == ["0", *["2"] * len(expected)]
    for line, extra in zip(told, expected, strict=True):
        assert re.fullmatch(
            rf"error: This needs the extra `{extra}` \(\w+ is not installed\): pip install 'blind-refusal\[{extra}\]'",
            line,
        )


@pytest.mark.parametrize("name", EXTRAS)
def test_every_dependency_of_an_extra_has_its_command(name: str) -> None:
    with pytest.raises(InputError, match=rf"pip install 'blind-refusal\[{EXTRAS[name]}\]'"), needed_extras():
        raise ModuleNotFoundError(f"No module named '{name}.part'", name=f"{name}.part")


def test_another_missing_module_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError), needed_extras():
        raise ModuleNotFoundError("No module named 'eval.nowhere'", name="eval.nowhere")
