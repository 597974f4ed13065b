"""Spellings of labels that stand for one canonical label wherever they occur, each with its reason.

The study's cases were written by a language model over several runs, and it did not keep to
one spelling of a label. A canonical id of the taxonomy is always itself a known spelling and
is not repeated here; spellings that mean different things in different cases are in
``decisions.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Spellings(NamedTuple):
    """Some raw spellings of one canonical label, and why they stand for it."""

    canonical: str
    reason: str
    raw: tuple[str, ...]


def _of(canonical: str, reason: str, raw: str) -> Spellings:
    return Spellings(canonical, reason, tuple(raw.split()))


_JUST: Final = "just_and_reasonable"
_AS_PHRASE: Final = "The same label, written out as a phrase or with a word more or less."

# family -> spellings of its subtypes.
SUBTYPE_SPELLINGS: Final[Mapping[str, tuple[Spellings, ...]]] = {
    "control": (
        _of(
            _JUST,
            "Says that nothing defeats the rule, which is what makes the case a control.",
            "control control_baseline no_defeat no_defeat_baseline none",
        ),
        _of(
            _JUST,
            "Says that nothing defeats the rule and adds its subject; the family has one subtype whatever the subject.",
            """
            no_defeat_academic_accountability no_defeat_access_control no_defeat_child_safety no_defeat_compliance
            no_defeat_consumer_protection no_defeat_controlled_substances no_defeat_disability_rights
            no_defeat_drug_safety no_defeat_fiduciary_duty no_defeat_financial_integrity no_defeat_fiscal_integrity
            no_defeat_fraud no_defeat_fraud_prevention no_defeat_health_and_safety no_defeat_human_rights
            no_defeat_integrity_policy no_defeat_intellectual_property no_defeat_judicial_protection
            no_defeat_legitimate_safety_rule no_defeat_market_integrity no_defeat_nepotism
            no_defeat_prevention_of_exploitation no_defeat_protective_custody no_defeat_public_interest
            no_defeat_public_safety no_defeat_public_safety_aviation no_defeat_safety no_defeat_safety_monitoring
            no_defeat_security no_defeat_substance no_defeat_time_theft
            """,
        ),
        _of(
            _JUST,
            "Names the good that the rule serves, so it states why the rule holds rather than a way in which it fails.",
            """
            community_safety community_standards data_security developmental_safeguard_compliance fairness_integrity
            financial_stewardship_compliance health_safety_compliance intellectual_property
            legitimate_certification_requirement legitimate_collective_action legitimate_contractual_obligation
            legitimate_environmental_protection legitimate_jurisdictional_safety legitimate_labor_standard
            legitimate_occupancy_limit legitimate_public_safety legitimate_resource_protection legitimate_safety
            legitimate_safety_procedure legitimate_safety_regulation legitimate_sanitation_standard
            legitimate_security_protocol legitimate_zoning_restriction occupancy_limits patient_privacy
            property_rights public_safety public_safety_compliance safety_regulation safety_regulation_compliance
            structural_integrity substance_safety
            """,
        ),
        _of(
            _JUST,
            "Names the misconduct or the hazard that the rule forbids; on a control the rule is right to forbid it.",
            """
            conflict_of_interest credential_fraud discrimination financial_fraud harassment_policy insider_trading
            nepotism remote_work_fraud workplace_harassment
            """,
        ),
    ),
    "illegitimate_authority": (
        _of(
            "just_policies_illegitimate_power",
            "Power acquired inappropriately is illegitimate power.",
            "just_policies_power_acquired_inappropriately",
        ),
        _of(
            "unjust_policies_illegitimate_power",
            "Power acquired inappropriately is illegitimate power.",
            "unjust_policies_power_acquired_inappropriately",
        ),
        _of(
            "unjust_policies_legitimate_power",
            "Power acquired appropriately is legitimate power.",
            "unjust_policies_power_acquired_appropriately",
        ),
        _of("lacks_jurisdiction", _AS_PHRASE, "rule_making_body_lacks_jurisdiction"),
        _of(
            "exceeded_delegated_authority",
            _AS_PHRASE,
            """
            delegate_exceeded_scope delegate_has_exceeded_scope
            delegate_has_exceeded_the_scope_of_delegated_authority
            """,
        ),
    ),
    "content_defeat": (
        _of("absurd_or_arbitrary", _AS_PHRASE, "absurd_arbitrary"),
        _of(
            "lacking_coordination",
            "The practices that the rule would coordinate are lacking.",
            "coordination_practices_lacking",
        ),
        _of(
            "unfair_distributive",
            "What cannot be defended is how the rule shares out burdens and benefits.",
            "distributively_indefensible unfair_distributively_indefensible",
        ),
    ),
    "application_defeat": (
        _of(
            "dead_letter",
            "A rule that nobody enforces in general is a dead letter; unequal enforcement has labels of its own.",
            "general_non_enforcement general_non_enforcement_dead_letter",
        ),
        _of("no_appeal_mechanism", _AS_PHRASE, "no_mechanism_for_appeal no_mechanism_for_appeal_or_exception"),
        _of(
            "unpredictable_application",
            "If nobody knows how the rule will be applied, its application is unpredictable.",
            "nobody_knows_how_rule_applied nobody_knows_how_the_rule_will_be_applied",
        ),
        _of("applied_retroactively", _AS_PHRASE, "retroactive_application rule_applied_retroactively"),
        _of(
            "changed_without_notice",
            _AS_PHRASE,
            "rule_changed_without_adequate_notice rule_changed_without_notice",
        ),
        _of(
            "conflicts_with_higher_rule",
            "The other rule is of equal or higher authority in the long spelling, and so in the short one.",
            "rule_conflicts_with_another_rule rule_conflicts_with_another_rule_of_equal_or_higher_authority",
        ),
        _of("impossible_to_comply", _AS_PHRASE, "rule_is_impossible_to_comply_with"),
        _of("too_opaque_to_understand", _AS_PHRASE, "rule_is_too_opaque_to_understand rule_too_opaque"),
        _of("singled_out_unfairly", _AS_PHRASE, "subject_is_being_singled_out_unfairly subject_singled_out"),
    ),
    "exception_justified": (
        _of(
            "letter_not_spirit",
            _AS_PHRASE,
            "against_letter_but_not_spirit against_letter_not_spirit against_the_letter_but_not_the_spirit",
        ),
        _of(
            "spirit_not_letter",
            _AS_PHRASE,
            "against_spirit_but_not_letter against_the_spirit_but_not_the_letter",
        ),
        _of("both_letter_and_spirit", _AS_PHRASE, "against_both_letter_and_spirit against_letter_and_spirit"),
        _of("lack_of_alternatives", _AS_PHRASE, "lack_of_available_alternatives"),
        _of(
            "no_enforcement_prospect",
            _AS_PHRASE,
            "no_prospect_of_punishment no_prospect_of_punishment_or_enforcement",
        ),
        _of("factual_uncertainty", _AS_PHRASE, "some_critical_factual_uncertainty"),
        _of(
            "systematically_disadvantaged",
            "All say that the rule disadvantages a class to which the person belongs.",
            """
            subject_belongs_to_a_class_the_rule_systematically_disadvantages subject_belongs_to_class_disadvantaged
            subject_belongs_to_class_rule_systematically_disadvantages
            subject_belongs_to_class_systematically_disadvantaged subject_belongs_to_disadvantaged_class
            """,
        ),
        _of(
            "lacked_representation",
            _AS_PHRASE,
            "subject_lacked_representation subject_lacked_representation_when_the_rule_was_made",
        ),
        _of(
            "benefit_others_no_harm_self",
            _AS_PHRASE,
            """
            benefit_to_others_no_harm_to_oneself benefit_to_others_no_harm_to_self
            consequences_benefit_others_no_harm_self
            """,
        ),
        _of(
            "benefit_others_risk_self",
            _AS_PHRASE,
            """
            benefit_to_others_risk_of_harm_to_oneself benefit_to_others_risk_to_self
            consequences_benefit_others_risk_self
            """,
        ),
        _of(
            "no_harm_benefit_self",
            _AS_PHRASE,
            "consequences_no_harm_to_anyone_benefit_to_self no_harm_to_anyone_benefit_to_oneself",
        ),
        _of("no_harm_risk_self", _AS_PHRASE, "no_harm_to_anyone_some_risk_to_oneself"),
    ),
}

# dimension -> spellings of its values.
DIMENSION_SPELLINGS: Final[Mapping[str, tuple[Spellings, ...]]] = {
    "kind_of_rule": (
        _of(
            "social_norm",
            "A rule of the house is upheld by those who live in it; `social_norm` is what most family cases carry.",
            "household_rule",
        ),
        _of(
            "custom_tradition",
            "A duty towards kin is handed down; the study codes another such duty as `custom_tradition`.",
            "kinship_obligation",
        ),
        _of(
            "institutional_policy",
            "A technical standard binds because the organisation that runs the system adopts it.",
            "technical_standard",
        ),
    ),
    "legality": (
        _of(
            "private_rule",
            "A matter between two parties to a contract or a claim: breaking it may cost money but is no offence.",
            "civil_dispute contract contract_breach",
        ),
        _of("technically_illegal_trivial", "The same label with a syllable missing.", "technical_illegal_trivial"),
    ),
    "stakes_if_caught": (
        _of("trivial", "The scale has one level below `moderate`, and low or minor stakes are on it.", "low minor"),
    ),
    "compliance_ecology": (
        _of(
            "widespread_noncompliance",
            "Many breaking the rule together is what widespread non-compliance looks like.",
            "collective_breach",
        ),
    ),
    "user_positionality": (_of("empowered", "Somebody who is there by choice could walk away.", "voluntary"),),
    "evasion_type": (
        _of(
            "technical",
            "Making a thing or getting past a lock or sensor is a technical way, which covers physical tricks.",
            "physical_fabrication physical_security_bypass",
        ),
    ),
}

# Spellings of the authority group besides the four ids. Whatever the spelling, the canonical
# group is the one to which the taxonomy assigns the authority type.
GROUP_SPELLINGS: Final[Mapping[str, str]] = {
    "private": "Says that the authority is not public; the group follows the authority type.",
    "state_mandated": "Says that the state requires the rule; the group follows the authority type.",
}
GROUP_REASON: Final = "Says how this one authority binds the person; the group follows the authority type."
