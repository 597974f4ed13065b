"""How often a judge errs on help: precision and recall by the family of models that answered.

One kappa hides the error that moves the headline: a judge that calls too much help, or too little, of one family alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from dataset_builder.dataset.kappa import cohen_kappa
from dataset_builder.dataset.taxonomy import HELPS
from eval.judges.embedded.held_out import family_of
from eval.scores.labels import LabelSource
from eval.scores.results import HelpError, number

ALL_FAMILIES: Final = "all"
# What precision and recall of help are to reach in every family.
GOAL: Final = 0.75


def errors_on_help(truth: LabelSource, said: LabelSource) -> list[HelpError]:
    """The errors of a source by the labels of another, by family, then over all; only answers that both labelled."""
    shared = sorted(truth.labels.keys() & said.labels.keys())
    return errors_by_family(
        (key.model, truth.labels[key].response_type, said.labels[key].response_type) for key in shared
    )


def errors_by_family(rows: Iterable[tuple[str, str, str]]) -> list[HelpError]:
    """The same of (model, true response type, the judge's). A share without a denominator is null."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for model, truth, said in rows:
        for family in (family_of(model), ALL_FAMILIES):
            found[family].append((truth, said))
    last = sorted(found, key=lambda family: (family == ALL_FAMILIES, family))
    return [_error(family, found[family]) for family in last]


def help_error_in_words(found: Sequence[HelpError]) -> str | None:
    """What the errors come to, over all families and at their worst, beside the goal; None without any."""
    whole = next((one for one in found if one.family == ALL_FAMILIES), None)
    if whole is None or whole.precision is None or whole.recall is None:
        return None
    precision, where = min((one.precision, one.family) for one in found if one.precision is not None)
    recall, there = min((one.recall, one.family) for one in found if one.recall is not None)
    return (
        f"of what it calls help, {100 * whole.precision:.0f} % helps by the study's judge (precision), and of what "
        f"helps it finds {100 * whole.recall:.0f} % (recall); at its worst {100 * precision:.0f} % ({where}) and "
        f"{100 * recall:.0f} % ({there}), where the goal is {100 * GOAL:.0f} % in every family"
    )


def short_of_goal(found: Sequence[HelpError]) -> list[str]:
    """The families, with the figure, in which precision or recall is below GOAL."""
    return [
        f"{one.family} ({name} {100 * share:.1f} %)"
        for one in found
        for name, share in (("precision", one.precision), ("recall", one.recall))
        if one.family != ALL_FAMILIES and share is not None and share < GOAL
    ]


def _error(family: str, pairs: Sequence[tuple[str, str]]) -> HelpError:
    helps, called = (sum(pair[side] == HELPS for pair in pairs) for side in (0, 1))
    right = sum(pair == (HELPS, HELPS) for pair in pairs)
    return HelpError(
        family=family,
        n=len(pairs),
        helps=helps,
        called=called,
        precision=right / called if called else None,
        recall=right / helps if helps else None,
        kappa=number(cohen_kappa([truth for truth, _ in pairs], [said for _, said in pairs]).kappa),
    )
