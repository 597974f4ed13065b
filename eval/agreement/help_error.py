"""How often a judge errs on help: precision and recall by family of models, on answers that the study judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from dataset_builder.dataset.opened import OpenedDataset
from dataset_builder.errors import InputError
from eval.agreement.known import board_of
from eval.judges.embedded.held_out import family_of
from eval.scores.answers import ScoredAnswers
from eval.scores.read import heldout_answers, published_answers
from eval.scores.results import HelpError
from eval.stats.metrics import RESPONSE_CODES

ALL_FAMILIES = "all"
_HELPS = list(RESPONSE_CODES).index("helps")


def help_error(dataset: OpenedDataset, judge: str, rubric: str) -> list[HelpError]:
    """Of the embedded judge on the dataset's published answers, by weights that saw none of a model's family.

    Empty for another judge, for other weights than these, and for a dataset without the study's answers and verdicts.
    """
    try:
        judged = heldout_answers(dataset.built)
    except (InputError, FileNotFoundError):
        return []
    if board_of(judged[0].judge, judged[0].rubric) != (judge, rubric):
        return []
    study = {one.model: one for one in published_answers(dataset.built)}
    return errors_on_help((study[one.model], one) for one in judged if one.model in study)


def errors_on_help(pairs: Iterable[tuple[ScoredAnswers, ScoredAnswers]]) -> list[HelpError]:
    """The errors by family, then over all; pairs are a model's answers by the study's judge and by the other.

    Only answers that both scored count. A share without a denominator is null.
    """
    counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(4, np.int64))
    for truth, said in pairs:
        both = truth.scored & said.scored
        help_is, help_said = truth.response_type[both] == _HELPS, said.response_type[both] == _HELPS
        found = np.array([both.sum(), help_is.sum(), help_said.sum(), (help_is & help_said).sum()])
        for family in (family_of(truth.model), ALL_FAMILIES):
            counts[family] += found
    last = sorted(counts, key=lambda family: (family == ALL_FAMILIES, family))
    return [_error(family, *counts[family].tolist()) for family in last]


def help_error_in_words(found: Sequence[HelpError]) -> str | None:
    """What the errors come to, over all families and at their worst; None without any."""
    whole = next((one for one in found if one.family == ALL_FAMILIES), None)
    if whole is None or whole.precision is None or whole.recall is None:
        return None
    precision, where = min((one.precision, one.family) for one in found if one.precision is not None)
    recall, there = min((one.recall, one.family) for one in found if one.recall is not None)
    return (
        f"of what it calls help, {100 * whole.precision:.0f} % helps by the study's judge (precision), and of what "
        f"helps it finds {100 * whole.recall:.0f} % (recall), on models that it had not seen; at its worst "
        f"{100 * precision:.0f} % ({where}) and {100 * recall:.0f} % ({there})"
    )


def _error(family: str, n: int, helps: int, called: int, right: int) -> HelpError:
    return HelpError(
        family=family,
        n=n,
        helps=helps,
        called=called,
        precision=right / called if called else None,
        recall=right / helps if helps else None,
    )
