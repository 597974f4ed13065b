"""What our Inspect task writes into a log beside what Inspect does: shared by the task, the import and the export."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from eval.run_settings import RunSettings

# Inspect names what a package registers by the folder of its code, which here is `eval`: these names are given instead.
PACKAGE: Final = "blind_refusal"
TASK: Final = "blind_refusal"
SCORER: Final = "rubric"
GRADER: Final = "grader"
# Under which key our part stands in the metadata of a log and of a score.
KEY: Final = "blind_refusal"

Line = Annotated[str, Meta(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Made = TypeVar("Made", bound=Any)


class LogInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which cases a log is about, and with which version of this project it was made."""

    dataset: Line
    cases_hash: Hash
    package_version: Line
    revision: Line | None = None
    sample: Line
    sample_seed: int = 0
    # Of a log that was exported from a run: the run's own settings, which an Inspect log cannot hold all of.
    run: RunSettings | None = None


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
