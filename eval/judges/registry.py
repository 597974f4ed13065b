"""Judges by name, each imported only when it is asked for."""

from __future__ import annotations

import importlib
from typing import Final, NamedTuple, cast

from dataset_builder.errors import InputError
from eval.judges.interface import Judge, JudgeOptions


class Entry(NamedTuple):
    """Where a judge's ``make`` is, what follows its name, and what it is."""

    module: str
    argument: str | None
    help: str


JUDGES: Final = {
    "embedded": Entry("eval.judges.embedded", None, "trained, offline, free; the default"),
    "model": Entry("eval.judges.model", "ID", "a model over an API, by our rubric"),
    "cascade": Entry("eval.judges.cascade", "ID", "embedded where it is sure, a model for the rest"),
    "published": Entry("eval.judges.published", None, "the verdicts that came with the dataset"),
    "heldout": Entry(
        "eval.judges.heldout_judge", None, "embedded without the model's family, for the study's answers alone"
    ),
    "human": Entry("eval.judges.human", "FILE", "people's labels from a CSV or JSON lines file"),
}
DEFAULT_JUDGE: Final = "embedded"


def usage() -> str:
    """The names as they are typed: ``embedded|model:ID|…``."""
    return "|".join(name + (f":{entry.argument}" if entry.argument else "") for name, entry in JUDGES.items())


def check_judge(spec: str) -> tuple[str, str]:
    """The name and the argument in a judge's specification; nothing is imported.

    Raises InputError for an unknown name, or an argument that is missing or too much.
    """
    name, colon, argument = spec.partition(":")
    entry = JUDGES.get(name)
    if entry is None or bool(entry.argument) != bool(argument) or (colon and not argument):
        known = "; ".join(f"{n}{f':{e.argument}' if e.argument else ''} ({e.help})" for n, e in JUDGES.items())
        raise InputError(f"--judge {spec!r}: expected one of {known}.")
    return name, argument


def resolve_judge(spec: str, options: JudgeOptions) -> Judge:
    """The judge of that specification. Raises InputError as ``check_judge`` and the judge's own ``make`` do."""
    name, argument = check_judge(spec)
    try:
        module = importlib.import_module(JUDGES[name].module)
    except ModuleNotFoundError as error:
        if error.name != JUDGES[name].module:
            raise
        raise InputError(f"--judge {spec!r}: this version of blind-refusal comes without that judge.") from None
    return cast(Judge, module.make(argument, options))
