"""Defaults of a user's own: ``blind-refusal.toml`` in the current folder, and environment variables.

A table is a command, a key an option's long name::

    [eval.run]
    dataset = "build/dataset"
    concurrency = 8

The variable ``BLIND_REFUSAL_EVAL_RUN_CONCURRENCY`` says the same and goes before the file; the command line goes
before both. ``--yes``, which spends money, is for the command line alone.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from dataset_builder.errors import InputError

FILE: Final = "blind-refusal.toml"
VARIABLE: Final = "BLIND_REFUSAL_CONFIG"
_PREFIX: Final = "BLIND_REFUSAL"
# What must be said each time.
_NEVER: Final = ("--yes",)


def read_defaults() -> dict[str, Any]:
    """What the file says, by command; empty where there is none.

    Raises InputError where BLIND_REFUSAL_CONFIG names a file that is not there, and for one that is no TOML.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named) if named else Path(FILE)
    if not path.is_file():
        if named:
            raise InputError(f"{VARIABLE} names {path}, which is no file.")
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: no TOML ({error}). Expected tables such as [eval.run] with options in them."
        ) from None


def with_variables(command: click.Command, path: str) -> None:
    """Let each option of a command be given by a variable that is called like it."""
    for option in command.params:
        name = _long_name(option)
        if name and name not in _NEVER and option.envvar is None:
            option.envvar = "_".join((_PREFIX, *path.upper().replace("-", "_").split(), _plain(name).upper()))


def as_parameters(command: click.Command, given: object, path: str) -> dict[str, Any]:
    """A table of the file as click's ``default_map`` of one command.

    Raises InputError for a key that is no option of the command, or one that must be said each time.
    """
    where = f"{FILE}, [{'.'.join(path.split())}]"
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: expected a table of options.")
    known = {_plain(name): option for option in command.params if (name := _long_name(option))}
    found = {}
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = (
                f"; did you mean {near[0].replace('_', '-')}?" if near else f"; there are: {', '.join(sorted(known))}"
            )
            raise InputError(f"{where}: {key!r} is no option of this command{hint}")
        if f"--{name}" in _NEVER:
            raise InputError(f"{where}: {key!r} may spend money, and is for the command line alone.")
        found[str(known[name].name)] = value
    return found


def _long_name(param: click.Parameter) -> str | None:
    names = [name for name in param.opts if name.startswith("--")] if isinstance(param, click.Option) else []
    return names[0] if names else None


def _plain(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")
