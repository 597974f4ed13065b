"""Judges by name, each imported only when it is asked for."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from dataset_builder.errors import InputError
from eval.runs.verdict import PUBLISHED

if TYPE_CHECKING:
    # For --help, which names the judges, this would be a third of a second.
    from eval.judges.interface import Judge, JudgeOptions


class Entry(NamedTuple):
    """Where a judge's ``make`` is, what follows its name, what it is, and whether what follows may be left out."""

    module: str
    argument: str | None
    help: str
    optional: bool = False

    def typed(self, name: str) -> str:
        """How it is typed: ``model:ID``, or ``encoder[:NAME]``."""
        after = f":{self.argument}" if self.argument else ""
        return name + (f"[{after}]" if self.optional else after)


JUDGES: Final = {
    "embedded": Entry("eval.judges.embedded.judge", None, "trained, offline, free; the default"),
    "encoder": Entry(
        "eval.judges.encoder.judge",
        "NAMESPACE/NAME@REVISION",
        "embedded and a small language model, offline, free; needs the extra `encoder`",
        optional=True,
    ),
    "model": Entry("eval.judges.model.judge", "ID", "a model over an API, by our rubric"),
    "cascade": Entry("eval.judging.cascade", "ID", "embedded where it is sure, a model for the rest"),
    "council": Entry("eval.judging.council", "A+B+C", "the majority of judges that have judged the run; free"),
    "published": Entry("eval.judges.published", None, "the verdicts that came with the dataset"),
    "heldout": Entry(
        "eval.judges.embedded.held_out", None, "embedded without the model's family, for the study's answers alone"
    ),
    "encoder-heldout": Entry(
        "eval.judges.encoder.held_out", None, "encoder without the model's family, for the study's answers alone"
    ),
    "human": Entry("eval.judges.human.sheet", "FILE", "people's labels from a CSV or JSON lines file"),
}
DEFAULT_JUDGE: Final = "embedded"


def usage() -> str:
    """The names as they are typed: ``embedded, model:ID, …``."""
    return ", ".join(entry.typed(name) for name, entry in JUDGES.items())


def check_judge(spec: str) -> tuple[str, str]:
    """The name and the argument in a judge's specification; nothing is imported.

    Raises InputError for an unknown name, or an argument that is missing or too much.
    """
    name, colon, argument = spec.partition(":")
    entry = JUDGES.get(name)
    lacks_one = entry is not None and entry.argument and not argument and not entry.optional
    if entry is None or lacks_one or (argument and not entry.argument) or (colon and not argument):
        known = "; ".join(f"{entry.typed(name)} ({entry.help})" for name, entry in JUDGES.items())
        raise InputError(f"--judge {spec!r}: expected one of {known}.")
    return name, argument


def model_of(spec: str) -> str:
    """The model that a judge's specification or name holds; empty for a judge that asks none."""
    return spec.partition(":")[2] if spec.startswith(("model:", "cascade:")) else ""


def resolve_judge(spec: str, options: JudgeOptions) -> Judge:
    """The judge of that specification.

    Raises InputError as ``check_judge`` and the judge's own ``make`` do, and where providers are chosen for a judge
    that asks no model.
    """
    name, argument = check_judge(spec)
    if (options.choice.providers or options.choice.excluded_providers) and not model_of(spec):
        raise InputError(
            f"--judge {spec}: asks no model, so there is no provider to choose. "
            "Leave out --judge-provider and --exclude-judge-provider."
        )
    if options.choice.batch and not model_of(spec):
        flag = "--judge-batch" if options.choice.prefix else "--batch"
        raise InputError(f"--judge {spec}: asks no model, so there is no batch queue. Leave out {flag}.")
    try:
        module = importlib.import_module(JUDGES[name].module)
    except ModuleNotFoundError as error:
        if error.name != JUDGES[name].module:
            raise
        raise InputError(f"--judge {spec!r}: this version of blind-refusal comes without that judge.") from None
    return cast("Judge", module.make(argument, options))


def unknown_judge(judge: str, rubric: str) -> str | None:
    """What is not known about it, in words; None where both are known."""
    kind = judge.partition(":")[0]
    if rubric == PUBLISHED:
        return None
    if kind not in JUDGES:
        return f"judge {judge!r} is not one of {', '.join(JUDGES)}"
    current = _current(kind)
    if current is None or any(rubric == known or rubric.endswith(f"+{known}") for known in current):
        return None
    return f"judge {judge!r} judged by version {rubric!r}, which is not this version's {', '.join(current)}"


@cache
def _current(kind: str) -> tuple[str, ...] | None:
    """The versions that this installation would write; None where it does not tell."""
    if kind == EMBEDDED:
        try:
            return (offline_judge().rubric,)
        except InputError:
            return None
    if kind == ENCODER:
        from eval.judges.encoder.artefact import shipped_rubric

        rubric = shipped_rubric()
        return None if rubric is None else (rubric,)
    if kind in HELD_OUT_OF.values():
        try:
            return (importlib.import_module(JUDGES[kind].module).shipped()[1],)
        except FileNotFoundError:
            return None
    if kind in ("model", "cascade"):
        from eval.judges.model.prompt import prompt_hash
        from eval.judges.model.rubric import RUBRIC_VERSION

        plain = f"{RUBRIC_VERSION}-{prompt_hash()[:12]}"
        return plain, f"{plain}+reasoning"
    return None


EMBEDDED: Final = "embedded"
HELDOUT: Final = "heldout"
ENCODER: Final = "encoder"
# Trained judges, each with the name of its verdicts by weights that had not seen the model's family.
HELD_OUT_OF: Final = {EMBEDDED: HELDOUT, ENCODER: "encoder-heldout"}


def offline_judge() -> Judge:
    """The judge that everyone has. Raises InputError where its weights are not in this installation."""
    try:
        from eval.judges.embedded.judge import load_judge
    except ImportError:
        raise InputError("This version of blind-refusal comes without its offline judge.") from None
    try:
        return load_judge()
    except FileNotFoundError:
        raise InputError("The weights of the offline judge are missing: install blind-refusal again.") from None


def offline_judge_unseen(family: str) -> Judge:
    """The offline judge towards the study's answers of a family of models: by weights that saw none of them."""
    from eval.judges.embedded.held_out import HeldOutJudge, shipped

    return HeldOutJudge(*shipped(), family)
