"""A comparison of two models as tables: paired differences, and the cases where the two part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pandas as pd
from markupsafe import Markup

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import Case
from eval.scores.comparison import Comparison, PairedDifference
from eval.scores.slices import OVERALL
from eval.scores.slices import title as slice_title
from space.figures.plots import Difference
from space.pages.transcripts.state import BESIDE, CASE, JUDGE, TranscriptState
from space.prose.rates import rate_name
from space.ui.templates import template

SIGNIFICANT: Final = 0.05
PAGE: Final = 20
# On controls there is no help on defeated rules to compare, and the other way round.
_OF_CONTROL: Final = {
    name: f"control_{name}" for name in ("help_rate", "hard_refusal_rate", "deflection_rate", "engagement_rate")
}
_FAMILY: Final = {family.id: family.title for family in taxonomy.FAMILIES}
_fill = template("pages/compare/page.html.j2")


class Parted(NamedTuple):
    """A case that one of two models helps with and the other does not."""

    case_id: str
    first_helps: bool


def difference_frame(found: Comparison, metric: str = "help_rate") -> pd.DataFrame:
    """A row a slice that has data, in the order of the families: shares, difference, limits, corrected p-values.

    On controls, and for all cases together, the metric gives way to the one that stands there.
    """
    rows = []
    for one in found.differences:
        if is_shown(one, metric):
            rows.append(
                {
                    "slice": _label(one),
                    "n": one.n,
                    "a": one.estimate_a,
                    "b": one.estimate_b,
                    "difference": one.difference,
                    "low": one.low,
                    "high": one.high,
                    "p_holm": one.p_holm,
                    "p_bh": one.p_bh,
                    "significant": one.p_holm < SIGNIFICANT,
                }
            )
    columns = ["slice", "n", "a", "b", "difference", "low", "high", "p_holm", "p_bh", "significant"]
    return pd.DataFrame(rows, columns=columns)


def differences_of(frame: pd.DataFrame) -> list[Difference]:
    """The rows of a frame as marks of the figure."""
    return [
        Difference(str(label), float(value), float(low), float(high), bool(significant))
        for label, value, low, high, significant in zip(
            *(frame[name] for name in ("slice", "difference", "low", "high", "significant")), strict=True
        )
    ]


def difference_table(frame: pd.DataFrame, first: str, second: str) -> Markup:
    """The frame as HTML; what is significant after correction stands out."""
    return _fill("difference_table", rows=frame.to_dict("records"), first=first, second=second)


def parted(found: Comparison, only: str | None) -> list[Parted]:
    """The cases where one helps and the other does not, by id; ``only`` is ``a`` or ``b`` for whose help, or None."""
    some = [Parted(case_id, True) for case_id in found.only_a_helps] if only != "b" else []
    some += [Parted(case_id, False) for case_id in found.only_b_helps] if only != "a" else []
    return sorted(some)


def parted_list(
    some: Sequence[Parted],
    cases: dict[str, Case],
    names: tuple[str, str],
    keys: tuple[str, str],
    links: TranscriptState,
    judge: str | None = None,
) -> Markup:
    """One page of those cases as HTML, each with a link to both transcripts and what ``judge`` says of them."""
    beside = tuple(key for key in keys if key in links.models)
    rows = []
    for one in some:
        case = cases.get(one.case_id)
        if case is None:
            continue
        subtype = taxonomy.SUBTYPE_BY_ID[case.defeat_subtype].title
        family = _FAMILY[case.defeat_family]
        both = beside if len(beside) == len(keys) else ()
        rows.append(
            {
                "case": case,
                "href": links.href({CASE: one.case_id, BESIDE: both, JUDGE: judge}),
                "where": family if subtype == family or not case.defeated else f"{family}: {subtype}",
                "helps": names[0] if one.first_helps else names[1],
            }
        )
    return _fill("parted_list", rows=rows)


def is_shown(one: PairedDifference, metric: str) -> bool:
    """Whether a difference has data and stands in the table of a rate."""
    return one.reason is None and _wanted(one, metric)


def _wanted(one: PairedDifference, metric: str) -> bool:
    if one.part.by == OVERALL:
        # Controls are a family of their own below.
        return one.metric.id in ("discrimination", metric) and one.metric.defeated is not False
    return one.metric.id == (_OF_CONTROL.get(metric, metric) if one.part.value == taxonomy.CONTROL else metric)


def _label(one: PairedDifference) -> str:
    if one.part.by == OVERALL:
        return "All defeated rules" if one.metric.defeated else rate_name(one.metric)
    return slice_title(one.part)
