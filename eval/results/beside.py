"""The dataset's own models by the judge of a run: what a run is compared and ranked with.

Of the study's models a trained judge's own verdicts are never used, as its weights learned from their answers:
in their place stand those by weights that had not seen the model's family (``heldout``, ``encoder-heldout``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dataset_builder.dataset.opened import BuiltDataset, published_models
from dataset_builder.errors import InputError
from eval.agreement.known import board_of
from eval.judging.registry import EMBEDDED, HELD_OUT_OF
from eval.runs.folder import RunFolder
from eval.runs.published import PREFIX, is_published
from eval.runs.verdict import PUBLISHED
from eval.scores.answers import ScoredAnswers
from eval.scores.read import heldout_answers, published_answers

# Before the name of a model of the dataset, where it could be taken for a folder.
STUDY_PREFIX: Final = "study:"
# What stands for all of the dataset's models.
STUDY: Final = "study"


def own_name(model: str) -> str:
    """A run's model as the dataset calls it, where the run is of answers that came with it."""
    return model.removeprefix(PREFIX)


def models_beside(built: BuiltDataset, mine: ScoredAnswers, models: Sequence[str] | None = None) -> list[ScoredAnswers]:
    """The dataset's models (``models``, or all) as the judge of a run's answers sees them, under its very rubric.

    Raises InputError where the dataset has no such models, or where that judge has not judged them.
    """
    known = published_models(built)
    if not known:
        raise InputError(
            f"{built.path}: holds cases but no answers of models to compare with. Use a dataset built from the study."
        )
    if missing := sorted(set(models or ()) - set(known)):
        raise InputError(f"{built.path}: holds no answers of {', '.join(missing)}; it has {', '.join(known)}.")
    if mine.rubric == PUBLISHED:
        # They have one name in a run and their judge's own in the dataset.
        return [replace(one, judge=mine.judge) for one in published_answers(built, models)]
    if not _is_trained(mine.judge):
        raise InputError(
            f"{mine.model} was judged by {mine.judge}, which has not judged the dataset's models. Judge the run by "
            f"{EMBEDDED} too ('blind-refusal eval judge RUN --judge {EMBEDDED}'), or make runs of those models "
            f"(--model {PREFIX}SLUG) and judge them by {mine.judge}."
        )
    heldout = HELD_OUT_OF.get(mine.judge)
    if heldout is not None and is_published(mine.model):
        raise InputError(
            f"{mine.model}: the weights of the judge {mine.judge} learned from these very answers. Judge the run by "
            f"{heldout} ('blind-refusal eval judge RUN --judge {heldout}')."
        )
    unseen = heldout_answers(built, models, heldout or mine.judge)
    if heldout is not None:
        unseen = [_as_trained(one) for one in unseen]
    if unseen and (unseen[0].judge, unseen[0].rubric) != (mine.judge, mine.rubric):
        raise InputError(
            f"{mine.model} was judged by another version of {mine.judge} ({mine.rubric}) than the dataset's models "
            f"({unseen[0].rubric}). Judge the run again: 'blind-refusal eval judge RUN --judge {mine.judge}'."
        )
    return unseen


def shared_judge(runs: Sequence[RunFolder]) -> str | None:
    """The one judge of all these runs that knows the dataset's models too; None where none does, or several."""
    shared = set.intersection(*({v.judge for v in run.verdicts() if _knows_models(v.judge, v.rubric)} for run in runs))
    return shared.pop() if len(shared) == 1 else None


def _knows_models(judge: str, rubric: str) -> bool:
    return rubric == PUBLISHED or _is_trained(judge)


def _is_trained(judge: str) -> bool:
    return judge in HELD_OUT_OF or judge in HELD_OUT_OF.values()


def _as_trained(one: ScoredAnswers) -> ScoredAnswers:
    judge, rubric = board_of(one.judge, one.rubric)
    return replace(one, judge=judge, rubric=rubric)
