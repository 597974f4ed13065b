"""The command in a real pseudo-terminal of several widths, and what it shows there."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Colours, and the moves of a cursor.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_MARK = "==== next width ===="
# One process for all commands and widths: most of the time of a command is its imports.
_AT_WIDTHS = f"""
import fcntl, json, struct, sys, termios
from space.cli import command
for arguments in json.loads(sys.argv[2]):
    for width in map(int, sys.argv[1].split(",")):
        if width:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        try:
            command.main(arguments, standalone_mode=False)
        except SystemExit as end:
            assert end.code in (None, 0, 1), (arguments, end.code)
        print({_MARK!r}, flush=True)
"""


def in_terminal(arguments: Sequence[str], widths: Sequence[int], cwd: Path) -> dict[int, str]:
    """What the command shows, on stderr too, in a terminal that is so many columns wide, by width."""
    return all_in_terminal([arguments], widths, cwd)[0]


def all_in_terminal(commands: Sequence[Sequence[str]], widths: Sequence[int], cwd: Path) -> list[dict[int, str]]:
    """The same of several commands, one after the other in one process."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-c", _AT_WIDTHS, ",".join(map(str, widths)), json.dumps(commands)]
    shown = b""
    with subprocess.Popen(line, cwd=cwd, env=_environment(), stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        # Linux calls it an error to read on when the last program has left the terminal.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    text = _ESCAPES.sub("", shown.decode()).replace("\r\n", "\n")
    assert running.returncode == 0, text
    texts = text.split(f"{_MARK}\n")[:-1]
    assert len(texts) == len(commands) * len(widths)
    each = len(widths)
    return [dict(zip(widths, texts[first : first + each], strict=True)) for first in range(0, len(texts), each)]


def all_piped(commands: Sequence[Sequence[str]], cwd: Path) -> list[str]:
    """What several commands hand to a program, one after the other in one process."""
    line = [sys.executable, "-c", _AT_WIDTHS, "0", json.dumps(commands)]
    done = subprocess.run(line, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    texts = done.stdout.split(f"{_MARK}\n")[:-1]
    assert len(texts) == len(commands)
    return texts


def piped(arguments: Sequence[str], cwd: Path) -> str:
    """What the command hands to a program."""
    line = [sys.executable, "-c", "from space.cli import main; main()", *arguments]
    done = subprocess.run(line, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")}
    root = str(Path(__file__).resolve().parents[2])
    return env | {"TERM": "xterm", "PYTHONPATH": os.pathsep.join(filter(None, (root, env.get("PYTHONPATH"))))}
