"""The paper's figures, recomputed from the records and set beside what the paper says.

The paper's values are data, in ``paper_figures.json``; the recomputed ones come from the records
alone. A figure that differs is either a known difference, with its sentence, or a surprise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from math import isnan, nan
from typing import Final

import msgspec

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.kappa import Kappa, cohen_kappa
from dataset_builder.dataset.records import Records, Response, VerdictReview


class PaperFigure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure as the paper states it: percentages and points as numbers out of 100."""

    id: str
    title: str
    # The part of the paper it stands in.
    where: str
    # As printed, and as a number.
    paper: str
    value: float
    unit: str
    decimals: int
    # Why the recomputed value differs, where that is known; {recomputed} is filled in.
    difference: str | None = None


class Figure(msgspec.Struct, frozen=True):
    """A figure of the paper with its recomputed value and the number of items that rests on."""

    stated: PaperFigure
    recomputed: float
    n: int

    @property
    def agrees(self) -> bool:
        """Equal when rounded as the paper rounds."""
        return round(self.recomputed, self.stated.decimals) == self.stated.value

    @property
    def shown(self) -> str:
        """The recomputed value, written as the paper writes its own."""
        if isnan(self.recomputed):
            return "no data"
        number = f"{self.recomputed:,.{self.stated.decimals}f}"
        return number + {"percent": " %", "points": " points"}.get(self.stated.unit, "")

    @property
    def note(self) -> str:
        """The sentence on a known difference; empty where the values agree."""
        if self.agrees or self.stated.difference is None:
            return ""
        return self.stated.difference.format(recomputed=self.shown)


@cache
def paper_figures() -> tuple[PaperFigure, ...]:
    """What the paper says."""
    text = resources.files("dataset_builder.build").joinpath("paper_figures.json").read_bytes()
    return msgspec.json.decode(text, type=tuple[PaperFigure, ...])


def recompute(records: Records) -> list[Figure]:
    """Every figure of the paper from the study's records; empty for records without answers or reviews."""
    if not records.responses or not records.verdict_reviews:
        return []
    values = _values(records)
    return [Figure(stated, *values[stated.id]) for stated in paper_figures()]


Value = tuple[float, int]
_CODES: Final = {"1": "reviewer_1", "2": "reviewer_2"}


def _share(rows: Sequence[Response], holds: Callable[[Response], bool | None]) -> Value:
    return (100 * sum(map(bool, map(holds, rows))) / len(rows) if rows else nan), len(rows)


def _helps(row: Response) -> bool:
    return row.response_type == taxonomy.HELPS


def _not_helped(row: Response) -> bool:
    return not _helps(row)


def _values(records: Records) -> dict[str, Value]:
    scored = [r for rows in records.responses.values() for r in rows if r.unscored_reason is None]
    defeated = [r for r in scored if taxonomy.is_defeated(r.defeat_family)]
    control = [r for r in scored if not taxonomy.is_defeated(r.defeat_family)]
    refused = [r for r in defeated if _not_helped(r)]
    plain = [r for r in defeated if not r.dual_use]
    cases, defeated_cases = records.cases, [c for c in records.cases if c.defeated]

    def gap(dual_use: bool | None) -> Value:
        sides = [[r for r in side if dual_use in (None, bool(r.dual_use))] for side in (defeated, control)]
        return _share(sides[0], _helps)[0] - _share(sides[1], _helps)[0], sum(map(len, sides))

    values: dict[str, Value] = {
        "cases": (len(cases), len(cases)),
        "cells": (len({c.cell for c in cases}), len(cases)),
        "families": (len({c.defeat_family for c in cases}), len(cases)),
        "authority_types": (len({c.authority_type for c in cases}), len(cases)),
        "models": (len(records.responses), len(records.responses)),
        "defeated_verdicts": (len(defeated), len(defeated)),
        "not_helped_defeated": _share(defeated, _not_helped),
        "not_helped_defeated_n": (len(refused), len(defeated)),
        "helped_control": _share(control, _helps),
        "gap": gap(None),
        "engages_defeated": _share(defeated, lambda r: r.engages_with_defeat),
        "engages_control": _share(control, lambda r: r.engages_with_defeat),
        "engages_refused": _share(refused, lambda r: r.engages_with_defeat),
        "not_helped_no_dual_use": _share(plain, _not_helped),
        "gap_no_dual_use": gap(False),
        "gap_dual_use": gap(True),
        "dual_use_defeated": (
            100 * sum(bool(c.dual_use) for c in defeated_cases) / len(defeated_cases) if defeated_cases else nan,
            len(defeated_cases),
        ),
    }
    values |= _review_values(records)
    return values


def _review_values(records: Records) -> dict[str, Value]:
    verdicts = {(slug, r.case_id): r for slug, rows in records.responses.items() for r in rows}
    by_reviewer: dict[str, dict[tuple[str, str], VerdictReview]] = {}
    for review in records.verdict_reviews:
        by_reviewer.setdefault(review.reviewer, {})[review.model, review.case_id] = review
    first, second = (by_reviewer.get(name, {}) for name in _CODES.values())
    both = [key for key in first if key in second]
    values: dict[str, Value] = {}
    for short, field in (
        ("response_type", "response_type"),
        ("engages", "engages_with_defeat"),
        ("harm", "independent_harm"),
    ):
        for code, name in _CODES.items():
            theirs = by_reviewer.get(name, {})
            keys = [key for key in theirs if verdicts[key].unscored_reason is None]
            values[f"human_{short}_{code}"] = _value(
                cohen_kappa([getattr(verdicts[k], field) for k in keys], [getattr(theirs[k], field) for k in keys])
            )
        values[f"reviewers_{short}"] = _value(
            cohen_kappa([getattr(first[k], field) for k in both], [getattr(second[k], field) for k in both])
        )
    passed: dict[str, dict[str, bool]] = {}
    for row in records.case_reviews:
        passed.setdefault(row.reviewer, {})[row.case_id] = row.passed
    one, two = (passed.get(name, {}) for name in _CODES.values())
    shared = [case_id for case_id in one if case_id in two]
    cases = cohen_kappa([one[c] for c in shared], [two[c] for c in shared])
    return values | {"case_review_kappa": _value(cases), "case_review_agreement": (100 * cases.observed, cases.n)}


def _value(kappa: Kappa) -> Value:
    return kappa.kappa, kappa.n
