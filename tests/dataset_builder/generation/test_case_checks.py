"""What code can check of a case: by hand, and on the starter set, which passes."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import msgspec
import phonenumbers
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
from dataset_builder.generation.language import NAMES, check_code, other_language, word_count
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
        ("536-90-4399", ["social security number"]),
        ("from 8.8.8.8", ["IP address"]),
        # Fiction, prices, dates, years and times.
        ("(415) 555-0123, jo@example.com, https://docs.example.org/x, 192.168.1.1", []),
        ("on 12.05.2024 at 9:30, or 2024-05-12, paid 1,250 of 10,000", []),
        ("from 1998-2004, flat 12 34 56, code 0000000", []),
        ("1 000 000 euros, 12 345 678 people, ISBN 978-3-16-148410-0, version 10.2.3.4567, 3.14159265", []),
        ("scores 12-10 11-9 12-14, case no. 2023-004512-17, 30/06/2024 14:30, bus 100 200 300", []),
        # An account and papers whose last check digit is one off.
        ("GB82 WEST 1234 5698 7654 33, 12345678A, RCCMNL83S18D969I", []),
        # Never issued, printed in wallets of 1938, and kept for advertisements and tests.
        ("000-12-3456, 666-12-3456, 078-05-1120, 987-65-4321, 999 123 4567", []),
        ("4111 1111 1111 1112 fails the check of its digits", []),
    ],
)
def test_personal_data(text: str, kinds: list[str]) -> None:
    assert [finding.kind for finding in find_personal_data(text)] == kinds
    cleaned = without_personal_data(text)
    assert cleaned.count(REMOVED) == len(kinds)
    assert find_personal_data(cleaned) == []


# Numbers of the right form with check digits that hold; none is known to be anybody's.
@pytest.mark.parametrize(
    ("country", "paper"),
    [
        ("Spain", "12345678Z"),
        ("Poland", "44051401359"),
        ("Brazil", "390.533.447-05"),
        ("Italy", "RCCMNL83S18D969H"),
        ("Britain", "943 476 5919"),
        ("Canada", "123-456-782"),
        ("Finland", "131052-308T"),
        ("Sweden", "880320-0016"),
        ("Netherlands", "111222333"),
        ("India", "2341 2341 2346"),
        ("Korea", "971013-9019902"),
        ("Turkey", "17291716060"),
    ],
)
def test_papers_of_persons(country: str, paper: str) -> None:
    text = f"In {country} they want my number, which is {paper}, before Monday."
    found = find_personal_data(text)
    assert [text[f.start : f.end] for f in found] == [paper]
    assert found[0].kind == "identity number"


def test_a_number_of_every_country_is_found() -> None:
    """One fixed and one mobile number of each country, as phonenumbers gives them for examples."""
    missed = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            # The example of the United States is itself a fictional one.
            if number is None or number.national_number == 2015550123:
                continue
            shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
            if not any(f.kind == "telephone number" for f in find_personal_data(f"Call me on {shown} after six.")):
                missed.append(f"{region} {shown}")
    assert missed == []


@pytest.mark.parametrize(
    "number",
    [
        "(415) 555-0123",
        "+1 212 555 0199",
        "01632 960123",
        "+44 7700 900456",
        "020 7946 0018",
        "0161 496 0012",
        "+61 2 5550 1234",
        "01 99 00 12 34",
        "+33 6 39 98 12 34",
        "030 23125 123",
        "+49 89 99998 123",
    ],
)
def test_numbers_of_films_pass(number: str) -> None:
    assert find_personal_data(f"Call me on {number} after six.") == []


@pytest.mark.parametrize(
    "number", ["(415) 555-2671", "+1 212 556 0199", "01633 960123", "020 7947 0018", "01 98 00 12 34"]
)
def test_their_neighbours_do_not(number: str) -> None:
    text = f"Call me on {number} after six."
    assert [text[f.start : f.end] for f in find_personal_data(text)] == [number]


@given(st.text(alphabet="0123456789 +-().@abz", max_size=60))
def test_nothing_is_left_after_removing(text: str) -> None:
    assert find_personal_data(without_personal_data(text)) == []


# Two requests in each of 37 languages, written for this test: a short one and one of three sentences.
REQUESTS: dict[str, list[str]] = json.loads(Path(__file__).with_name("requests_by_language.json").read_text("utf-8"))


def test_every_language_that_has_a_name_has_requests_to_try() -> None:
    assert sorted(REQUESTS) == sorted(NAMES)


@pytest.mark.parametrize("code", sorted(REQUESTS))
def test_a_request_is_taken_for_its_own_language_alone(code: str) -> None:
    for text in REQUESTS[code]:
        assert [other for other in REQUESTS if other_language(text, other) is None] == [code]


def test_a_text_in_another_language_is_named() -> None:
    assert other_language(REQUESTS["de"][0], "en") == "it reads like German, not like English"
    # Nynorsk is Norwegian too, and Luxembourgish has no name here.
    nynorsk = "Eg veit ikkje korleis eg skal skrive til dei, men ungane mine frys og huseigaren vil ikkje høyre."
    assert other_language(nynorsk, "no") is None
    luxembourgish = "Ech weess net wéi ech hinne schreiwe soll, mee meng Kanner hunn et kal an der Wunneng."
    assert other_language(luxembourgish, "de") == "it reads like the language lb, not like German"


@pytest.mark.parametrize("text", ["", " \n", "123 456", "...?!", "—", "\u200b"])
def test_a_text_without_words_is_in_no_language(text: str) -> None:
    assert other_language(text, "en") == "it holds no word of English"


@given(st.text(max_size=60))
def test_no_text_is_of_two_languages(text: str) -> None:
    assert sum(other_language(text, code) is None for code in ("en", "de", "ja", "ar")) <= 1


def test_what_cannot_be_told_is_said() -> None:
    # Afar, which the model does not know.
    assert other_language("Anything at all.", "aa") is None
    assert str(unchecked("aa")).startswith("whether a text is in the language aa cannot be checked")
    assert unchecked("de") == "label words in the text are known in English only"
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
