"""What the card says about each batch of generated cases: who wrote, gated and reviewed it, and what remains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from dataset_builder.batch.gate_records import FULL
from dataset_builder.dataset.kappa import cohen_kappa
from dataset_builder.dataset.records import CaseReview, GeneratedCase, Records
from dataset_builder.dataset.validate import KEPT
from dataset_builder.sources import GENERATED
from dataset_builder.wording import counted

# What became of a generated case, in words.
OUTCOME_TITLES: Final[Mapping[str, str]] = {
    KEPT: "kept",
    "operational_validity": "removed by the operational-validity gate",
    "reasonable_judge": "removed by the reasonable-judge gate",
    "gate_error": "left out because a gate gave no verdict",
    "checks": "removed by checks that code can make (length, labels in the text, likeness, personal data)",
    "review": "removed by human review",
    "ungated": "not through all gates yet, so left out",
}


@dataclass(frozen=True)
class Batch:
    """One batch of generated cases."""

    name: str
    generators: list[str]
    # Days of writing, as a phrase; empty where they are not recorded.
    days: str
    languages: list[str]
    written: int
    kept: int
    removed: str
    # The models that were asked as gates.
    gates: list[str]
    # Who reviewed how many, as a phrase; empty where nobody did.
    reviewed: str


def batches_of(records: Records) -> list[Batch]:
    """The batches of the generated cases in some records, in their order."""
    rows: dict[str, list[GeneratedCase]] = {}
    for case in records.generated:
        if case.origin == GENERATED:
            rows.setdefault(case.batch or "", []).append(case)
    return [_batch(name, cases, records) for name, cases in rows.items()]


def _batch(name: str, cases: Sequence[GeneratedCase], records: Records) -> Batch:
    outcomes = Counter(case.outcome for case in cases)
    kept = outcomes.pop(KEPT, 0)
    ids = {case.case_id for case in cases}
    days = sorted({case.generated_at[:10] for case in cases if case.generated_at})
    return Batch(
        name=name,
        generators=sorted({case.generator for case in cases}),
        days=" to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
        languages=sorted({case.language for case in cases}),
        written=len(cases),
        kept=kept,
        removed=", ".join(f"{n} {OUTCOME_TITLES[outcome]}" for outcome, n in sorted(outcomes.items())),
        gates=sorted({g.model for g in records.gates if g.model and g.stage == FULL and g.case_id in ids}),
        reviewed=_reviewed([review for review in records.case_reviews if review.case_id in ids]),
    )


def _reviewed(reviews: Sequence[CaseReview]) -> str:
    """How many cases people reviewed, and how the first two agree on whether a case belongs."""
    if not reviews:
        return ""
    said: dict[str, dict[str, bool]] = {}
    for review in reviews:
        said.setdefault(review.reviewer, {})[review.case_id] = review.passed
    cases = len({review.case_id for review in reviews})
    told = f"{counted(cases, 'case')} by {len(said)} {'people' if len(said) > 1 else 'person'}"
    one, two = (said[name] for name in (*sorted(said), "")[:2]) if len(said) > 1 else ({}, {})
    shared = sorted(one.keys() & two.keys())
    kappa = cohen_kappa([one[case] for case in shared], [two[case] for case in shared])
    if not shared:
        return told
    agreed = f"{100 * kappa.observed:.0f} % agreement on {kappa.n:,}"
    return f"{told}, {agreed}" + ("" if isnan(kappa.kappa) else f", kappa {kappa.kappa:.2f}")
