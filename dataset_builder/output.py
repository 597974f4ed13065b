"""How every command speaks: as text, quietly, as JSON, and with what it asks of servers.

One set of options for all commands, added where a command is looked up. ``--json`` prints one object::

    {"command": "dataset check", "exit_code": 0, "error": null, "result": {…}, "lines": ["…", …]}

``result`` holds what the command has ``report``-ed, ``lines`` what it would have printed. A command whose answer
is data of its own (scores, comparisons) prints that instead, and this object only where it fails.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final

import click

from dataset_builder.errors import BlindRefusalError, InputError, Problem

JSON, QUIET, VERBOSE = "--json", "--quiet", "--verbose"
_HTTP_LOGGERS: Final = ("httpx", "httpx2")
# Of an address: who signs in, and what follows the path, which may hold a signature.
_PRIVATE: Final = re.compile(r"(?<=//)[^/@\s\"]*@|\?[^\s\"]*")
# What of the machine ends a command that did nothing wrong, and what helps.
_OUT_OF_REACH: Final = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EACCES: "give a place that you may use",
    errno.EPERM: "give a place that you may use",
    errno.EROFS: "give a place that can be written",
    errno.ENOSPC: "make room and run it again",
    errno.EDQUOT: "make room and run it again",
}
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_reported: ContextVar[dict[str, Any] | None] = ContextVar("reported", default=None)


def is_quiet() -> bool:
    """Whether nobody wants to see progress, or be asked."""
    return _quiet.get()


def tell(line: str) -> None:
    """How far the work is: a line on standard error, or nothing where nobody wants to see it."""
    if not is_quiet():
        click.echo(line, err=True)


def report(**facts: Any) -> None:
    """What a program wants to know of what a command did, for ``--json``: values that JSON can hold, and paths."""
    held = _reported.get()
    if held is not None:
        held |= facts


def spoken(command: click.Command, path: str) -> click.Command:
    """The command with the options that all have; ``path`` is what it is called, such as ``eval run``."""
    if isinstance(command, click.Group) or getattr(command, "is_spoken", False):
        return command
    taken = {name for param in command.params for name in param.opts}
    own_json = JSON in taken
    command.params += [
        click.Option([name, *short, variable], is_flag=True, help=told)
        for name, short, variable, told in (
            (JSON, (), "in_json", "Print one JSON object: what was done, and every line."),
            (QUIET, ("-q",), "quietly", "Print nothing but errors, and ask nothing."),
            (VERBOSE, ("-v",), "verbosely", "Show each request to a server on standard error."),
        )
        if name not in taken
    ]
    callback = command.callback
    if callback is None:
        raise TypeError(f"{path} has no callback")
    run = _reaching(callback)

    @functools.wraps(callback)
    def speaking(*args: Any, **given: Any) -> Any:
        in_json, quietly, verbosely = (given.pop(name, False) for name in ("in_json", "quietly", "verbosely"))
        with _requests_shown() if verbosely else contextlib.nullcontext():
            if in_json:
                return _in_json(path, lambda: run(*args, **given))
            if own_json and given.get("as_json") and not quietly:
                return _or_error(path, lambda: run(*args, **given))
            if quietly:
                # Its own JSON is an answer and no talk.
                return _in_silence(lambda: run(*args, **given), keep=own_json and given.get("as_json", False))
            return run(*args, **given)

    command.callback = speaking
    command.is_spoken = True  # type: ignore[attr-defined]
    return command


def _reaching(run: Callable[..., Any]) -> Callable[..., Any]:
    """The same with an InputError where the machine denies a place: it may not be used, is full, or cannot be named."""

    def reaching(*args: Any, **given: Any) -> Any:
        try:
            return run(*args, **given)
        except OSError as error:
            if error.errno not in _OUT_OF_REACH:
                raise
            where = "this machine" if error.filename is None else str(error.filename)
            raise InputError(str(Problem(where, str(error.strerror), _OUT_OF_REACH[error.errno]))) from error

    return reaching


def _or_error(path: str, run: Callable[[], Any]) -> Any:
    """Run a command that prints data of its own; where it fails, print the object that says why."""
    try:
        return run()
    except BlindRefusalError as fault:
        _print(path, fault.exit_code, str(fault), {}, [])
        sys.exit(fault.exit_code)


def _print(path: str, code: int, error: str | None, result: dict[str, Any], lines: list[str]) -> None:
    content = {"command": path, "exit_code": code, "error": error, "result": result, "lines": lines}
    click.echo(json.dumps(content, indent=1, default=str, ensure_ascii=False))
    if error is not None:
        click.echo(f"error: {error}", err=True)


def _in_silence(run: Callable[[], Any], *, keep: bool) -> Any:
    before = _quiet.set(True)
    try:
        if keep:
            return run()
        with open(os.devnull, "w", encoding="utf-8") as nothing, contextlib.redirect_stdout(nothing):  # noqa: PTH123
            return run()
    finally:
        _quiet.reset(before)


def _in_json(path: str, run: Callable[[], Any]) -> None:
    """Run it, then print the object; ends with the same exit code."""
    before, held = _quiet.set(True), _reported.set({})
    printed, error, code = io.StringIO(), None, 0
    try:
        with contextlib.redirect_stdout(printed):
            run()
    except BlindRefusalError as fault:
        error, code = str(fault), fault.exit_code
    except (click.exceptions.Exit, SystemExit) as ended:
        told = ended.exit_code if isinstance(ended, click.exceptions.Exit) else ended.code
        code = told if isinstance(told, int) else int(told is not None)
    except click.Abort:
        error, code = "stopped: nobody was asked", 1
    finally:
        result = _reported.get() or {}
        _quiet.reset(before)
        _reported.reset(held)
    # At newlines alone: a name may hold another sign that ends a line for Python.
    text = printed.getvalue().removesuffix("\n")
    _print(path, code, error, result, text.split("\n") if text else [])
    if code:
        sys.exit(code)


@contextlib.contextmanager
def _requests_shown() -> Iterator[None]:
    """A line on standard error for each request: method, address without what is private in it, and the status."""

    class Line(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return _PRIVATE.sub("", record.getMessage().removeprefix("HTTP Request: "))

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    loggers = [logging.getLogger(name) for name in _HTTP_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
