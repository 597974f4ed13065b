"""Opening a log that Inspect wrote, which may come from anyone."""

from __future__ import annotations

import re
import zipfile
import zlib
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from dataset_builder.errors import DataError, InputError, Problem
from dataset_builder.extras import missing_extra
from eval.runs.fields import Hash
from eval.runs.other_forms import refuse_other_form
from eval.runs.run import Run

# What our Inspect task writes into a log beside what Inspect does: shared by the task, the import and the export.


# Inspect names what a package registers by the folder of its code, which here is `eval`: these names are given instead.
PACKAGE: Final = "blind_refusal"
TASK: Final = "blind_refusal"
SCORER: Final = "rubric"
GRADER: Final = "grader"
# Under which key our part stands in the metadata of a log and of a score.
KEY: Final = "blind_refusal"

Line = Annotated[str, Meta(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Made = TypeVar("Made", bound=Any)


class LogInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which cases a log is about, and with which version of this project it was made."""

    # As it is opened: a folder, or a repository with its revision.
    dataset: Line
    cases_hash: Hash
    package_version: Line
    sample: Line
    sample_seed: int = 0
    # Of a log that was exported from a run: the run's own settings, which an Inspect log cannot hold all of.
    run: Run | None = None


class GivenVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict in a score's metadata, but for the labels and the reasoning, which the score itself holds."""

    judge: Line
    rubric: Line
    response_hash: Hash
    settings: dict[str, Any] = {}
    unscored_reason: Line | None = None
    raw_reply: str | None = None
    confidence: float | None = None
    decided_by: Line | None = None
    cost: float | None = None
    judged_at: Line | None = None


def registered(function: Made) -> Made:
    """Have Inspect take a function's name as it is given, whichever way this project is installed."""
    function.__module__ = PACKAGE
    return function


SUFFIXES: Final = (".eval", ".json")
# Unpacked. A log of all the study's cases takes about 50 MB.
MOST_BYTES: Final = 2 * 2**30
MOST_MEMBERS: Final = 200_000
# What a run does not keep; in a log of the usual kind most of its bytes.
_LEFT_OUT: Final = frozenset({"events", "events_data", "store", "timelines", "error_retries", "files", "setup"})
# As pyproject.toml asks for.
OLDEST: Final = "0.3.275"
_HEAD: Final = 2**20
_MADE_WITH: Final = re.compile(rb'"inspect_ai"\s*:\s*"(\d{1,6}(?:\.\d{1,6}){1,3})')


def need_inspect() -> None:
    """Raise InputError where Inspect is not installed."""
    import importlib.util

    if importlib.util.find_spec("inspect_ai") is None:
        raise InputError(missing_extra("inspect_ai"))


def open_log(path: Path) -> tuple[Any, LogInfo]:
    """An ``inspect_ai.log.EvalLog`` with its samples, and what our task wrote into it.

    Raises as ``read_log`` does, InputError for a log of another task; DataError where our part of it is damaged.
    """
    log = read_log(path)
    name = log.eval.task.rpartition("/")[2]
    part = (log.eval.metadata or {}).get(KEY)
    if name != TASK or part is None:
        raise InputError(f"{path}: a log of the task {log.eval.task[:100]!r}; expected one of {TASK!r}.")
    try:
        return log, msgspec.convert(part, LogInfo)
    except msgspec.ValidationError as error:
        problem = Problem(f"{path}: eval.metadata.{KEY}", str(error), "expected what our task or export wrote")
        raise DataError("This log does not say which cases it is about", [problem]) from None


def read_log(path: Path) -> Any:
    """An ``inspect_ai.log.EvalLog`` of any task, with its samples.

    Raises InputError where the file is missing, no log, or too large, or Inspect is not installed.
    """
    need_inspect()
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a log of Inspect (.eval or .json).")
    refuse_other_form(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a log of Inspect, whose name ends in .eval or .json.")
    _check_size(path)
    from inspect_ai.log import read_eval_log

    try:
        # By its whole path: what looks like an address is fetched.
        log = read_eval_log(
            str(path.resolve()),
            format="eval" if path.suffix == ".eval" else "json",
            resolve_attachments="core",
            exclude_fields=set(_LEFT_OUT),
        )
        # Of an .eval file they are read when they are first looked at.
        list(log.samples or ())
    except Exception as error:
        # Its readers raise what zipfile, json and pydantic do, and plain ValueError, KeyError and more.
        raise InputError(
            f"{path}: cannot be read as a log of Inspect ({_first_line(error)}).{_version_told(path)}"
        ) from None
    return log


def _check_size(path: Path) -> None:
    size, members = path.stat().st_size, 1
    if path.suffix == ".eval":
        try:
            with zipfile.ZipFile(path) as archive:
                inside = archive.infolist()
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as a log of Inspect ({error}).") from None
        size, members = sum(one.file_size for one in inside), len(inside)
    if size > MOST_BYTES or members > MOST_MEMBERS:
        raise InputError(
            f"{path}: would take {size:,} bytes in {members:,} files unpacked; at most {MOST_BYTES:,} bytes in "
            f"{MOST_MEMBERS:,} files are read."
        )


def _version_told(path: Path) -> str:
    """Which version of Inspect made a log that cannot be read, and what to do; empty where that is not known."""
    made = _made_with(path)
    if made is None:
        return ""
    parts, here = _numbers(made), metadata.version("inspect_ai")
    if parts < _numbers(OLDEST):
        return f" It was made with inspect_ai {made}, which is too old: logs of {OLDEST} and newer are read."
    newer = f", newer than {here} here: update it with pip install -U inspect_ai" if parts > _numbers(here) else ""
    return f" It was made with inspect_ai {made}{newer}."


def _made_with(path: Path) -> str | None:
    """The version of Inspect that a log names near its beginning, read without Inspect."""
    try:
        if path.suffix == ".eval":
            with zipfile.ZipFile(path) as archive, archive.open("_journal/start.json") as file:
                start = file.read(_HEAD)
        else:
            with path.open("rb") as file:
                start = file.read(_HEAD)
    except (OSError, KeyError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None
    found = _MADE_WITH.search(start)
    return found[1].decode() if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    text = "".join(c if c.isprintable() else " " for c in lines[0][:200])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
