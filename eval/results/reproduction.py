"""The paper's figures beside the ones that the dataset gives.

What the paper says is data (``dataset_builder/build/paper_figures.json``, shared with the dataset
card); what the dataset gives is computed here from the answers and labels alone. A figure
that differs is explained only if the other reading that the explanation names, computed
from the same data, gives the paper's number: so an explanation cannot cover for a new error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from dataset_builder.build.figures import PaperFigure, paper_figures
from dataset_builder.dataset.opened import BuiltDataset
from dataset_builder.dataset.records import CaseReview
from dataset_builder.errors import InputError
from eval.scores.answers import ScoredAnswers
from eval.scores.cases import FLAGGED, UNFLAGGED
from eval.scores.labels import FIELDS, REVIEWERS, compare_sources, reviewer_labels, study_labels
from eval.scores.read import published_answers
from eval.scores.slices import find_slices, title
from eval.stats.agreement import agreement
from eval.stats.metrics import METRIC_BY_ID, Metric

AGREES, EXPLAINED, DIFFERS, NOT_AT_HAND = "agrees", "explained", "differs", "paper value not available here"
# What is broken down by family, authority, dual use and model, in this order.
BROKEN_DOWN: Final = ("blind_refusal_rate", "engagement_rate", "control_help_rate", "control_engagement_rate")
_CASE_REVIEWS: Final = "human_case_review"
_SHORT: Final = {"response_type": "response_type", "engages_with_defeat": "engages", "independent_harm": "harm"}


@dataclass(frozen=True, slots=True)
class ReproducedFigure:
    """A figure: the paper's value as printed (None where it is not at hand), the dataset's, and the verdict.

    Rates and gaps are out of 100; ``n`` is what the recomputed value rests on.
    """

    group: str
    title: str
    where: str | None
    paper: str | None
    recomputed: float
    shown: str
    n: int
    status: str
    note: str = ""


Value = tuple[float, int]


def reproduce(built: BuiltDataset) -> list[ReproducedFigure]:
    """Every figure of the paper that is at hand, then rates by family, model, authority and dual use.

    Raises InputError for a dataset that does not hold the study's answers and reviews.
    """
    answers = published_answers(built)
    labels = reviewer_labels(built)
    if set(labels) != set(REVIEWERS):
        raise InputError(f"{built.path}: lacks the reviewers' labels; use a dataset built from the study.")
    values = {**_answer_values(answers), **_label_values(built), **_case_review_values(built)}
    alternatives = _alternatives(answers, values)
    figures = [_figure(stated, values, alternatives) for stated in paper_figures()]
    return figures + list(_breakdowns(answers))


def unexplained(figures: list[ReproducedFigure]) -> list[ReproducedFigure]:
    """The figures that differ from the paper for no known reason."""
    return [figure for figure in figures if figure.status == DIFFERS]


def _figure(stated: PaperFigure, values: dict[str, Value], alternatives: dict[str, float]) -> ReproducedFigure:
    value, n = values[stated.id]
    shown = _show(value, stated.decimals, stated.unit)
    status, note = DIFFERS, "no explanation is known"
    if round(value, stated.decimals) == stated.value:
        status, note = AGREES, ""
    elif stated.difference is not None and stated.id in alternatives:
        if round(alternatives[stated.id], stated.decimals) == stated.value:
            status, note = EXPLAINED, stated.difference.format(recomputed=shown)
        else:
            other = _show(alternatives[stated.id], stated.decimals, stated.unit)
            note = f"the known explanation does not hold for this dataset: it would give {other}"
    return ReproducedFigure("paper", stated.title, stated.where, stated.paper, value, shown, n, status, note)


def _alternatives(answers: list[ScoredAnswers], values: dict[str, Value]) -> dict[str, float]:
    """For each known difference, what its explanation says the paper's number is."""
    flagged = [label == FLAGGED for label in answers[0].cases.labels["dual_use"]]
    printed = {stated.id: stated.value for stated in paper_figures()}
    return {
        "not_helped_defeated_n": printed["not_helped_defeated"] / 100 * values["defeated_verdicts"][0],
        "dual_use_defeated": 100 * float(np.mean(flagged)),
        "human_engages_1": values["reviewers_engages"][0],
        "human_harm_1": values["reviewers_harm"][0],
    }


def _answer_values(answers: list[ScoredAnswers]) -> dict[str, Value]:
    cases = answers[0].cases
    dual_use = np.array(cases.labels["dual_use"])
    everything, plain, flagged = np.arange(len(cases)), *(np.flatnonzero(dual_use == x) for x in (UNFLAGGED, FLAGGED))

    def rate(metric: str, rows: np.ndarray = everything) -> Value:
        return pooled_rate(answers, METRIC_BY_ID[metric], rows)

    def gap(rows: np.ndarray) -> Value:
        (helped, n), (control, m) = rate("help_rate", rows), rate("control_help_rate", rows)
        return helped - control, n + m

    def count(number: int) -> Value:
        return float(number), len(cases)

    refused, defeated = rate("blind_refusal_rate")
    return {
        "cases": count(len(cases)),
        "cells": count(len(cases.cells)),
        "families": count(len(set(cases.labels["family"]))),
        "authority_types": count(len(set(cases.labels["authority"]))),
        "models": (float(len(answers)), len(answers)),
        "defeated_verdicts": (float(defeated), defeated),
        "not_helped_defeated": (refused, defeated),
        "not_helped_defeated_n": (float(round(refused / 100 * defeated)), defeated),
        "helped_control": rate("control_help_rate"),
        "gap": gap(everything),
        "engages_defeated": rate("engagement_rate"),
        "engages_control": rate("control_engagement_rate"),
        "engages_refused": rate("engaged_refusal_share"),
        "not_helped_no_dual_use": rate("blind_refusal_rate", plain),
        "gap_no_dual_use": gap(plain),
        "gap_dual_use": gap(flagged),
        "dual_use_defeated": (100 * float((dual_use[cases.defeated] == FLAGGED).mean()), int(cases.defeated.sum())),
    }


def pooled_rate(answers: list[ScoredAnswers], metric: Metric, rows: np.ndarray) -> Value:
    """A ratio over the answers of several models to some cases, in percent, and its denominator."""
    members = rows[answers[0].cases.defeated[rows] == metric.defeated]
    counts = np.sum([one.counts[members].sum(axis=0) for one in answers], axis=0)
    total = float(counts @ np.array(metric.denominator))
    return (100 * float(counts @ np.array(metric.numerator)) / total if total else float("nan")), round(total)


def _label_values(built: BuiltDataset) -> dict[str, Value]:
    study, humans = study_labels(built), reviewer_labels(built)
    pairs = {f"human_{{}}_{name[-1]}": compare_sources(humans[name], study, built.case_by_id) for name in REVIEWERS}
    pairs["reviewers_{}"] = compare_sources(humans[REVIEWERS[0]], humans[REVIEWERS[1]], built.case_by_id)
    return {
        pattern.format(_SHORT[field]): (pair.fields[field].kappa, pair.n)
        for pattern, pair in pairs.items()
        for field in FIELDS
    }


def _case_review_values(built: BuiltDataset) -> dict[str, Value]:
    passed: dict[str, dict[str, bool]] = {name: {} for name in REVIEWERS}
    for split in built.splits(_CASE_REVIEWS):
        for row in built.table(_CASE_REVIEWS, split).to_pylist():
            review = CaseReview(**row)
            passed[review.reviewer][review.case_id] = review.passed
    one, two = passed.values()
    shared = sorted(set(one) & set(two))
    found = agreement([one[case] for case in shared], [two[case] for case in shared], (True, False))
    return {"case_review_kappa": (found.kappa, found.n), "case_review_agreement": (100 * found.observed, found.n)}


def _breakdowns(answers: list[ScoredAnswers]) -> Iterator[ReproducedFigure]:
    """Rates whose values in the paper are not at hand: the recomputed ones stand alone."""
    cases = answers[0].cases
    everything = np.arange(len(cases))

    def rows(group: str, name: str, chosen: list[ScoredAnswers], members: np.ndarray) -> Iterator[ReproducedFigure]:
        for metric in BROKEN_DOWN:
            value, n = pooled_rate(chosen, METRIC_BY_ID[metric], members)
            if n:
                what = f"{name}: {METRIC_BY_ID[metric].title}"
                yield ReproducedFigure(group, what, None, None, value, _show(value, 1, "percent"), n, NOT_AT_HAND)

    for by in ("family", "authority", "dual_use"):
        slices, members = find_slices(cases, [by])
        for part, chosen in zip(slices, members, strict=True):
            if part.by == by and not part.without_dual_use:
                yield from rows(by, title(part), answers, chosen)
    for one in answers:
        yield from rows("model", one.model, [one], everything)


def _show(value: float, decimals: int, unit: str) -> str:
    if np.isnan(value):
        return "no data"
    ending: Callable[[str], str] = {"percent": "{} %".format, "points": "{} points".format}.get(unit, str)
    return ending(f"{value:,.{decimals}f}")
