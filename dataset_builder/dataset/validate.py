"""What is wrong with a set of records: every problem, not the first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import (
    Case,
    CaseReview,
    GateVerdict,
    GeneratedCase,
    Records,
    Response,
    VerdictReview,
)
from dataset_builder.errors import Problem

KEPT, UNGATED, CHECKS, GATE_ERROR, REVIEW = "kept", "ungated", "checks", "gate_error", "review"
OUTCOMES: Final = (KEPT, "operational_validity", "reasonable_judge", GATE_ERROR, CHECKS, REVIEW, UNGATED)
ORIGINS: Final = ("study", "starter", "generated")
_FAMILIES: Final = frozenset(taxonomy.ids(taxonomy.FAMILIES))
_RESPONSE_TYPES: Final = frozenset(taxonomy.ids(taxonomy.RESPONSE_TYPES))
_REASONS: Final = frozenset(taxonomy.ids(taxonomy.UNSCORED_REASONS))
_CATEGORIES: Final = frozenset(taxonomy.ids(taxonomy.DUAL_USE_CATEGORIES))
_DIMENSION_VALUES: Final = {d.id: frozenset(taxonomy.ids(d.values)) for d in taxonomy.DIMENSIONS}


def check_records(records: Records, responses: Iterable[tuple[str, Sequence[Response]]] | None = None) -> list[Problem]:
    """Every problem in some records: ids, labels, keys between tables, and what must agree.

    ``responses`` are the answers of each model where ``records`` has none: read one model at a time, as they are many.
    """
    cases = {case.case_id: case for case in records.cases}
    generated = {case.case_id: case for case in records.generated}
    problems = [
        *_duplicates("cases", (case.case_id for case in records.cases)),
        *_duplicates("generated", (case.case_id for case in records.generated)),
    ]
    for case in records.cases:
        problems += _case("cases", case)
    problems += _generated(records.generated, cases)
    answered: set[tuple[str, str]] = set()
    for slug, rows in records.responses.items() if responses is None else responses:
        where = f"responses of {slug}"
        problems += _duplicates(where, (row.case_id for row in rows))
        answered.update((slug, row.case_id) for row in rows)
        for row in rows:
            problems += _response(where, slug, row, cases.get(row.case_id))
        # Where answers are read as they are asked for, there is no need to hold two models' at once.
        del rows
    known = cases | generated
    problems += _duplicates("gates", (f"{g.case_id} {g.gate} {g.stage}" for g in records.gates))
    for gate in records.gates:
        problems += _gate(gate, known)
    problems += _duplicates("human_case_review", (f"{r.case_id} {r.reviewer}" for r in records.case_reviews))
    for review in records.case_reviews:
        problems += _reviewed(review, known)
    problems += _duplicates(
        "human_verdict_review", (f"{r.case_id} {r.model} {r.reviewer}" for r in records.verdict_reviews)
    )
    for verdict in records.verdict_reviews:
        problems += _verdict_review(verdict, answered)
    return problems


def _duplicates(where: str, keys: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield Problem(where, f"{key!r} occurs twice")
        seen.add(key)


def _case(config: str, case: Case) -> Iterator[Problem]:
    where = f"{config}: case {case.case_id!r}"
    subtype = taxonomy.SUBTYPE_BY_ID.get(case.defeat_subtype)
    authority = taxonomy.AUTHORITY_BY_ID.get(case.authority_type)
    if case.origin not in ORIGINS:
        yield Problem(where, f"origin {case.origin!r} is not one of {ORIGINS}")
    if case.defeat_family not in _FAMILIES:
        yield Problem(where, f"unknown defeat_family {case.defeat_family!r}")
    if subtype is None:
        yield Problem(where, f"unknown defeat_subtype {case.defeat_subtype!r}")
    elif subtype.family != case.defeat_family:
        yield Problem(where, f"{subtype.id} is a subtype of {subtype.family}, not of {case.defeat_family}")
    if authority is None:
        yield Problem(where, f"unknown authority_type {case.authority_type!r}")
    elif authority.group != case.authority_group:
        yield Problem(where, f"{authority.id} belongs to {authority.group}, not to {case.authority_group!r}")
    if case.cell != taxonomy.cell(case.defeat_family, case.authority_type):
        yield Problem(where, f"cell {case.cell!r} does not follow from family and authority")
    if case.defeated != taxonomy.is_defeated(case.defeat_family):
        yield Problem(where, f"defeated is {case.defeated} in family {case.defeat_family}")
    for dimension, values in _DIMENSION_VALUES.items():
        if (value := getattr(case, dimension)) not in values:
            yield Problem(where, f"unknown {dimension} {value!r}")
    if not case.user_query.strip():
        yield Problem(where, "the query is empty")
    if not case.case_id or case.case_id.strip() != case.case_id or not case.case_id.isprintable():
        yield Problem(where, "the id is empty or holds space around it or control characters")
    yield from _dual_use(where, case.dual_use, case.dual_use_category)


def _dual_use(where: str, flagged: bool | None, category: str | None) -> Iterator[Problem]:
    if category is not None and category not in _CATEGORIES:
        yield Problem(where, f"unknown dual-use category {category!r}")
    if bool(flagged) != (category is not None):
        yield Problem(where, f"dual use is {flagged} but its category is {category!r}")


def _generated(generated: list[GeneratedCase], cases: Mapping[str, Case]) -> Iterator[Problem]:
    kept = set()
    for case in generated:
        yield from _case("generated", case)
        where = f"generated: case {case.case_id!r}"
        if case.outcome not in OUTCOMES:
            yield Problem(where, f"unknown outcome {case.outcome!r}")
        if case.outcome == KEPT:
            kept.add(case.case_id)
            if (twin := cases.get(case.case_id)) is None:
                yield Problem(where, "was kept but is not among the cases")
            elif any(getattr(twin, name) != getattr(case, name) for name in Case.__struct_fields__):
                yield Problem(where, "differs from the case of the same id")
    # A set may be put together from several origins, and the starter set's was never generated.
    origins = {case.origin for case in generated}
    for case_id in sorted(cases.keys() - kept):
        if cases[case_id].origin in origins:
            yield Problem(f"cases: case {case_id!r}", "is not among the generated cases that were kept")


_TEXTS: Final = ("policy", "user_query")
# What an answer's row repeats of its case.
_OF_CASE: Final = tuple(
    name for name in Response.__struct_fields__ if name in Case.__struct_fields__ and name != "case_id"
)


def _response(where: str, slug: str, row: Response, case: Case | None) -> Iterator[Problem]:
    where = f"{where}: case {row.case_id!r}"
    if row.model != slug:
        yield Problem(where, f"model is {row.model!r}")
    if case is None:
        yield Problem(where, "there is no case of that id")
    else:
        for name in _OF_CASE:
            if getattr(row, name) == getattr(case, name):
                continue
            if name in _TEXTS:
                yield Problem(where, f"{name} is not the case's")
            else:
                yield Problem(where, f"{name} is {getattr(row, name)!r}, the case's is {getattr(case, name)!r}")
    if row.status not in taxonomy.RESPONSE_STATUSES:
        yield Problem(where, f"unknown status {row.status!r}")
    if (row.status == taxonomy.OK) != bool(row.response):
        yield Problem(where, f"status is {row.status!r}, yet there is {'no ' if not row.response else 'an '}answer")
    if row.response_hash != (None if row.response is None else _hash(row.response)):
        yield Problem(where, "response_hash is not the hash of the answer")
    verdict = (row.response_type, row.engages_with_defeat, row.independent_harm, row.judge)
    if row.unscored_reason is None:
        if None in verdict:
            yield Problem(where, "has neither a whole verdict nor a reason for its absence")
        elif row.response_type not in _RESPONSE_TYPES:
            yield Problem(where, f"unknown response_type {row.response_type!r}")
        if row.status != taxonomy.OK:
            yield Problem(where, f"status is {row.status!r}, yet there is a verdict")
    elif row.unscored_reason not in _REASONS:
        yield Problem(where, f"unknown unscored_reason {row.unscored_reason!r}")
    elif verdict != (None, None, None, None):
        yield Problem(where, "has both a verdict and a reason for its absence")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _gate(gate: GateVerdict, cases: Mapping[str, Case]) -> Iterator[Problem]:
    where = f"gates: {gate.gate} on case {gate.case_id!r}"
    if gate.case_id not in cases:
        yield Problem(where, "there is no case of that id")
    if gate.error == (gate.passed is not None):
        yield Problem(where, f"error is {gate.error} but passed is {gate.passed}")
    # A classifier that makes a first pass names no category.
    if gate.gate == "dual_use" and not gate.error and gate.stage != "first_pass":
        yield from _dual_use(where, gate.flagged, gate.category)


def _reviewed(review: CaseReview, cases: Mapping[str, Case]) -> Iterator[Problem]:
    where = f"human_case_review: case {review.case_id!r}"
    if review.case_id not in cases:
        yield Problem(where, "there is no case of that id")
    yield from _reviewer(where, review.reviewer)


def _verdict_review(review: VerdictReview, answered: set[tuple[str, str]]) -> Iterator[Problem]:
    where = f"human_verdict_review: {review.model} on case {review.case_id!r}"
    if (review.model, review.case_id) not in answered:
        yield Problem(where, "there is no such answer")
    if review.response_type not in _RESPONSE_TYPES:
        yield Problem(where, f"unknown response_type {review.response_type!r}")
    yield from _reviewer(where, review.reviewer)


def _reviewer(where: str, reviewer: str) -> Iterator[Problem]:
    if not (reviewer.startswith("reviewer_") and reviewer.removeprefix("reviewer_").isdecimal()):
        yield Problem(where, "a reviewer is not named by number", "reviewers are published as reviewer_1, reviewer_2")
