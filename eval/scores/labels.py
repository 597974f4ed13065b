"""Labels of answers by whoever gave them: a judge, the study's judge, a reviewer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from dataset_builder.dataset.opened import RESPONSES, BuiltDataset, reviews
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.tables import split_of_model
from dataset_builder.dataset.taxonomy import RESPONSE_TYPES, ids
from dataset_builder.errors import InputError
from eval.runs.verdict import PUBLISHED, Verdict
from eval.stats.agreement import Agreement, agreement, krippendorff_alpha

STUDY: Final = "study"
REVIEWERS: Final = ("reviewer_1", "reviewer_2")
# The fields of a verdict and the labels that each takes.
FIELDS: Final[dict[str, tuple[str | bool, ...]]] = {
    "response_type": ids(RESPONSE_TYPES),
    "engages_with_defeat": (True, False),
    "independent_harm": (True, False),
}


class AnswerKey(NamedTuple):
    """An answer of the dataset."""

    model: str
    case_id: str


class Labels(NamedTuple):
    """One source's labels of one answer."""

    response_type: str
    engages_with_defeat: bool
    independent_harm: bool


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Who labelled, and what they said of each answer that they labelled."""

    name: str
    labels: dict[AnswerKey, Labels]
    # The version of the rubric; empty for the reviewers, who had none of ours.
    rubric: str = ""


@dataclass(frozen=True, eq=False)
class SourceAgreement:
    """Two sources over the answers that both labelled: an Agreement for each of FIELDS."""

    first: str
    second: str
    n: int
    fields: dict[str, Agreement]


def study_labels(built: BuiltDataset, answers: Collection[AnswerKey] | None = None) -> LabelSource:
    """The published verdicts, by the name of the judge that gave them: of all answers, or of some.

    Raises InputError where there are none.
    """
    labels: dict[AnswerKey, Labels] = {}
    judges: set[str] = set()
    splits = None if answers is None else {split_of_model(key.model) for key in answers}
    for split in built.splits(RESPONSES):
        if splits is not None and split not in splits:
            continue
        for row in built.table(RESPONSES, split, ["model", "case_id", *FIELDS, "judge", "unscored_reason"]).to_pylist():
            if row["unscored_reason"] is not None:
                continue
            judges.add(row["judge"])
            key = AnswerKey(row["model"], row["case_id"])
            if answers is None or key in answers:
                labels[key] = Labels(*(row[field] for field in FIELDS))
    if not judges:
        raise InputError(f"{built.path}: holds no published verdicts; use a dataset built from the study.")
    return LabelSource(" and ".join(sorted(judges)), labels, PUBLISHED)


def reviewer_labels(built: BuiltDataset) -> dict[str, LabelSource]:
    """Each reviewer's labels, by the reviewer's name; empty where the dataset has none."""
    found: dict[str, dict[AnswerKey, Labels]] = {}
    for row in reviews(built):
        mine = found.setdefault(row.reviewer, {})
        key = AnswerKey(row.model, row.case_id)
        if key in mine:
            raise InputError(f"{built.path}: {row.reviewer} labelled {row.model} on {row.case_id} more than once.")
        mine[key] = Labels(row.response_type, row.engages_with_defeat, row.independent_harm)
    return {name: LabelSource(name, found[name]) for name in sorted(found)}


def verdict_labels(built: BuiltDataset, verdicts: Iterable[Verdict], judge: str | None = None) -> LabelSource:
    """A judge's labels of the dataset's answers, found by case and hash of the answer.

    Raises InputError for several judges or rubrics, a verdict that occurs twice, or none on
    any answer of the dataset.
    """
    chosen = [v for v in verdicts if judge in (None, v.judge) and v.scored]
    who = sorted({(v.judge, v.rubric) for v in chosen})
    if len(who) > 1:
        listed = ", ".join(f"{name} (rubric {rubric})" for name, rubric in who)
        raise InputError(f"There are verdicts of {listed}; name one judge with --judge.")
    answers: dict[tuple[str, str], list[AnswerKey]] = {}
    for split in built.splits(RESPONSES):
        for row in built.table(RESPONSES, split, ["model", "case_id", "response_hash"]).to_pylist():
            answers.setdefault((row["case_id"], row["response_hash"]), []).append(
                AnswerKey(row["model"], row["case_id"])
            )
    labels: dict[AnswerKey, Labels] = {}
    seen: set[tuple[str, str]] = set()
    for v in chosen:
        place = v.case_id, v.response_hash
        if place in seen:
            raise InputError(f"Two verdicts of {v.judge} on one answer to {v.case_id}; keep one.")
        seen.add(place)
        for key in answers.get(place, ()):
            labels[key] = Labels(str(v.response_type), bool(v.engages_with_defeat), bool(v.independent_harm))
    if not labels:
        raise InputError(f"None of the verdicts{f' of {judge}' if judge else ''} is on an answer of {built.path}.")
    return LabelSource(who[0][0], labels, who[0][1])


def compare_sources(first: LabelSource, second: LabelSource, cases: Mapping[str, Case]) -> SourceAgreement:
    """Agreement on the answers that both labelled, the first as the reference; clustered by the cells of ``cases``."""
    shared = sorted(set(first.labels) & set(second.labels))
    cells = [cases[key.case_id].cell for key in shared]
    fields = {
        field: agreement(
            [getattr(first.labels[key], field) for key in shared],
            [getattr(second.labels[key], field) for key in shared],
            labels,
            cells,
        )
        for field, labels in FIELDS.items()
    }
    return SourceAgreement(first.name, second.name, len(shared), fields)


def alpha_of(sources: Sequence[LabelSource]) -> dict[str, tuple[float, str | None, int]]:
    """Krippendorff's alpha of several sources by field, with a reason where NaN, and the answers it rests on.

    Over the answers that at least two of them labelled.
    """
    times: dict[AnswerKey, int] = {}
    for source in sources:
        for key in source.labels:
            times[key] = times.get(key, 0) + 1
    shared = sorted(key for key, n in times.items() if n > 1)
    found = {}
    for field in FIELDS:
        rows = [
            [getattr(source.labels[k], field) if k in source.labels else None for k in shared] for source in sources
        ]
        found[field] = (*krippendorff_alpha(rows), len(shared))
    return found
