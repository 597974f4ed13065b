"""The judge ``encoder-heldout``: the encoder as it is towards a model that it has not seen.

As ``heldout`` is for the embedded judge: each of the study's answers has the verdict of weights, words' and encoder's,
that were fitted without the family of the model that answered. No extra is needed for it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from dataset_builder.errors import InputError
from eval.judges.embedded.held_out import HeldOutJudge, HeldOutVerdicts, family_of, rubric_of, unpack_heldout
from eval.judges.encoder.artefact import HELDOUT, MANIFEST, SHIPPED
from eval.judges.interface import JudgeOptions
from eval.runs.published import PREFIX, is_published

NAME: Final = "encoder-heldout"


def manifest() -> dict[str, Any]:
    """What is known of the encoder of this installation. Raises FileNotFoundError where it comes without one."""
    held: dict[str, Any] = msgspec.json.decode((SHIPPED / MANIFEST).read_bytes())
    return held


@cache
def shipped() -> tuple[HeldOutVerdicts, str]:
    """The verdicts of this installation and the name that verdicts carry; raises as ``manifest`` does."""
    digest = manifest()["heldout_verdicts"]["sha256"]
    return unpack_heldout((SHIPPED / HELDOUT).read_bytes(), digest), rubric_of(digest)


def make(argument: str, options: JudgeOptions) -> HeldOutJudge:
    """The judge. Raises InputError for a run of other answers than published ones, and without an encoder."""
    if not is_published(options.model):
        raise InputError(
            f"--judge {NAME}: knows the study's own answers alone (runs of --model {PREFIX}SLUG), and this run is of "
            f"{options.model}. Judge it with --judge encoder, which has not seen it."
        )
    try:
        return HeldOutJudge(*shipped(), family_of(options.model.removeprefix(PREFIX)), NAME)
    except FileNotFoundError:
        raise InputError(
            f"--judge {NAME}: this version of blind-refusal comes without an encoder of its own."
        ) from None
