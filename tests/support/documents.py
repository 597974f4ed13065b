"""The code of a document is run, and what it prints compared with what the document shows.

A block that follows ``<!-- runs -->`` is run; ``<!-- runs: study -->`` needs the study's archive, and one that ends in
``, 80 columns -->`` is run in a real terminal of that width. A ``console`` block
holds commands after ``$ `` and what they print; a ``python`` block is run in one namespace with those before it, and
a ``text`` block right after it holds what it prints. ``...`` stands for anything, as in a doctest.

Commands of ``blind-refusal`` run in this process, as most of the time of a small one is its imports; what follows a
pipe, and every other command, runs in a shell.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from dataset_builder.errors import BlindRefusalError
from space.cli import command

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(
    r"<!-- runs(?:: (?P<needs>\w+))?(?:, (?P<columns>\d+) columns)? -->\n"
    r"```(?P<kind>console|python)\n(?P<body>.*?)```\n"
    r"(?:\n?```text\n(?P<shown>.*?)```\n)?",
    re.DOTALL,
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PATIENCE_S = 600


class Step(NamedTuple):
    """A command, or a block of Python, with the line that it stands on and the output that is shown."""

    line: int
    kind: str
    code: str
    output: str | None
    columns: int | None = None


def steps(document: Path, *, needs: str | None, kind: str | None = None) -> Iterator[Step]:
    """What a document runs of the blocks with these needs, and of one kind or of both."""
    text = document.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        if block["needs"] != needs or kind not in (None, block["kind"]):
            continue
        line = text[: block.start("body")].count("\n") + 1
        if block["kind"] == "python":
            yield Step(line, "python", block["body"], block["shown"])
            continue
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            typed, _, output = part.partition("\n")
            while typed.endswith("\\"):
                more, _, output = output.partition("\n")
                typed = f"{typed[:-1]} {more.removeprefix('>').strip()}"
            yield Step(line, "console", typed, output, int(block["columns"]) if block["columns"] else None)


def run_document(
    document: Path, folder: Path, *, needs: str | None = None, kind: str | None = None, least: int = 1
) -> None:
    """Run a document's steps in a folder, which is the current one meanwhile; fails where one prints something else."""
    todo = list(steps(document, needs=needs, kind=kind))
    assert len(todo) >= least, f"{document.name} runs {len(todo)} blocks"
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for step in todo:
            printed = (
                _python(step.code, namespace) if step.kind == "python" else _console(step.code, step.columns, folder)
            )
            expected = "" if step.output is None and step.kind == "console" else step.output
            if expected is not None and not doctest.OutputChecker().check_output(expected, printed, FLAGS):
                pytest.fail(
                    f"{document.name} line {step.line}: {step.code}\n--- it shows\n{expected}\n--- it prints\n{printed}"
                )


def _python(code: str, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "the document", "exec"), namespace)
    return printed.getvalue()


def _console(typed: str, columns: int | None, folder: Path) -> str:
    if columns is not None:
        from tests.support.terminal import in_terminal

        return in_terminal(shlex.split(typed)[1:], (columns,), folder)[columns]
    own, bar, rest = typed.partition(" | ")
    words = shlex.split(own)
    plain = words[0] == "blind-refusal" and not set(words) & {"<", ">", "&&", ";", "2>&1"} and "$" not in own
    if not plain:
        return _shell(typed, None)
    quiet = words[-1] == "2>/dev/null"
    printed = _own(words[1 : -1 if quiet else None], quiet=quiet)
    return _shell(rest, printed) if bar else printed


def _own(words: list[str], *, quiet: bool) -> str:
    printed, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told if quiet else printed):
        try:
            command.main(words, prog_name="blind-refusal", standalone_mode=False)
        except BlindRefusalError as error:
            print(f"error: {error}", file=sys.stderr)
        except click.ClickException as error:
            error.show()
        except SystemExit:
            pass
    return printed.getvalue()


def _shell(typed: str, fed: str | None) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "COLUMNS")}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}", "COLUMNS": "110"}
    done = subprocess.run(
        ["bash", "-c", typed],
        env=env,
        input=fed or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stdout
