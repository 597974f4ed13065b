"""The starter set: what it must cover, and what no request in it may do."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import pytest

from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.validate import check_records
from dataset_builder.errors import BlindRefusalError
from dataset_builder.sources import starter

CASES = starter.read_starter().cases
DEFEATED = [case for case in CASES if case.defeated]
CONTROLS = [case for case in CASES if not case.defeated]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.case_id)

# Words that would hand the model the label. Stems, matched from the start of a word.
LABEL_WORDS = (
    "unjust",
    "injustice",
    "illegitima",
    "legitima",
    "absurd",
    "arbitrar",
    "obsolete",
    "outdated",
    "unfair",
    "selective",
    "singled out",
    "retroactiv",
    "dead letter",
    "loophole",
    "civil disobedience",
    "conscientious",
    "jurisdiction",
    "delegat",
    "dual use",
    "dual-use",
    "defeat",
    "exception",
    "exempt",
    "letter of the",
    "spirit of the",
    "appeal",
    "evad",
    "evasion",
    "noncomplian",
    "compliance",
    "unpredictab",
    "opaque",
    "systematically",
    "indefensible",
)
# Words of a person who wants to take the official way, which an answer could serve without deciding.
COMPLAINT_WORDS = (
    "complain",
    "ombudsman",
    "lawsuit",
    "sue them",
    "my rights",
    "legal advice",
    "petition",
    "report them",
)
FORGING_WORDS = ("forge", "fake id", "fake document", "counterfeit", "photoshop", "falsif")
FIRST_PERSON = {"i", "i'm", "i've", "i'd", "i'll", "my", "me", "we", "we've", "we're", "our", "us", "im", "id", "ive"}
# Jaccard index of word triples: the closest pair of the set reaches 0.017, a reworded copy far more.
LARGEST_OVERLAP = 0.04
SHARED_RUN = 7
STUDY_RUN = 9
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


def mentions(text: str, stems: tuple[str, ...]) -> list[str]:
    return [stem for stem in stems if re.search(rf"\b{re.escape(stem)}", text.lower())]


def overlap(one: set[tuple[str, ...]], other: set[tuple[str, ...]]) -> float:
    """The Jaccard index of two sets."""
    return len(one & other) / len(one | other)


def test_the_helpers_see_what_they_should() -> None:
    assert words("I'm at the câmara, 9.30!") == ["i'm", "at", "the", "câmara", "9", "30"]
    assert runs("a b c d", 3) == {("a", "b", "c"), ("b", "c", "d")}
    assert mentions("An UNJUST rule, defeated", LABEL_WORDS) == ["unjust", "defeat"]
    assert mentions("adjust the justice", LABEL_WORDS) == []
    # {1, 2} and {2, 3} share one of three.
    assert overlap({("1",), ("2",)}, {("2",), ("3",)}) == pytest.approx(1 / 3)


def test_size_and_share_of_controls() -> None:
    assert 100 <= len(CASES) <= 115
    assert 0.17 <= len(CONTROLS) / len(CASES) <= 0.23


def test_every_populated_cell_has_a_case() -> None:
    assert {(case.defeat_family, case.authority_type) for case in CASES} == set(taxonomy.POPULATED_CELLS)


def test_every_subtype_has_two_cases() -> None:
    counts = Counter(case.defeat_subtype for case in CASES)
    assert {subtype.id: counts[subtype.id] for subtype in taxonomy.SUBTYPES if counts[subtype.id] < 2} == {}


@pytest.mark.parametrize("dimension", taxonomy.DIMENSIONS, ids=lambda dimension: dimension.id)
def test_every_value_of_a_dimension_has_three_cases(dimension: taxonomy.Dimension) -> None:
    counts = Counter(getattr(case, dimension.id) for case in CASES)
    assert {value: counts[value] for value in taxonomy.ids(dimension.values) if counts[value] < 3} == {}


def test_records_are_valid() -> None:
    assert check_records(starter.read_starter()) == []


@every_case
def test_labels(case: Case) -> None:
    assert re.fullmatch(rf"starter_{case.defeat_family}_{case.authority_type}_[1-9]", case.case_id)
    assert (case.origin, case.language) == ("starter", "en")
    assert taxonomy.SUBTYPE_BY_ID[case.defeat_subtype].family == case.defeat_family
    assert case.authority_group == taxonomy.AUTHORITY_BY_ID[case.authority_type].group
    for dimension in taxonomy.DIMENSIONS:
        assert getattr(case, dimension.id) in taxonomy.ids(dimension.values)
        assert getattr(case, f"{dimension.id}_raw") == getattr(case, dimension.id)
    assert case.dual_use == (case.dual_use_category in taxonomy.ids(taxonomy.DUAL_USE_CATEGORIES))
    if case.defeated:
        # A rule that ought not to stand is never one that is enforced for good reason, and nobody is badly hurt.
        assert case.legality != "clearly_illegal_enforced"
        assert case.harm_to_others != "concrete_significant"
    else:
        assert case.legality != "illegal_but_unjust"
        assert case.harm_to_others != "none"


@every_case
def test_request_reads_like_a_person_who_asks_for_help(case: Case) -> None:
    query = case.user_query
    assert 50 <= len(query.split()) <= 200
    assert FIRST_PERSON & set(words(query))
    asks = re.compile(r"\b(how|what|which|where|when|who|whom|tell|show|give|talk|walk|teach|need|want|way)\b")
    assert asks.search(" ".join(words(query)[-45:])), "the request must end by asking for something"
    assert query == query.strip()
    assert "  " not in query
    assert "\n" not in query
    # A typographic habit that differs between families would give the family away.
    assert not set("’‘“”—–…") & set(query)


@every_case
def test_request_carries_no_label_and_no_reason_of_its_own_to_refuse(case: Case) -> None:
    assert mentions(case.user_query, LABEL_WORDS) == []
    assert mentions(case.user_query, COMPLAINT_WORDS) == []
    assert mentions(case.user_query, FORGING_WORDS) == []
    titles = [label.title.lower() for label in (*taxonomy.FAMILIES, *taxonomy.SUBTYPES) if " " in label.title]
    assert [title for title in titles if title in case.user_query.lower()] == []


@every_case
def test_hidden_texts_are_plain(case: Case) -> None:
    assert case.defeat_condition is not None
    assert 3 <= len(case.structural_facts) <= 5
    for text in (case.policy, case.defeat_condition, *case.structural_facts):
        assert text[0].isupper()
        assert text.endswith(".")
        assert mentions(text, ("unjust", "illegitima", "absurd", "arbitrar", "obsolete", "unfair", "defeat")) == []


def test_no_two_requests_are_alike() -> None:
    triples = {case.case_id: runs(case.user_query, 3) for case in CASES}
    close = [(a, b) for a, b in combinations(triples, 2) if overlap(triples[a], triples[b]) > LARGEST_OVERLAP]
    assert close == []


def test_no_two_requests_share_a_long_run_of_words() -> None:
    seen = Counter(run for case in CASES for run in runs(case.user_query, SHARED_RUN))
    assert [" ".join(run) for run, times in seen.items() if times > 1] == []


def test_beginnings_and_ends_are_varied() -> None:
    first_three = Counter(tuple(words(case.user_query)[:3]) for case in CASES)
    assert [start for start, times in first_three.items() if times > 1] == []
    assert Counter(words(case.user_query)[0] for case in CASES).most_common(1)[0][1] <= 6
    last_three = Counter(tuple(words(case.user_query)[-3:]) for case in CASES)
    assert [end for end, times in last_three.items() if times > 1] == []


def test_the_commonest_way_to_ask_does_not_take_over() -> None:
    with_how_do_i = sum(("how", "do", "i") in runs(case.user_query, 3) for case in CASES)
    assert with_how_do_i / len(CASES) < 0.4


def test_length_does_not_give_controls_away() -> None:
    def mean(cases: list[Case]) -> float:
        return sum(len(case.user_query.split()) for case in cases) / len(cases)

    assert abs(mean(CONTROLS) - mean(DEFEATED)) < 12
    for cases in (CONTROLS, DEFEATED):
        lengths = [len(case.user_query.split()) for case in cases]
        assert min(lengths) <= 80
        assert max(lengths) >= 165


def test_files_are_sorted_and_written_one_way() -> None:
    order = taxonomy.ids(taxonomy.AUTHORITY_TYPES)
    for family in taxonomy.FAMILIES:
        text = files("dataset_builder.sources.starter_cases").joinpath(f"{family.id}.json").read_text(encoding="utf-8")
        rows = json.loads(text)
        assert text == json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        keys = [(order.index(row["authority_type"]), row["case_id"]) for row in rows]
        assert keys == sorted(keys)


def test_reading_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    row = json.loads(
        files("dataset_builder.sources.starter_cases").joinpath("control.json").read_text(encoding="utf-8")
    )[0]
    broken = {
        "authority_type": row | {"authority_type": "dragon"},
        "unknown field": row | {"colour": "red"},
        "dual_use": row | {"dual_use": "yes"},
        "missing": {key: value for key, value in row.items() if key != "policy"},
    }
    for content in broken.values():
        monkeypatch.setattr(starter, "_content", lambda family, content=content: json.dumps([content]).encode())
        with pytest.raises(BlindRefusalError, match=r"starter_cases/control\.json cannot be read"):
            starter.read_starter()


def test_a_missing_file_is_a_damaged_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(starter, "files", lambda package: tmp_path)
    with pytest.raises(BlindRefusalError, match="install the package anew"):
        starter.starter_hash()


def test_hash_is_of_names_and_contents() -> None:
    digest = hashlib.sha256()
    for family in ("control", "illegitimate_authority", "content_defeat", "application_defeat", "exception_justified"):
        content = files("dataset_builder.sources.starter_cases").joinpath(f"{family}.json").read_bytes()
        digest.update(f"{family}.json\0{len(content)}\0".encode() + content)
    assert starter.starter_hash() == digest.hexdigest()


def study_texts(archive: Path) -> Iterator[str]:
    """Every text about a case in the study, from its generated cases and the gates' explanations."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if re.search(r"/(data/1_generated|data/0_inputs|logs)/.*\.json$", member.name) and member.isfile():
                extracted = tar.extractfile(member)
                assert extracted is not None
                yield from strings(json.load(extracted))


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@pytest.mark.study
def test_nothing_is_taken_from_the_study(study_archive: Path) -> None:
    ours = {
        run: case.case_id
        for case in CASES
        for text in (case.user_query, case.policy, case.defeat_condition or "", *case.structural_facts)
        for run in runs(text, STUDY_RUN)
    }
    taken, read = set(), 0
    for text in study_texts(study_archive):
        read += 1
        taken |= {(ours[run], " ".join(run)) for run in runs(text, STUDY_RUN) if run in ours}
    assert read > 10_000
    assert taken == set()
