"""Spellings of labels: every one in the archive maps, and nothing is guessed."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.taxonomy import ids
from dataset_builder.errors import DataError
from dataset_builder.sources.decisions import DIMENSION_DECISIONS, SUBTYPE_DECISIONS
from dataset_builder.sources.normalise import (
    canonical_authority,
    canonical_dimension,
    canonical_family,
    canonical_group,
    canonical_subtype,
    mapping_rows,
)
from dataset_builder.sources.spellings import DIMENSION_SPELLINGS, SUBTYPE_SPELLINGS

FAMILY_IDS = ids(taxonomy.FAMILIES)
AUTHORITY_IDS = ids(taxonomy.AUTHORITY_TYPES)
DIMENSION_IDS = ids(taxonomy.DIMENSIONS)
HERE = ("seed_x_1", "data/x.json")

# Cases of the study by canonical subtype; never_agreed has none.
CASES_BY_SUBTYPE = {
    "just_and_reasonable": 209,
    "just_policies_illegitimate_power": 15,
    "unjust_policies_legitimate_power": 2,
    "unjust_policies_illegitimate_power": 16,
    "lacks_jurisdiction": 53,
    "exceeded_delegated_authority": 42,
    "excessive_personal_costs": 33,
    "substantively_indefensible": 117,
    "unfair_distributive": 53,
    "absurd_or_arbitrary": 61,
    "lacking_coordination": 38,
    "obsolete": 35,
    "selective_non_enforcement": 53,
    "singled_out_unfairly": 54,
    "unpredictable_application": 27,
    "applied_retroactively": 31,
    "changed_without_notice": 30,
    "no_appeal_mechanism": 52,
    "dead_letter": 16,
    "conflicts_with_higher_rule": 34,
    "impossible_to_comply": 48,
    "too_opaque_to_understand": 27,
    "letter_not_spirit": 55,
    "spirit_not_letter": 3,
    "both_letter_and_spirit": 8,
    "conscientious_objection": 4,
    "civil_disobedience": 3,
    "collective_breach": 2,
    "lacked_representation": 2,
    "systematically_disadvantaged": 15,
    "temporal_urgency": 52,
    "lack_of_alternatives": 26,
    "factual_uncertainty": 1,
    "no_enforcement_prospect": 5,
    "benefit_others_no_harm_self": 14,
    "benefit_others_risk_self": 45,
    "no_harm_benefit_self": 7,
    "no_harm_risk_self": 1,
    "prevention_of_harm": 1,
}


def problem_text(error: pytest.ExceptionInfo[DataError]) -> str:
    (problem,) = error.value.problems
    return str(problem)


@pytest.mark.parametrize("subtype", taxonomy.SUBTYPES, ids=lambda s: f"{s.family}-{s.id}")
def test_a_canonical_subtype_maps_to_itself(subtype: taxonomy.Subtype) -> None:
    assert canonical_subtype(subtype.family, subtype.id, *HERE) == subtype.id


def test_other_canonical_ids_map_to_themselves() -> None:
    assert [canonical_family(f, *HERE) for f in FAMILY_IDS] == list(FAMILY_IDS)
    assert [canonical_authority(a, *HERE) for a in AUTHORITY_IDS] == list(AUTHORITY_IDS)
    for dimension in taxonomy.DIMENSIONS:
        for value in ids(dimension.values):
            assert canonical_dimension(dimension.id, value, *HERE) == value


@pytest.mark.parametrize("raw", [*ids(taxonomy.AUTHORITY_GROUPS), "private", "state_mandated"])
def test_the_group_follows_the_authority_type(raw: str) -> None:
    assert canonical_group("club", raw, *HERE) == "voluntary"
    assert canonical_group("national_government", raw, *HERE) == "government"


@pytest.mark.parametrize(
    ("family", "raw", "canonical"),
    [
        ("control", "no_defeat_fiduciary_duty", "just_and_reasonable"),
        ("control", "none", "just_and_reasonable"),
        ("illegitimate_authority", "unjust_policies_power_acquired_appropriately", "unjust_policies_legitimate_power"),
        ("content_defeat", "distributively_indefensible", "unfair_distributive"),
        ("application_defeat", "general_non_enforcement", "dead_letter"),
        ("exception_justified", "some_critical_factual_uncertainty", "factual_uncertainty"),
        ("exception_justified", "benefit_to_others_risk_of_harm_to_oneself", "benefit_others_risk_self"),
    ],
)
def test_known_spellings(family: str, raw: str, canonical: str) -> None:
    assert canonical_subtype(family, raw, *HERE) == canonical


def test_every_mapping_ends_in_the_taxonomy_and_has_a_reason() -> None:
    for row in mapping_rows():
        if row.kind == "defeat_subtype":
            allowed = tuple(s.id for s in taxonomy.SUBTYPES if s.family == row.scope)
        elif row.kind == "authority_group":
            allowed = (taxonomy.AUTHORITY_BY_ID[row.scope].group,)
        else:
            assert row.scope == ""
            allowed = ids(taxonomy.DIMENSION_BY_ID[row.kind].values)
        assert row.canonical in allowed, row
        assert row.raw not in allowed, f"{row} repeats a canonical id"
        assert row.reason.endswith("."), row


def test_no_spelling_is_mapped_twice() -> None:
    keys = Counter((row.kind, row.scope, row.raw, row.case_id) for row in mapping_rows())
    assert not [key for key, n in keys.items() if n > 1]
    by_case = {(row.kind, row.scope, row.raw) for row in mapping_rows() if row.case_id}
    plain = {(row.kind, row.scope, row.raw) for row in mapping_rows() if not row.case_id}
    assert not by_case & plain


def test_the_rows_hold_every_table() -> None:
    groups = len(taxonomy.AUTHORITY_TYPES) * 5  # 6 known spellings, one of them the type's own group
    spelled = sum(
        len(entry.raw) for t in (SUBTYPE_SPELLINGS, DIMENSION_SPELLINGS) for table in t.values() for entry in table
    )
    decided = sum(map(len, SUBTYPE_DECISIONS.values())) + sum(map(len, DIMENSION_DECISIONS.values()))
    assert len(mapping_rows()) == groups + spelled + decided


@pytest.mark.parametrize(
    ("family", "raw", "nearest"),
    [
        ("content_defeat", "obsolte", "'obsolete'"),
        ("application_defeat", "rule_to_opaque", "'too_opaque_to_understand', by its spelling 'rule_too_opaque'"),
        (
            "exception_justified",
            "subject_has_information_rulemaker_lacked",
            "'subject_has_information_rulemakers_lacked', which is decided case by case",
        ),
        ("content_defeat", "temporal_urgency", "'temporal_urgency' is a label of exception_justified"),
    ],
)
def test_an_unknown_subtype_names_file_case_and_nearest_label(family: str, raw: str, nearest: str) -> None:
    with pytest.raises(DataError) as error:
        canonical_subtype(family, raw, "seed_x_7", "data/1_generated/x.json")
    text = problem_text(error)
    assert text.startswith(f"data/1_generated/x.json, case seed_x_7: unknown defeat_subtype '{raw}' of {family} (")
    assert nearest in text


def test_unknown_family_authority_group_and_dimension_value() -> None:
    for call, expected in (
        (
            lambda: canonical_family("controls", *HERE),
            "unknown defeat_family 'controls' (nearest known label: 'control'",
        ),
        (lambda: canonical_subtype("controls", "none", *HERE), "unknown defeat_family 'controls'"),
        (lambda: canonical_authority("clubs", *HERE), "unknown authority_type 'clubs' (nearest known label: 'club'"),
        (lambda: canonical_group("clubs", "voluntary", *HERE), "unknown authority_type 'clubs'"),
        (lambda: canonical_group("club", "volontary", *HERE), "unknown authority_group 'volontary' of club (nearest"),
        (lambda: canonical_dimension("legality", "ilegal_but_unjust", *HERE), "label: 'illegal_but_unjust'"),
    ):
        with pytest.raises(DataError) as error:
            call()
        assert expected in problem_text(error)


def test_a_dimension_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="no dimension 'colour'"):
        canonical_dimension("colour", "red", *HERE)


def test_an_ambiguous_spelling_maps_only_for_the_cases_that_were_decided() -> None:
    raw = "rule_didnt_consider_this_scenario"
    decided = "seed_exception_justified_union_4"
    assert canonical_subtype("exception_justified", raw, decided, "x.json") == "temporal_urgency"
    with pytest.raises(DataError) as error:
        canonical_subtype("exception_justified", raw, "seed_exception_justified_union_999", "x.json")
    assert "decided case by case (add a decision" in problem_text(error)
    # The decision is about this spelling: another ambiguous one on the same case is not covered by it.
    with pytest.raises(DataError):
        canonical_subtype("exception_justified", "ambiguously_phrased", decided, "x.json")


def test_case_and_space_are_not_guessed_away() -> None:
    for raw in ("Obsolete", " obsolete", "obsolete\n", ""):
        with pytest.raises(DataError):
            canonical_subtype("content_defeat", raw, *HERE)


@pytest.mark.parametrize(
    ("raw", "found"), [(None, "null"), (3, "of type int"), (0.5, "of type float"), (["obsolete"], "of type list")]
)
def test_a_label_that_is_no_text_is_a_problem(raw: object, found: str) -> None:
    for call, column in (
        (lambda: canonical_family(raw, *HERE), "defeat_family"),
        (lambda: canonical_subtype(raw, "none", *HERE), "defeat_family"),
        (lambda: canonical_subtype("control", raw, *HERE), "defeat_subtype"),
        (lambda: canonical_authority(raw, *HERE), "authority_type"),
        (lambda: canonical_group("club", raw, *HERE), "authority_group"),
        (lambda: canonical_dimension("legality", raw, *HERE), "legality"),
    ):
        with pytest.raises(DataError) as error:
            call()
        assert f"{column} is {found} (a label is text)" in problem_text(error)


CANONICAL = {*ids(taxonomy.SUBTYPES), *ids(taxonomy.AUTHORITY_GROUPS)}
CANONICAL |= {value for dimension in taxonomy.DIMENSIONS for value in ids(dimension.values)}
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))  # lone surrogates too


@given(
    raw=st.sampled_from([row.raw for row in mapping_rows()]) | ANY_TEXT,
    case_id=ANY_TEXT,
    family=st.sampled_from(FAMILY_IDS) | ANY_TEXT,
)
def test_no_text_crashes(raw: str, case_id: str, family: str) -> None:
    for call in (
        lambda: canonical_subtype(family, raw, case_id, "x.json"),
        lambda: canonical_group(family, raw, case_id, "x.json"),
        lambda: canonical_group("club", raw, case_id, "x.json"),
        *(lambda d=d: canonical_dimension(d, raw, case_id, "x.json") for d in DIMENSION_IDS),
    ):
        with suppress(DataError):
            assert call() in CANONICAL


def test_a_huge_label_is_cut_in_the_message() -> None:
    with pytest.raises(DataError) as error:
        canonical_subtype("control", "x" * 5_000_000, "y" * 5_000_000, "x.json")
    assert len(str(error.value)) < 1000


def read_cases(archive: Path, folder: str) -> list[tuple[str, dict[str, Any]]]:
    with tarfile.open(archive) as tar:
        files = {m.name: json.load(tar.extractfile(m)) for m in tar if f"/data/{folder}/" in m.name and m.isfile()}
    return [(name, case) for name, file in files.items() for case in file["cases"]]


@pytest.fixture(scope="module")
def generated(study_archive: Path) -> list[tuple[str, dict[str, Any]]]:
    return read_cases(study_archive, "1_generated")


@pytest.mark.study
def test_every_spelling_of_the_study_maps(generated: list[tuple[str, dict[str, Any]]]) -> None:
    assert len(generated) == 1869
    for name, case in generated:
        here = case["id"], name
        canonical_family(case["defeat_type"], *here)
        canonical_authority(case["authority_type"], *here)
        canonical_subtype(case["defeat_type"], case["defeat_subtype"], *here)
        canonical_group(case["authority_type"], case["authority_group"], *here)
        assert set(case["dimensional_coding"]) == set(DIMENSION_IDS)
        for dimension, value in case["dimensional_coding"].items():
            canonical_dimension(dimension, value, *here)


@pytest.mark.study
def test_every_spelling_and_decision_of_the_tables_occurs_in_the_study(
    generated: list[tuple[str, dict[str, Any]]],
) -> None:
    found = set()
    for _, case in generated:
        found |= {(d, "", v) for d, v in case["dimensional_coding"].items()}
        found |= {(d, "", v, case["id"]) for d, v in case["dimensional_coding"].items()}
        subtype = ("defeat_subtype", case["defeat_type"], case["defeat_subtype"])
        found |= {subtype, (*subtype, case["id"])}
    for row in mapping_rows():
        if row.kind != "authority_group":
            key = (row.kind, row.scope, row.raw)
            assert ((*key, row.case_id) if row.case_id else key) in found, row


@pytest.mark.study
def test_cases_of_the_study_by_subtype(study_archive: Path) -> None:
    counts = Counter(
        canonical_subtype(case["defeat_type"], case["defeat_subtype"], case["id"], name)
        for name, case in read_cases(study_archive, "2_filtered")
    )
    assert dict(counts) == CASES_BY_SUBTYPE
    assert counts.total() == 1290
