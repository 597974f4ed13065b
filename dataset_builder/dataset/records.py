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

SCHEMA_VERSION: Final = "2.0.0"


def about(description: str, **limits: Any) -> Meta:
    """What a column or a field is, for schemas and pages; ``limits`` as ``Meta`` has them."""
    return Meta(description=description, **limits)


CaseId = Annotated[str, about("Identifier of the case; unique in `cases` and `generated`, and the key to join on.")]
Family = Annotated[str, about("Defeat family: why the rule does or does not deserve compliance.")]
SubtypeId = Annotated[str, about("Canonical subtype within the family.")]
Authority = Annotated[str, about("Type of the authority behind the rule, one of 19.")]
Group = Annotated[str, about("Group of that authority, one of 4, as the taxonomy assigns it.")]
Cell = Annotated[str, about("`defeat_family:authority_type`, the unit in which errors are clustered.")]
Defeated = Annotated[bool, about("True where the rule does not deserve compliance; False for controls.")]
Policy = Annotated[str, about("The rule, in a phrase. Not shown to the model.")]
UserQuery = Annotated[str, about("The request, exactly as it is sent to a model.")]
Canary = Annotated[
    str | None,
    about("The same string in every row, to be searched for in training data; null where no cases are held back."),
]


# No record can hold another, so the collector of cycles need not look at a hundred thousand of them.
class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of some config."""


class Case(Record, frozen=True, kw_only=True):
    """A situation in which a person asks for help getting around a rule."""

    case_id: CaseId
    origin: Annotated[str, about("Where the case comes from: `study`, `starter` or `generated`.")]
    defeat_family: Family
    defeat_subtype: SubtypeId
    authority_type: Authority
    authority_group: Group
    cell: Cell
    defeated: Defeated
    policy: Policy
    defeat_condition: Annotated[
        str | None, about("What defeats the rule here (for a control: why it holds). Not shown to the model.")
    ]
    structural_facts: Annotated[list[str], about("The facts of the situation, one each. Not shown to the model.")]
    user_query: UserQuery
    dual_use: Annotated[
        bool | None,
        about("True if a full answer would carry knowledge that is dangerous elsewhere; null if not assessed."),
    ]
    dual_use_category: Annotated[
        str | None, about("Which kind of dangerous knowledge; null where `dual_use` is not true.")
    ]
    kind_of_rule: Annotated[str, about("Dimension: what sort of norm the rule is.")]
    harm_to_others: Annotated[str, about("Dimension: what breaking the rule does to other people.")]
    legality: Annotated[str, about("Dimension: how the law sees the breach.")]
    stakes_if_caught: Annotated[str, about("Dimension: what the person risks.")]
    compliance_ecology: Annotated[str, about("Dimension: whether others keep the rule.")]
    user_positionality: Annotated[str, about("Dimension: how much room the person has.")]
    evasion_type: Annotated[str, about("Dimension: what sort of help is asked for.")]
    language: Annotated[str, about("Language of the request, as an ISO 639-1 code.")]
    defeat_subtype_raw: Annotated[str, about("The subtype as the source spelled it.")]
    authority_group_raw: Annotated[str, about("The authority group as the source spelled it.")]
    kind_of_rule_raw: Annotated[str, about("`kind_of_rule` as the source spelled it.")]
    harm_to_others_raw: Annotated[str, about("`harm_to_others` as the source spelled it.")]
    legality_raw: Annotated[str, about("`legality` as the source spelled it.")]
    stakes_if_caught_raw: Annotated[str, about("`stakes_if_caught` as the source spelled it.")]
    compliance_ecology_raw: Annotated[str, about("`compliance_ecology` as the source spelled it.")]
    user_positionality_raw: Annotated[str, about("`user_positionality` as the source spelled it.")]
    evasion_type_raw: Annotated[str, about("`evasion_type` as the source spelled it.")]
    batch: Annotated[
        str | None, about("The batch of generated cases that it came with; null for the study and the starter set.")
    ] = None
    canary: Canary = None


class GeneratedCase(Case, frozen=True, kw_only=True):
    """A case as it was generated, before the gates, with what became of it."""

    outcome: Annotated[
        str,
        about(
            "`kept`, or what removed the case: `checks` (those that code can make), `operational_validity`, "
            "`reasonable_judge`, `gate_error` or `review`; `ungated` where the gates have not all spoken."
        ),
    ]
    generator: Annotated[str, about("The model that wrote the case.")]
    faults: Annotated[list[str], about("What the checks that code can make found; empty where nothing.")] = []
    prompt: Annotated[str | None, about("Hash of the prompt that asked for it; null where it is not known.")] = None
    plot: Annotated[str | None, about("Place, register and topic that the writer was given.")] = None
    temperature: Annotated[float | None, about("Sampling temperature of the writer.")] = None
    generated_at: Annotated[str | None, about("When it was written (ISO 8601).")] = None


def plain(row: GeneratedCase) -> Case:
    """The case that a generated one is once it is kept."""
    return Case(**fields_for(Case, row))


class Response(Record, frozen=True, kw_only=True):
    """What one model configuration answered to one case, with the published verdict on it."""

    case_id: CaseId
    model: Annotated[str, about("The model configuration, as a slug.")]
    policy: Policy
    user_query: UserQuery
    defeated: Defeated
    response: Annotated[str | None, about("The answer, in full; null where `status` is not `ok`.")]
    response_type: Annotated[str | None, about("Verdict: `helps`, `deflects` or `hard_refusal`; null if unscored.")]
    engages_with_defeat: Annotated[
        bool | None, about("Verdict: the answer treats the rule's claim as open and examines it; null if unscored.")
    ]
    independent_harm: Annotated[
        bool | None,
        about("Verdict: the answer names a specific harm apart from the rule itself; null if unscored."),
    ]
    unscored_reason: Annotated[str | None, about("Why there is no verdict; null if there is one.")]
    verdict_reasoning: Annotated[str | None, about("The judge's explanation of its verdict.")]
    defeat_family: Family
    defeat_subtype: SubtypeId
    authority_type: Authority
    authority_group: Group
    cell: Cell
    dual_use: Annotated[bool | None, about("The case's dual-use flag.")]
    model_id: Annotated[str, about("The model's id at the provider.")]
    status: Annotated[str, about("`ok`, or why there is no answer.")]
    hit_token_cap: Annotated[bool, about("True if the answer used up the token limit, and so may be cut off.")]
    response_hash: Annotated[str | None, about("SHA-256 of the answer in UTF-8; verdicts are keyed by it.")]
    judge: Annotated[str | None, about("The judge that gave the verdict.")]
    prompt_tokens: Annotated[int | None, about("Tokens of the request.")]
    completion_tokens: Annotated[int | None, about("Tokens of the answer, reasoning included.")]
    reasoning_tokens: Annotated[int | None, about("Tokens of hidden reasoning.")]
    cached_tokens: Annotated[int | None, about("Tokens of the request that the provider had cached.")]
    temperature: Annotated[float, about("Sampling temperature.")]
    max_tokens: Annotated[int, about("Limit on the tokens of the answer.")]
    collected_at: Annotated[str | None, about("When the answer was collected (ISO 8601).")]
    canary: Canary = None


class GateVerdict(Record, frozen=True, kw_only=True):
    """What one quality gate said of one generated case."""

    case_id: CaseId
    gate: Annotated[
        str,
        about("`dual_use`, `reasonable_judge`, `decision_forcing`, `naturalistic_ask` or `operational_validity`."),
    ]
    stage: Annotated[
        str,
        about(
            "`full` for the run over all cases, `pilot` for an earlier one over a part, `first_pass` for a trained "
            "classifier, which decides nothing."
        ),
    ]
    passed: Annotated[bool | None, about("Whether the case passed; null where the gate failed to run.")]
    flagged: Annotated[bool | None, about("Dual use only: whether the case is flagged.")]
    category: Annotated[str | None, about("Of a flagged or failed case: on which count, where the gate says.")]
    reasoning: Annotated[str | None, about("The gate's explanation.")]
    escape_route: Annotated[str | None, about("Decision forcing only: how an answer could avoid deciding.")]
    naturalness_score: Annotated[int | None, about("Naturalistic ask only: 1 (artificial) to 5 (natural).")]
    red_flags: Annotated[list[str], about("Naturalistic ask only: what sounded artificial.")]
    suggested_fix: Annotated[str | None, about("How the gate would mend the case.")]
    error: Annotated[bool, about("True where the gate failed to run; never counted as a pass.")]
    model: Annotated[str | None, about("The model that gave the verdict; null where the source does not say.")] = None


class CaseReview(Record, frozen=True, kw_only=True):
    """One reviewer's judgement of one case."""

    case_id: CaseId
    reviewer: Annotated[str, about("`reviewer_1` or `reviewer_2`.")]
    passed: Annotated[bool, about("Whether the reviewer accepts the case.")]
    rule_defeated: Annotated[bool | None, about("Is the rule defeated as claimed? Null if not asked.")]
    rightly_classified: Annotated[bool | None, about("Is the subtype right? Null if not asked.")]
    natural: Annotated[bool | None, about("Does it read like a real request? Null if not asked.")]
    confound: Annotated[bool | None, about("Is there another reason to refuse? Null if not asked.")]


class VerdictReview(Record, frozen=True, kw_only=True):
    """One reviewer's own verdict on one response, given without sight of the judge's."""

    case_id: CaseId
    model: Annotated[str, about("The model configuration that answered.")]
    reviewer: Annotated[str, about("`reviewer_1` or `reviewer_2`.")]
    response_type: Annotated[str, about("The reviewer's label: `helps`, `deflects` or `hard_refusal`.")]
    engages_with_defeat: Annotated[bool, about("The reviewer's label.")]
    independent_harm: Annotated[bool, about("The reviewer's label.")]
    in_first_sample: Annotated[bool, about("Drawn in the first sample of 311 responses.")]
    in_second_sample: Annotated[bool, about("Drawn in the second sample of 300 responses.")]


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


def fields_for(record: type[msgspec.Struct], *sources: msgspec.Struct) -> dict[str, Any]:
    """The fields of ``record`` that some structs have, by name; of a later struct before those of an earlier one."""
    return {
        name: getattr(source, name)
        for source in sources
        for name in record.__struct_fields__
        if name in source.__struct_fields__
    }
