"""The records of the dataset: their columns, each with its type and its description.

A record is a msgspec Struct, so that the same definition decodes and validates JSON, gives
the Parquet schema (``columns_of``) and fills the dataset card. Change a record and
``SCHEMA_VERSION`` changes with it.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

SCHEMA_VERSION: Final = "1.1.0"


def _text(description: str) -> Meta:
    return Meta(description=description)


CaseId = Annotated[str, _text("Identifier of the case; unique in `cases` and `generated`, and the key to join on.")]
Family = Annotated[str, _text("Defeat family: why the rule does or does not deserve compliance.")]
SubtypeId = Annotated[str, _text("Canonical subtype within the family.")]
Authority = Annotated[str, _text("Type of the authority behind the rule, one of 19.")]
Group = Annotated[str, _text("Group of that authority, one of 4, as the taxonomy assigns it.")]


# No record can hold another, so the collector of cycles need not look at a hundred thousand of them.
class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of some config."""


class Case(Record, frozen=True, kw_only=True):
    """A situation in which a person asks for help getting around a rule."""

    case_id: CaseId
    origin: Annotated[str, _text("Where the case comes from: `study`, `starter` or `generated`.")]
    defeat_family: Family
    defeat_subtype: SubtypeId
    authority_type: Authority
    authority_group: Group
    cell: Annotated[str, _text("`defeat_family:authority_type`, the unit in which errors are clustered.")]
    defeated: Annotated[bool, _text("True where the rule does not deserve compliance; False for controls.")]
    policy: Annotated[str, _text("The rule, in a phrase. Not shown to the model.")]
    defeat_condition: Annotated[
        str | None, _text("What defeats the rule here (for a control: why it holds). Not shown to the model.")
    ]
    structural_facts: Annotated[list[str], _text("The facts of the situation, one each. Not shown to the model.")]
    user_query: Annotated[str, _text("The request, exactly as it is sent to a model.")]
    dual_use: Annotated[
        bool | None,
        _text("True if a full answer would carry knowledge that is dangerous elsewhere; null if not assessed."),
    ]
    dual_use_category: Annotated[
        str | None, _text("Which kind of dangerous knowledge; null where `dual_use` is not true.")
    ]
    kind_of_rule: Annotated[str, _text("Dimension: what sort of norm the rule is.")]
    harm_to_others: Annotated[str, _text("Dimension: what breaking the rule does to other people.")]
    legality: Annotated[str, _text("Dimension: how the law sees the breach.")]
    stakes_if_caught: Annotated[str, _text("Dimension: what the person risks.")]
    compliance_ecology: Annotated[str, _text("Dimension: whether others keep the rule.")]
    user_positionality: Annotated[str, _text("Dimension: how much room the person has.")]
    evasion_type: Annotated[str, _text("Dimension: what sort of help is asked for.")]
    language: Annotated[str, _text("Language of the request, as an ISO 639-1 code.")]
    defeat_subtype_raw: Annotated[str, _text("The subtype as the source spelled it.")]
    authority_group_raw: Annotated[str, _text("The authority group as the source spelled it.")]
    kind_of_rule_raw: Annotated[str, _text("`kind_of_rule` as the source spelled it.")]
    harm_to_others_raw: Annotated[str, _text("`harm_to_others` as the source spelled it.")]
    legality_raw: Annotated[str, _text("`legality` as the source spelled it.")]
    stakes_if_caught_raw: Annotated[str, _text("`stakes_if_caught` as the source spelled it.")]
    compliance_ecology_raw: Annotated[str, _text("`compliance_ecology` as the source spelled it.")]
    user_positionality_raw: Annotated[str, _text("`user_positionality` as the source spelled it.")]
    evasion_type_raw: Annotated[str, _text("`evasion_type` as the source spelled it.")]
    batch: Annotated[
        str | None, _text("The batch of generated cases that it came with; null for the study and the starter set.")
    ] = None
    canary: Annotated[
        str | None,
        _text("The same string in every row, to be searched for in training data; null where no cases are held back."),
    ] = None


class GeneratedCase(Case, frozen=True, kw_only=True):
    """A case as it was generated, before the gates, with what became of it."""

    outcome: Annotated[
        str,
        _text(
            "`kept`, or what removed the case: `checks` (those that code can make), `operational_validity`, "
            "`reasonable_judge`, `gate_error` or `review`; `ungated` where the gates have not all spoken."
        ),
    ]
    generator: Annotated[str, _text("The model that wrote the case.")]
    faults: Annotated[list[str], _text("What the checks that code can make found; empty where nothing.")] = []
    prompt: Annotated[str | None, _text("Hash of the prompt that asked for it; null where it is not known.")] = None
    plot: Annotated[str | None, _text("Place, register and topic that the writer was given.")] = None
    temperature: Annotated[float | None, _text("Sampling temperature of the writer.")] = None
    generated_at: Annotated[str | None, _text("When it was written (ISO 8601).")] = None


def plain(row: GeneratedCase) -> Case:
    """The case that a generated one is once it is kept."""
    return Case(**{name: getattr(row, name) for name in Case.__struct_fields__})


class Response(Record, frozen=True, kw_only=True):
    """What one model configuration answered to one case, with the published verdict on it."""

    case_id: CaseId
    model: Annotated[str, _text("The model configuration, as a slug.")]
    model_id: Annotated[str, _text("The model's id at the provider.")]
    defeat_family: Family
    defeat_subtype: SubtypeId
    authority_type: Authority
    authority_group: Group
    dual_use: Annotated[bool | None, _text("The case's dual-use flag.")]
    status: Annotated[str, _text("`ok`, or why there is no answer.")]
    response: Annotated[str | None, _text("The answer, in full; null where `status` is not `ok`.")]
    response_hash: Annotated[str | None, _text("SHA-256 of the answer in UTF-8; verdicts are keyed by it.")]
    hit_token_cap: Annotated[bool, _text("True if the answer used up the token limit, and so may be cut off.")]
    response_type: Annotated[str | None, _text("Verdict: `helps`, `deflects` or `hard_refusal`; null if unscored.")]
    engages_with_defeat: Annotated[
        bool | None, _text("Verdict: the answer treats the rule's claim as open and examines it; null if unscored.")
    ]
    independent_harm: Annotated[
        bool | None, _text("Verdict: the answer names a specific harm apart from the rule itself; null if unscored.")
    ]
    unscored_reason: Annotated[str | None, _text("Why there is no verdict; null if there is one.")]
    verdict_reasoning: Annotated[str | None, _text("The judge's explanation of its verdict.")]
    judge: Annotated[str | None, _text("The judge that gave the verdict.")]
    prompt_tokens: Annotated[int | None, _text("Tokens of the request.")]
    completion_tokens: Annotated[int | None, _text("Tokens of the answer, reasoning included.")]
    reasoning_tokens: Annotated[int | None, _text("Tokens of hidden reasoning.")]
    cached_tokens: Annotated[int | None, _text("Tokens of the request that the provider had cached.")]
    temperature: Annotated[float, _text("Sampling temperature.")]
    max_tokens: Annotated[int, _text("Limit on the tokens of the answer.")]
    collected_at: Annotated[str | None, _text("When the answer was collected (ISO 8601).")]


class GateVerdict(Record, frozen=True, kw_only=True):
    """What one quality gate said of one generated case."""

    case_id: CaseId
    gate: Annotated[
        str, _text("`dual_use`, `reasonable_judge`, `decision_forcing`, `naturalistic_ask` or `operational_validity`.")
    ]
    stage: Annotated[
        str,
        _text(
            "`full` for the run over all cases, `pilot` for an earlier one over a part, `first_pass` for a trained "
            "classifier, which decides nothing."
        ),
    ]
    passed: Annotated[bool | None, _text("Whether the case passed; null where the gate failed to run.")]
    flagged: Annotated[bool | None, _text("Dual use only: whether the case is flagged.")]
    category: Annotated[str | None, _text("Of a flagged or failed case: on which count, where the gate says.")]
    reasoning: Annotated[str | None, _text("The gate's explanation.")]
    escape_route: Annotated[str | None, _text("Decision forcing only: how an answer could avoid deciding.")]
    naturalness_score: Annotated[int | None, _text("Naturalistic ask only: 1 (artificial) to 5 (natural).")]
    red_flags: Annotated[list[str], _text("Naturalistic ask only: what sounded artificial.")]
    suggested_fix: Annotated[str | None, _text("How the gate would mend the case.")]
    error: Annotated[bool, _text("True where the gate failed to run; never counted as a pass.")]
    model: Annotated[str | None, _text("The model that gave the verdict; null where the source does not say.")] = None


class CaseReview(Record, frozen=True, kw_only=True):
    """One reviewer's judgement of one case."""

    case_id: CaseId
    reviewer: Annotated[str, _text("`reviewer_1` or `reviewer_2`.")]
    passed: Annotated[bool, _text("Whether the reviewer accepts the case.")]
    rule_defeated: Annotated[bool | None, _text("Is the rule defeated as claimed? Null if not asked.")]
    rightly_classified: Annotated[bool | None, _text("Is the subtype right? Null if not asked.")]
    natural: Annotated[bool | None, _text("Does it read like a real request? Null if not asked.")]
    confound: Annotated[bool | None, _text("Is there another reason to refuse? Null if not asked.")]


class VerdictReview(Record, frozen=True, kw_only=True):
    """One reviewer's own verdict on one response, given without sight of the judge's."""

    case_id: CaseId
    model: Annotated[str, _text("The model configuration that answered.")]
    reviewer: Annotated[str, _text("`reviewer_1` or `reviewer_2`.")]
    response_type: Annotated[str, _text("The reviewer's label: `helps`, `deflects` or `hard_refusal`.")]
    engages_with_defeat: Annotated[bool, _text("The reviewer's label.")]
    independent_harm: Annotated[bool, _text("The reviewer's label.")]
    in_first_sample: Annotated[bool, _text("Drawn in the first sample of 311 responses.")]
    in_second_sample: Annotated[bool, _text("Drawn in the second sample of 300 responses.")]


class Records(msgspec.Struct, kw_only=True):
    """Everything that a source yields, in the source's own order."""

    cases: list[Case]
    generated: list[GeneratedCase] = []
    responses: dict[str, list[Response]] = {}
    gates: list[GateVerdict] = []
    case_reviews: list[CaseReview] = []
    verdict_reviews: list[VerdictReview] = []


class Column(NamedTuple):
    """A column: its name, Python type (``str``, ``int``, ``float``, ``bool`` or ``list[str]``), and description."""

    name: str
    type: Any
    nullable: bool
    description: str


@cache
def columns_of(record: type[Record]) -> tuple[Column, ...]:
    """The columns of a record, in order, derived from its annotations."""
    hints = get_type_hints(record, include_extras=True)
    columns = []
    for name in record.__struct_fields__:
        hint, description = hints[name], ""
        if get_origin(hint) is Annotated:
            hint, *metas = get_args(hint)
            description = next(m.description for m in metas if isinstance(m, Meta) and m.description)
        nullable = get_origin(hint) in (Union, types.UnionType)
        if nullable:
            (hint,) = (t for t in get_args(hint) if t is not type(None))
        columns.append(Column(name, hint, nullable, description))
    return tuple(columns)
