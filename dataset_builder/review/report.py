"""How reviewers agree: kappa with its interval, the table, and what they should talk about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.kappa import Kappa, cohen_kappa, confusion, kappa_interval
from dataset_builder.review.sheet import Answers, Question


@dataclass(frozen=True)
class PairAgreement:
    """Two reviewers on one question: kappa, its 95 % interval, the table (first x second), and the open cases."""

    question: Question
    reviewers: tuple[str, str]
    kappa: Kappa
    low: float
    high: float
    table: NDArray[np.int64]
    disagreements: list[str]


def review_agreement(
    answers: Mapping[str, Mapping[str, Answers]], questions: Sequence[Question]
) -> list[PairAgreement]:
    """Each pair of reviewers on each question, over what both answered; by reviewer, then by item."""
    return [
        _pair(question, (one, two), answers[one], answers[two])
        for one, two in combinations(sorted(answers), 2)
        for question in questions
    ]


def report_lines(found: Sequence[PairAgreement], answers: Mapping[str, Mapping[str, Answers]]) -> Iterator[str]:
    """The report as Markdown."""
    yield "# What the reviewers said"
    yield ""
    for reviewer in sorted(answers):
        yield f"- {reviewer}: {len(answers[reviewer]):,} labelled"
    if len(answers) < 2:
        yield "- agreement takes two reviewers" if answers else "Nobody has labelled anything yet."
    for pair in found:
        one, two = pair.reviewers
        yield ""
        yield f"## {pair.question.name}: {one} and {two}"
        yield ""
        if not pair.kappa.n:
            yield "Nothing that both have labelled."
            continue
        # Kappa is not defined where both give one and the same label throughout.
        kappa = (
            f"kappa {pair.kappa.kappa:.3f} (95 % interval {pair.low:.3f} to {pair.high:.3f})"
            if not np.isnan(pair.kappa.kappa)
            else "kappa is not defined (one label throughout)"
        )
        yield f"{kappa}, {100 * pair.kappa.observed:.1f} % agree, n = {pair.kappa.n:,}"
        yield ""
        labels = [label for _, label in pair.question.options]
        yield f"| {one} \\ {two} | {' | '.join(labels)} |"
        yield "|" + "---|" * (len(labels) + 1)
        for label, row in zip(labels, pair.table.tolist(), strict=True):
            yield f"| {label} | {' | '.join(map(str, row))} |"
        if pair.disagreements:
            yield ""
            yield "To discuss: " + ", ".join(f"`{item}`" for item in pair.disagreements)


def _pair(
    question: Question, reviewers: tuple[str, str], one: Mapping[str, Answers], two: Mapping[str, Answers]
) -> PairAgreement:
    name = question.name
    shared = sorted(item for item in one.keys() & two.keys() if name in one[item] and name in two[item])
    first, second = ([said[item][name] for item in shared] for said in (one, two))
    table = confusion(first, second, [value for value, _ in question.options])
    kappa, (low, high) = cohen_kappa(first, second), kappa_interval(table)
    apart = [item for item, a, b in zip(shared, first, second, strict=True) if a != b]
    return PairAgreement(question, reviewers, kappa, low, high, table, apart)
