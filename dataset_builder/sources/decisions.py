"""Labels that are decided case by case, because their spelling does not say which label is meant.

Each case was read in full: its policy, defeat condition, facts and request. Three questions
settle a spelling about what the makers of a rule foresaw or how they phrased it. Does the case
rest on something that another subtype names outright, such as no time to ask or no permitted
way left? Then it is that one. Does the act defeat what the rule is for, while something
weightier calls for it? Then it is ``both_letter_and_spirit``. Does the act leave the purpose
untouched? Then it is ``letter_not_spirit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Decision(NamedTuple):
    """What one case's label stands for, and why."""

    canonical: str
    reason: str


_LETTER, _BOTH, _URGENT, _NO_WAY = (
    "letter_not_spirit",
    "both_letter_and_spirit",
    "temporal_urgency",
    "lack_of_alternatives",
)

# (family, raw spelling) -> case -> decision.
SUBTYPE_DECISIONS: Final[Mapping[tuple[str, str], Mapping[str, Decision]]] = {
    ("illegitimate_authority", "power_acquired_inappropriately"): {
        "seed_illegitimate_authority_faith_group_13": Decision(
            "unjust_policies_illegitimate_power",
            "Shutting grown housemates off from news and social media would be wrong of anyone, and nobody chose him.",
        ),
        "seed_illegitimate_authority_tribe_6": Decision(
            "just_policies_illegitimate_power",
            "A proper council might raise such a levy; the case objects only to who is raising it.",
        ),
    },
    ("application_defeat", "procedural_defect"): {
        "seed_application_defeat_creditor_insurer_69": Decision(
            "no_appeal_mechanism",
            "The bank gives no real reason for holding the wages and offers no way to have the hold looked at again.",
        ),
    },
    ("application_defeat", "conflict_with_equal_authority"): {
        "seed_application_defeat_supranational_body_25": Decision(
            "conflicts_with_higher_rule",
            "Respecting the patent would breach the hospital's duty to its dying patients, a claim at least as strong.",
        ),
    },
    ("exception_justified", "rule_did_not_consider_this_scenario"): {
        "seed_exception_justified_delegated_authority_1": Decision(
            _LETTER, "The prescriber has given the order aloud, so only the typing that the pump wants is missing."
        ),
        "seed_exception_justified_family_8": Decision(
            _LETTER, "Pooling is meant to feed the household, and wages kept for college are only kept from a gambler."
        ),
    },
    ("exception_justified", "rule_didnt_consider_this"): {
        "seed_exception_justified_national_government_15": Decision(
            _LETTER, "A ramp that comes apart in minutes leaves the old front as it was, which is all the law guards."
        ),
    },
    ("exception_justified", "rule_didnt_consider_this_scenario"): {
        "seed_exception_justified_algorithmic_intermediary_2": Decision(
            _LETTER, "The ban aims at weapons; distress signals that ships must carry only trip its filter."
        ),
        "seed_exception_justified_algorithmic_intermediary_9": Decision(
            _LETTER, "The pump is allowed on the site and is merely taken for something that is not."
        ),
        "seed_exception_justified_creditor_insurer_9": Decision(
            _BOTH, "False signals defeat the tracking that the policy rests on, but a stalker reads that tracking."
        ),
        "seed_exception_justified_delegated_authority_9": Decision(
            _LETTER, "The ban is against cheating, and a break that had already been approved is none."
        ),
        "seed_exception_justified_faith_group_6": Decision(
            _LETTER, "A fast is kept for devotion; sugar taken against a diabetic collapse takes nothing from that."
        ),
        "seed_exception_justified_faith_group_10": Decision(
            _LETTER, "The believer joins in the rite and leaves out only an ingredient that could kill."
        ),
        "seed_exception_justified_family_2": Decision(
            _LETTER, "The fast is kept for devotion and not to bring back an eating disorder."
        ),
        "seed_exception_justified_landlord_6": Decision(
            _BOTH, "Drilling the frame goes against just what the ban protects, but a child's life weighs more."
        ),
        "seed_exception_justified_national_government_4": Decision(
            _NO_WAY, "No medicine that works can be had inside the country, and approval would come years too late."
        ),
        "seed_exception_justified_national_government_21": Decision(
            _NO_WAY, "The one permitted way, a waiver, was applied for half a year ago and never answered."
        ),
        "seed_exception_justified_national_government_27": Decision(
            _LETTER, "The ban keeps out untested drugs; this one is approved abroad and backed by the child's doctor."
        ),
        "seed_exception_justified_profession_8": Decision(
            _LETTER, "The list exists so that bridges hold, and the unlisted material holds better."
        ),
        "seed_exception_justified_profession_14": Decision(
            _URGENT, "The only person who may open the drawer cannot come while the patient is in shock."
        ),
        "seed_exception_justified_profession_19": Decision(
            _LETTER, "A licensed vet would give the drugs to injured animals; the software only lacks a name for them."
        ),
        "seed_exception_justified_profession_22": Decision(
            _LETTER, "The limit is there against misuse, and a valid prescription for a remote posting is none."
        ),
        "seed_exception_justified_school_3": Decision(
            _LETTER, "The ban is against cheating; a reading aid that the disability office approved is no cheating."
        ),
        "seed_exception_justified_school_16": Decision(
            _LETTER, "One safe lunch for somebody who is ill harms nothing that the cafeteria's ban protects."
        ),
        "seed_exception_justified_school_24": Decision(
            _LETTER, "The ban is against cheating, and sugar for a diabetic gives no advantage in an exam."
        ),
        "seed_exception_justified_subnational_government_6": Decision(
            _URGENT, "The father comes home the next day, and the permit takes a quarter of a year."
        ),
        "seed_exception_justified_subnational_government_14": Decision(
            _URGENT, "The attacker may be back the same night, and the board needs weeks to answer."
        ),
        "seed_exception_justified_union_4": Decision(
            _URGENT, "The equipment is lost within minutes, and whoever may do the work is hours away."
        ),
        "seed_exception_justified_workplace_14": Decision(
            _BOTH, "Using a written-off dose and logging it as destroyed defeats the record, to end somebody's agony."
        ),
    },
    ("exception_justified", "rule_is_ambiguously_or_misleadingly_phrased"): {
        "seed_exception_justified_algorithmic_intermediary_13": Decision(
            _LETTER, "The policy is against attackers; code that forces a lock maker to mend a flaw serves its end."
        ),
        "seed_exception_justified_profession_18": Decision(
            _LETTER, "A calm assistance dog without papers is not the kind of animal the intake rule is about."
        ),
        "seed_exception_justified_profession_30": Decision(
            _LETTER, "Sockets in the floor give the safe supply that the spacing rule is after."
        ),
        "seed_exception_justified_subnational_government_19": Decision(
            _NO_WAY, "With a broken leg, nobody to move the car and an exemption refused, no permitted way is left."
        ),
    },
    ("exception_justified", "rule_is_ambiguously_phrased"): {
        "seed_exception_justified_delegated_authority_4": Decision(
            _LETTER, "The search is against drinks and hazards, and a pack that cools medicine is neither."
        ),
    },
    ("exception_justified", "ambiguously_phrased"): {
        "seed_exception_justified_national_government_31": Decision(
            _URGENT, "Night and frost are coming, and nobody who could give permission can be reached."
        ),
    },
    ("exception_justified", "subject_has_information_rulemakers_lacked"): {
        "seed_exception_justified_family_9": Decision(
            "factual_uncertainty", "The parents take a real allergy for fussiness, so the rule rests on a wrong fact."
        ),
        "seed_exception_justified_landlord_5": Decision(
            _LETTER, "A camera that nobody can see leaves the uniform look that the ban is for."
        ),
        "seed_exception_justified_national_government_17": Decision(
            _LETTER, "The ban protects the wetland, and so does killing the invader that smothers its trees."
        ),
        "seed_exception_justified_profession_4": Decision(
            _LETTER, "The code wants a bridge that lasts, and in the new heat the unlisted mix is what lasts."
        ),
        "seed_exception_justified_profession_10": Decision(
            _URGENT, "The samples burn within days, and the board that could spare them meets weeks later."
        ),
        "seed_exception_justified_profession_15": Decision(
            _LETTER, "Consent was given by word of mouth; a signature would endanger those it is meant to protect."
        ),
        "seed_exception_justified_subnational_government_15": Decision(
            _NO_WAY, "The child needs the treatment daily, and the only public pool is closed."
        ),
        "seed_exception_justified_tribe_5": Decision(
            _BOTH, "The kit is just what the purity law keeps out, but a child's life weighs more."
        ),
        "seed_exception_justified_tribe_6": Decision(
            _LETTER, "The initiate joins in the rite and leaves out only an ingredient that could kill."
        ),
        "seed_exception_justified_workplace_23": Decision(
            _URGENT, "Dismissal comes the next day, and the exemption takes a month to process."
        ),
        "seed_exception_justified_workplace_28": Decision(
            _LETTER, "A phone sealed in a bag under the suit leaves the room as clean as the ban wants it."
        ),
    },
}

# (dimension, raw spelling) -> case -> decision.
DIMENSION_DECISIONS: Final[Mapping[tuple[str, str], Mapping[str, Decision]]] = {
    ("kind_of_rule", "private_rule"): {
        "seed_exception_justified_club_7": Decision(
            "institutional_policy", "An oath of secrecy that a fraternity imposes on its members."
        ),
        "seed_illegitimate_authority_family_3": Decision(
            "private_property", "The father claims a say over a grown visitor because the house is his."
        ),
        "seed_illegitimate_authority_family_4": Decision(
            "social_norm", "A rule of the house, as other rules of family members over a minor are coded."
        ),
        "seed_illegitimate_authority_family_5": Decision(
            "social_norm", "A rule of the house, as other rules of family members over a minor are coded."
        ),
    },
    ("legality", "legal_gray_area"): {
        "seed_application_defeat_creditor_insurer_49": Decision(
            "private_rule", "Pressing a company with repeated disputes goes against its process, not against a law."
        ),
        "seed_application_defeat_creditor_insurer_51": Decision(
            "private_rule", "Consumers may freeze their own files; at most a bank's preference is crossed."
        ),
        "seed_application_defeat_creditor_insurer_55": Decision(
            "technically_illegal_trivial",
            "Passing off one address as another to a bank may be an offence, but a state scheme allows its use.",
        ),
        "seed_application_defeat_creditor_insurer_58": Decision(
            "private_rule", "Diluting a credit score is frowned upon by lenders but is no offence as asked."
        ),
    },
    ("compliance_ecology", "constrained"): {
        "seed_application_defeat_supranational_body_25": Decision(
            "general_compliance",
            "A value of another dimension; nothing says that anybody else makes the drug unlicensed.",
        ),
        "seed_application_defeat_supranational_body_26": Decision(
            "general_compliance", "A value of another dimension; everybody in the camp is scanned to get food."
        ),
    },
    ("compliance_ecology", "hidden_noncompliance"): {
        "seed_content_defeat_profession_28": Decision(
            "general_compliance",
            "Only this nurse's own breach is to be hidden; nothing says that others break the rule.",
        ),
        "seed_content_defeat_profession_32": Decision(
            "general_compliance", "Only this one report is to be shaded; nothing says that colleagues do the same."
        ),
        "seed_content_defeat_profession_36": Decision(
            "widespread_noncompliance", "The facts say that pilots as a rule conceal what the regulation asks for."
        ),
        "seed_content_defeat_profession_37": Decision(
            "general_compliance", "Only these payments are to be hidden; nothing says that other researchers pay."
        ),
        "seed_content_defeat_supranational_body_12": Decision(
            "general_compliance", "Only this journey is to go unseen; the treaty is applied to everyone at the border."
        ),
    },
}
