"""The judge ``heldout``: the embedded judge as it is towards a model that it has not seen.

The weights of ``embedded`` learned from all of the study's answers, so on these it looks better than
it is. This judge gives each of them the verdict of weights that were fitted without the family of
the model that answered. It knows the study's answers alone, and is there to show what the embedded
judge is worth: its verdicts beside the study's, and the ranking that they give.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from dataset_builder.errors import InputError
from eval.judges.embedded import manifest
from eval.judges.heldout_verdicts import HeldOutVerdicts, family_of, unpack_heldout
from eval.judges.interface import JudgeOptions, JudgeTask
from eval.judges.published import NOT_JUDGED
from eval.published_run import PREFIX, is_published
from eval.runner import now
from eval.verdicts import Verdict

NAME: Final = "heldout"
HELDOUT_FILE: Final = Path(__file__).with_name("embedded_heldout.npz")


class HeldOutJudge:
    """Looks each answer up by its case and hash; one that is not the study's is unscored."""

    name = NAME
    batch_size = 256

    def __init__(self, verdicts: HeldOutVerdicts, rubric: str, family: str) -> None:
        self.rubric = rubric
        self.settings: dict[str, Any] = {"held_out": family}
        self._verdicts = verdicts
        self._family = family

    async def judge(self, tasks: Sequence[JudgeTask]) -> list[Verdict]:
        """One verdict for each task, in order."""
        return [self._verdict(task) for task in tasks]

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _verdict(self, task: JudgeTask) -> Verdict:
        case_id, response_hash = task.case.case_id, task.response.response_hash
        found = self._verdicts.of(self._family, case_id, response_hash)
        said: dict[str, Any] = {"unscored_reason": NOT_JUDGED} if found is None else found._asdict()
        return Verdict(
            case_id=case_id,
            response_hash=response_hash,
            judge=self.name,
            rubric=self.rubric,
            judged_at=now(),
            cost=0.0,
            **said,
        )


@cache
def shipped() -> tuple[HeldOutVerdicts, str]:
    """The verdicts of this installation and the name that verdicts carry; opened once a process."""
    digest = manifest()["heldout_verdicts"]["sha256"]
    return unpack_heldout(HELDOUT_FILE.read_bytes(), digest), rubric_of(digest)


def rubric_of(sha256: str) -> str:
    """The name of packed held-out verdicts, as verdicts carry it."""
    return f"heldout-{sha256[:12]}"


def make(argument: str, options: JudgeOptions) -> HeldOutJudge:
    """The judge for ``--judge heldout``. Raises InputError for a run of other answers than published ones."""
    if not is_published(options.model):
        raise InputError(
            f"--judge {NAME}: knows the study's own answers alone (runs of --model {PREFIX}SLUG), and this run is of "
            f"{options.model}. Judge it with --judge embedded, which has not seen it."
        )
    return HeldOutJudge(*shipped(), family_of(options.model.removeprefix(PREFIX)))
