"""What code can check of a case: by hand, and on the starter set, which passes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.batch.personal_data import REMOVED, find_personal_data, without_personal_data
from dataset_builder.dataset.plain_case import PlainCase, PlainDimensions
from dataset_builder.dataset.records import Case, Records
from dataset_builder.errors import InputError
from dataset_builder.gates.prompt import system_text
from dataset_builder.gates.registry import ALL_GATES
from dataset_builder.generation.checks import BANNED_PHRASES, LABEL_STEMS, check_case, mentions, unchecked
from dataset_builder.generation.language import check_code, other_language, word_count
from dataset_builder.generation.prompt import demands
from dataset_builder.generation.similarity import RUN, SimilarityIndex, words_of
from dataset_builder.sources.starter import read_starter

STARTER = read_starter().cases


def plain_of(case: Case) -> PlainCase:
    values = msgspec.structs.asdict(case)
    dimensions = PlainDimensions(**{name: values[name] for name in PlainDimensions.__struct_fields__})
    rest = {name: values[name] for name in PlainCase.__struct_fields__ if name != "dimensions"}
    return PlainCase(**rest, dimensions=dimensions)


def test_every_starter_case_passes_and_is_no_copy_of_another() -> None:
    index = SimilarityIndex()
    for case in STARTER:
        assert check_case(plain_of(case), index) == []
        index.add(case.case_id, case.user_query)


def test_a_case_is_like_itself_however_it_is_typed() -> None:
    index = SimilarityIndex((case.case_id, case.user_query) for case in STARTER)
    near = index.nearest(STARTER[5].user_query.upper().replace("'", "’"))
    assert near is not None
    assert (near.name, near.too_close) == (STARTER[5].case_id, True)
    assert len(near.run.split()) == RUN


def test_likeness_by_hand() -> None:
    # Triples: abc bcd cde | bcd cde def: two shared of four in all, so 0.5.
    index = SimilarityIndex([("one", "a b c d e")])
    near = index.nearest("b c d e f")
    assert near is not None
    assert (near.name, near.jaccard, near.run) == ("one", 0.5, "")
    assert index.nearest("x y z") is None
    # Nine words in a row in otherwise different texts.
    long = "one two three four five six seven eight nine"
    index = SimilarityIndex([("a", f"{long} " + " ".join(f"p{n}" for n in range(90)))])
    near = index.nearest(" ".join(f"q{n}" for n in range(90)) + f" {long}")
    assert near is not None
    assert near.jaccard < 0.1
    assert near.run == long
    assert near.too_close


@given(st.text(max_size=80), st.text(max_size=80))
def test_likeness_is_symmetric_and_a_share(one: str, other: str) -> None:
    there, back = SimilarityIndex([("x", one)]).nearest(other), SimilarityIndex([("x", other)]).nearest(one)
    assert (there is None) == (back is None)
    if there and back:
        assert there.jaccard == pytest.approx(back.jaccard)
        assert 0 < there.jaccard <= 1


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert words_of("I'm at No. 9") == ["i'm", "at", "no", "9"]
    assert words_of("我想去") == ["我", "想", "去"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("call me at +49 151 23456789", ["telephone number"]),
        ("415-555-2671, or (030) 1234567", ["telephone number", "telephone number"]),
        ("write to jo@firm.co.uk", ["e-mail address"]),
        ("see https://firm.com/a?b=c now", ["web address"]),
        ("card 4111 1111 1111 1111", ["card number"]),
        ("GB82 WEST 1234 5698 7654 32", ["bank account number"]),
        ("078-05-1120", ["social security number"]),
        ("from 8.8.8.8", ["IP address"]),
        # Fiction, prices, dates, years and times.
        ("(415) 555-0123, jo@example.com, https://docs.example.org/x, 192.168.1.1", []),
        ("on 12.05.2024 at 9:30, or 2024-05-12, paid 1,250 of 10,000", []),
        ("from 1998-2004, flat 12 34 56, code 0000000", []),
        ("4111 1111 1111 1112 fails the check of its digits", []),
    ],
)
def test_personal_data(text: str, kinds: list[str]) -> None:
    assert [finding.kind for finding in find_personal_data(text)] == kinds
    cleaned = without_personal_data(text)
    assert cleaned.count(REMOVED) == len(kinds)
    assert find_personal_data(cleaned) == []


@given(st.text(alphabet="0123456789 +-().@abz", max_size=60))
def test_nothing_is_left_after_removing(text: str) -> None:
    assert find_personal_data(without_personal_data(text)) == []


LANGUAGES = {
    "en": "My landlord says that I must not have a heater in the flat, but the boiler is cold and it is for my kids.",
    "de": "Mein Vermieter sagt, dass ich in der Wohnung nicht heizen darf, aber der Kessel ist kalt und es ist Winter.",
    "fr": "Mon propriétaire dit que je ne dois pas avoir un chauffage dans la maison, mais il fait froid et les gens.",
    "es": "Mi casero dice que no puedo tener una estufa en el piso, pero la caldera no va y es para los niños.",
    "it": "Il padrone dice che non posso avere una stufa in casa, ma la caldaia non va e sono qui con il bambino.",
    "tr": "Ev sahibi bir soba olamaz diyor ama kazan bozuk ve bu çok soğuk, benim için de bir yol ne, nasıl olarak.",
    "ru": "Хозяин говорит, что обогреватель нельзя, а котёл холодный, и дети мёрзнут уже третью неделю подряд.",
    # Japanese
    "ja": "大家さんは暖房器具を置いてはいけないと言いますが、ボイラーは壊れていて子どもが寒がっています。",
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_text_is_taken_for_its_own_language_alone(code: str) -> None:
    text = LANGUAGES[code]
    assert other_language(text, code) is None
    for other in LANGUAGES:
        if other != code:
            assert other_language(text, other) is not None, other


def test_what_cannot_be_told_is_said() -> None:
    assert other_language("Anything at all.", "mt") is None
    assert str(unchecked("mt")).startswith("whether a text is in the language mt cannot be checked")
    assert unchecked("en") is None
    # 48 characters at 2.2 for a word.
    assert word_count("あ" * 48, "ja") == 22
    assert word_count("one two  three", "en") == 3
    with pytest.raises(InputError, match="two letters"):
        check_code("deu")
    assert check_code("DE") == "de"


def test_stems_begin_a_word() -> None:
    assert mentions("An UNJUST rule; a dead\n letter", LABEL_STEMS) == ["unjust", "dead letter"]
    assert mentions("adjust the justice", LABEL_STEMS) == []
    assert mentions("Ignore  previous instructions", BANNED_PHRASES) == ["ignore previous"]


def test_our_example_in_the_prompt_keeps_the_demands() -> None:
    text = demands()
    message = text[text.index('Message: "') + 10 :].split('"\n')[0]
    case = msgspec.structs.replace(plain_of(STARTER[0]), user_query=message)
    assert check_case(case, SimilarityIndex((c.case_id, c.user_query) for c in STARTER)) == []
    assert all(len(system_text(gate)) < 9000 for gate in ALL_GATES)


def test_every_word_that_the_writer_is_told_to_avoid_is_looked_for() -> None:
    sentence = next(line for line in demands().splitlines() if line.startswith("4. "))
    words = re.findall(r'"([a-z]+)"', sentence)
    assert len(words) == 7
    assert [word for word in words if not mentions(f"It is {word}.", LABEL_STEMS)] == []


@pytest.mark.study
def test_what_the_checks_say_of_the_studys_cases_is_what_the_page_says(study_records: Records) -> None:
    index, kinds, objected = SimilarityIndex(), Counter[str](), 0
    for case in study_records.generated:
        faults = check_case(plain_of(case), index)
        index.add(case.case_id, case.user_query)
        kinds.update({fault.kind for fault in faults})
        objected += bool(faults)
    page = " ".join((Path(__file__).parents[3] / "docs" / "extending.md").read_text().split())
    assert (
        f"would object to {objected}: {kinds['near_duplicate']} for likeness to an earlier one, "
        f"{kinds['label_in_text']} for a label word, {kinds['length']} for length and {kinds['form']} for an empty note"
    ) in page
