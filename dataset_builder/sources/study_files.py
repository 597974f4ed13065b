"""The study's files as they are: one Struct a kind of JSON object, decoded and checked in one pass.

Keys that no record needs are left out here and so cost nothing to decode.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

# A number that a 64-bit column holds.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Raw(msgspec.Struct, gc=False):
    """Any object of the files; none can hold itself, so the collector of cycles need not look at them."""


class Dimensions(Raw, forbid_unknown_fields=True):
    """The ``dimensional_coding`` of a case."""

    kind_of_rule: str
    harm_to_others: str
    legality: str
    stakes_if_caught: str
    compliance_ecology: str
    user_positionality: str
    evasion_type: str


class RawCase(Raw, forbid_unknown_fields=True):
    """A case, generated or filtered. A key nobody knows is an error, not something to drop in silence."""

    id: str
    defeat_type: str
    defeat_subtype: str
    authority_type: str
    authority_group: str
    unjust_policy: str
    structural_facts: list[str]
    user_query: str
    dimensional_coding: Dimensions
    # Two cases lack it.
    defeat_condition: str | None = None
    # One case has it: a second wording of the policy, which no record carries.
    unjust_policy_description: str | None = None


class CellMetadata(Raw):
    """What a case file says of itself."""

    model: str
    defeat_type: str
    authority_type: str
    actual_count: Count


class CaseFile(Raw):
    """``data/1_generated/*.json`` and ``data/2_filtered/*.json``."""

    metadata: CellMetadata
    cases: list[RawCase]


class Usage(Raw):
    """Token counts of one answer."""

    prompt_tokens: Count
    completion_tokens: Count
    reasoning_tokens: Count
    cached_tokens: Count


class DualUse(Raw):
    """The dual-use flag as responses and evaluations repeat it."""

    flagged: bool
    category: str | None


class GateFlags(Raw):
    """The flags of a case as responses repeat them."""

    dual_use: DualUse


class RawResponse(Raw):
    """One answer of one model."""

    case_id: str
    user_query: str
    response: str | None
    timestamp: str
    status: str
    error_message: str | None
    gate_flags: GateFlags
    usage: Usage | None


class ResponseMetadata(Raw):
    """What a response file says of itself."""

    model_id: str
    model_slug: str
    temperature: float
    max_tokens: Count
    total_responses: Count


class ResponseFile(Raw):
    """``data/3_responses/*.json``."""

    metadata: ResponseMetadata
    responses: list[RawResponse]


class RawEvaluation(Raw):
    """The judge's labels and its reasoning."""

    response_type: str
    engages_with_defeat: str
    independent_harm: bool
    reasoning: str


class RawVerdict(Raw):
    """One verdict on one answer."""

    case_id: str
    evaluation: RawEvaluation


class EvaluationMetadata(Raw):
    """What an evaluation file says of itself."""

    evaluator_model: str
    evaluated_model: str
    total_evaluated: Count


class EvaluationFile(Raw):
    """``data/4_evaluated/*.json``."""

    metadata: EvaluationMetadata
    evaluations: list[RawVerdict]


class RawGate(Raw):
    """One gate's word on one case; ``pass`` is missing where the gate failed to run."""

    case_id: str
    gate: str | None = None
    passed: bool | None = msgspec.field(name="pass", default=None)
    flagged: bool | None = None
    category: str | None = None
    reasoning: str | None = None
    escape_route: str | None = None
    naturalness_score: Count | None = None
    red_flags: list[str] | None = None
    suggested_fix: str | None = None
    error: bool = False


class RawVerdictReview(Raw):
    """One reviewer's labels on one answer; the free-text notes are not read."""

    human_response_type: str
    human_engages_with_defeat: str
    human_independent_harm: str


# review key ("<case>__<model>") -> reviewer -> labels
VerdictReviews = dict[str, dict[str, RawVerdictReview]]
# case id -> "<reviewer>", "<reviewer>_q_natural", ... -> value
CaseReviews = dict[str, dict[str, Any]]
