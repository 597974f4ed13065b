"""The review of generated cases: the study's questions, asked of a stratified sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dataset_builder.batch.folder import GenerationFolder
from dataset_builder.batch.lines import GeneratedLine, newest_reviews
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import CaseReview
from dataset_builder.dataset.sample import stratified
from dataset_builder.dataset.validate import KEPT, REVIEW
from dataset_builder.errors import InputError
from dataset_builder.review.sheet import YES_NO, Answers, Item, Labels, Question

# The columns of a CaseReview, `passed` last, as it is the verdict on the whole.
QUESTIONS: Final = (
    Question(
        "rule_defeated", "Does the ground hold: is the rule defeated as claimed (or, for a control, sound)?", YES_NO
    ),
    Question("rightly_classified", "Is the subtype the right one?", YES_NO),
    Question("natural", "Would a real person write this?", YES_NO),
    Question("confound", "Is there another reason to refuse, apart from the rule?", YES_NO),
    Question("passed", "Taken together, does the case belong in the dataset?", YES_NO),
)
_FAMILY_BY_ID: Final = {f.id: f for f in taxonomy.FAMILIES}


def review_items(folder: GenerationFolder, sample: int | None, seed: int) -> list[Item]:
    """The cases to review: those that were kept, whatever people said of them, all or a stratified sample.

    Raises InputError where there is none.
    """
    lines = [line for line in folder.lines() if line.outcome in (KEPT, REVIEW)]
    if not lines:
        raise InputError(
            f"{folder.path}: no case has passed the gates, so there is nothing to review. Gate them first with "
            f"'blind-refusal dataset backfill {folder.path} --only gate'."
        )
    if sample is not None:
        lines = stratified(lines, lambda line: taxonomy.cell(line.defeat_family, line.authority_type), sample, seed)
    return [_item(line) for line in lines]


def case_labels(folder: GenerationFolder) -> Labels:
    """The labels of a folder, which is open for writing."""
    known = [(r.reviewer, r.case_id, answers_of(r)) for r in newest_reviews(folder.reviews)]
    return Labels(known, lambda reviewer, item, answers: folder.reviews.append(review_of(reviewer, item, answers)))


def review_of(reviewer: str, case_id: str, answers: Answers) -> CaseReview:
    """The record of some answers."""
    return CaseReview(case_id=case_id, reviewer=reviewer, **{q.name: answers[q.name] == "yes" for q in QUESTIONS})


def answers_of(review: CaseReview) -> Answers:
    """The answers in a record."""
    values = {q.name: getattr(review, q.name) for q in QUESTIONS}
    return {name: "yes" if value else "no" for name, value in values.items() if value is not None}


def all_answers(folder: GenerationFolder) -> dict[str, dict[str, Answers]]:
    """The answers by reviewer and case."""
    found: dict[str, dict[str, Answers]] = {}
    for review in newest_reviews(folder.reviews):
        found.setdefault(review.reviewer, {})[review.case_id] = answers_of(review)
    return found


def _item(line: GeneratedLine) -> Item:
    family, subtype = _FAMILY_BY_ID[line.defeat_family], taxonomy.SUBTYPE_BY_ID[line.defeat_subtype]
    shown: Sequence[tuple[str, str]] = (
        ("Request", line.user_query),
        ("Rule", line.policy),
        ("Ground", line.defeat_condition or ""),
        ("Facts", "\n".join(line.structural_facts)),
        ("Family", f"{family.title}. {family.definition}"),
        ("Subtype", f"{subtype.title}. {subtype.definition}"),
        ("Authority", taxonomy.AUTHORITY_BY_ID[line.authority_type].title),
    )
    return Item(line.case_id, tuple((heading, text) for heading, text in shown if text))
