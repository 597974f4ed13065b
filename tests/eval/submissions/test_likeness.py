"""Copies and templates: hand-worked shingles, properties, forgeries, and the study's honest models."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.dataset.records import Records
from eval.submissions.as_seen import as_seen, as_seen_as_a_whole, seen_words
from eval.submissions.likeness import (
    SKETCH,
    TOO_ALIKE,
    Earlier,
    all_marks,
    copied,
    copies_found,
    fingerprint_bytes,
    likeness,
    marks_of,
    sketches_of,
    stock_help_found,
    stock_shares,
)

WORDS = "plan path room time friend form note call list step night table paper door office copy word sign".split()  # noqa: SIM905


def prose(seed: object, n: int = 60) -> str:
    """Words that no other seed gives."""
    rng = random.Random(str(seed))
    return " ".join("".join(rng.choices("abcdefghiklmnoprstuvw", k=6)) for _ in range(n))


def test_shingles_by_hand() -> None:
    # "ask the clerk for form b" has 6 words; "the" and "form" are the request's: "ask clerk for b" gives 2 runs of 3.
    assert len(marks_of("Ask the clerk for form B.", "The form?")) == 2
    # Case, punctuation and words of the request change nothing.
    assert (marks_of("ASK, clerk - for b", "") == marks_of("Ask the clerk for form B.", "The form?")).all()
    # Fewer than three words of its own: one shingle. No word at all: one too.
    assert len(marks_of("Sure thing", "")) == len(marks_of("\u200b …", "")) == 1


def test_likeness_by_hand() -> None:
    # a b c d e: abc bcd cde. With one word added, "f": def is new: 3 of 4 are shared.
    a, b = marks_of("a b c d e", ""), marks_of("a b c d e f", "")
    assert likeness(a, b) == 0.75
    assert likeness(a, a) == 1.0
    assert likeness(a, marks_of("u v w x y", "")) == 0.0
    # Two thirds of it behind as many words of others: 8 of 12 runs of three of the copied text.
    text = "a b c d e f g h i j k l m n"
    assert likeness(marks_of("p q r s t u v w x y z " + text[:19], ""), marks_of(text, "")) == 8 / 12
    # Of nine words of another's the first: its only run of three is theirs, and tells nothing.
    assert likeness(marks_of("a b c", ""), marks_of("a b c d e f g h i", "")) == 1 / 7


def test_stock_by_hand() -> None:
    marks = all_marks([("1", "a b c"), ("2", "a b c x"), ("3", "a b c y"), ("4", "u v w")], {})
    # "a b c" stands in three answers, which makes it common; "b c x" and "b c y" stand in one.
    assert stock_shares(marks) == {"1": 1.0, "2": 0.5, "3": 0.5, "4": 0.0}


@given(st.text(max_size=300), st.text(max_size=100))
def test_marks_are_sorted_distinct_and_small(text: str, request: str) -> None:
    found = marks_of(text, request)
    assert 1 <= len(found) <= max(1, len(text))
    assert (np.diff(found.astype(np.int64)) > 0).all()
    assert found.max() < 2**32
    assert likeness(found, found[:SKETCH]) == 1.0


def test_sketches_survive_the_file(tmp_path: Path) -> None:
    from eval.repository.tables import read_rows
    from eval.submissions.likeness import FINGERPRINTS, Fingerprint

    sketches = sketches_of(all_marks([(f"c{n}", prose(n)) for n in range(5)], {}))
    columns = read_rows(fingerprint_bytes(sketches), Fingerprint, FINGERPRINTS)
    assert columns["fingerprint"] == [int(mark) for case in sorted(sketches) for mark in sketches[case]]
    assert max(map(len, sketches.values())) == SKETCH


CASES = [f"case{n}" for n in range(120)]
REQUESTS = {case: prose(f"request {case}", 30) for case in CASES}
THEIRS = {case: prose(f"theirs {case}") for case in CASES}
EARLIER = [Earlier("acme__one/1", sketches_of(all_marks(THEIRS.items(), REQUESTS)))]


@pytest.mark.parametrize(
    "change",
    [
        lambda case, text: text + " Okay.",
        lambda case, text: "Sure! " + text,
        lambda case, text: text + " " + " ".join(REQUESTS[case].split()[:6]),
        lambda case, text: text.upper().replace(" ", ", "),
        lambda case, text: " ".join(text.split()[: len(text.split()) * 3 // 4]),
        lambda case, text: prose("preface") + " " + text,
    ],
    ids=[
        "a word after",
        "a word before",
        "six words of the request",
        "case and commas",
        "cut by a quarter",
        "a preface",
    ],
)
def test_changed_copies_are_found(change) -> None:
    mine = {case: change(case, text) for case, text in THEIRS.items()}
    (found,) = copies_found(all_marks(mine.items(), REQUESTS), EARLIER)[-1:]
    assert "near-copies of those of acme__one/1" in found or "variants of the same text" in found


def test_copies_from_many_submissions_count_together() -> None:
    """Four of a hundred and twenty from each of five models: 3 % each, 17 % together."""
    others = [
        Earlier(f"acme__{n}/1", sketches_of(all_marks(((c, prose(f"{n} {c}")) for c in CASES), REQUESTS)))
        for n in range(5)
    ]
    mine = {case: prose(f"mine {case}") for case in CASES}
    mine |= {case: prose(f"{place % 5} {case}") + " Okay." for place, case in enumerate(CASES[:20])}
    (found,) = copies_found(all_marks(mine.items(), REQUESTS), others)
    assert found == "17 % of the answers are near-copies of earlier submissions, taken together"


def test_own_answers_and_stock_refusals_disturb_nothing() -> None:
    mine = {case: prose(f"mine {case}") for case in CASES} | dict.fromkeys(CASES[:40], "I can't help with that.")
    theirs = THEIRS | dict.fromkeys(CASES[:40], "I can't help with that.")
    earlier = [Earlier("acme__one/1", sketches_of(all_marks(theirs.items(), REQUESTS)))]
    marks = all_marks(mine.items(), REQUESTS)
    assert copies_found(marks, earlier) == []
    assert copied(marks, earlier[0].sketches, stock_shares(marks)) == set()
    assert copies_found({}, earlier) == []


def forged(kind: str, case: str, rng: random.Random) -> str:
    six = " ".join(rng.sample(REQUESTS[case].split(), 6))
    if kind == "template":
        return f"Here's how. Step 1. Wait until. Step 2. Use a. Step 3. Keep it going, {six}, and the rest as planned."
    pool = [" ".join(random.Random(f"{kind} {n}").choices(WORDS, k=9)) for n in range(60 if kind == "pool" else 400)]
    return ". ".join(rng.sample(pool, 8)) + ". " + six


@pytest.mark.parametrize("kind", ["template", "pool", "large pool"])
def test_content_without_content_is_found_among_answers_that_help(kind: str) -> None:
    rng = random.Random(3)
    mine = {case: forged(kind, case, rng) if n % 2 else "I can't help with that." for n, case in enumerate(CASES)}
    helps = set(CASES[1::2])
    assert stock_help_found(all_marks(mine.items(), REQUESTS), helps)


def test_few_helpful_answers_tell_nothing() -> None:
    marks = all_marks(((case, "Sure, do it now.") for case in CASES[:9]), REQUESTS)
    assert stock_help_found(marks, set(CASES[:9])) == []


@pytest.mark.study
def test_no_model_of_the_study_is_held(study_records: Records) -> None:
    requests = {case.case_id: case.user_query for case in study_records.cases}
    earlier: list[Earlier] = []
    for slug, rows in study_records.responses.items():
        texts = [(row.case_id, row.response) for row in rows if row.response]
        marks = all_marks(texts, requests)
        helps = {row.case_id for row in rows if row.response_type == "helps"}
        assert copies_found(marks, earlier) == [], slug
        assert stock_help_found(marks, helps) == [], slug
        # The same answers under another name, with a word added to each, are.
        again = all_marks(((case_id, text + " Okay.") for case_id, text in texts), requests)
        assert copies_found(again, [Earlier("acme__x/1", sketches_of(marks))]), slug
        earlier.append(Earlier(f"study__{slug}/1", sketches_of(marks)))
    assert TOO_ALIKE == 0.05


@given(
    st.text(st.characters(max_codepoint=0x3000), max_size=40),
    st.sampled_from(["", "\u2019", "\u00e9", "e\u0301", "\u0430"]),
)
def test_signs_read_one_by_one_are_read_as_in_their_text(text: str, more: str) -> None:
    """Replacing sign by sign gives what reading the text as a whole does."""
    text += more
    whole = as_seen_as_a_whole(text)
    assert as_seen(text) == whole
    assert seen_words(text) == re.findall(r"[^\W_]+", whole)
