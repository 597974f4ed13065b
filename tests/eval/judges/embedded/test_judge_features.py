"""The hashed features against a slow reading of the same definition, and against odd text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.dataset.records import Case
from eval.judges.embedded import case_features as cases
from eval.judges.embedded import features
from tests.support.answers import make_case

WORD = re.compile(rb"[a-z0-9'\x80-\xff]+")
MASK = (1 << 64) - 1
TEXTS = st.text(st.sampled_from("abc I'’\n.—é好\ud800 "), max_size=60)


def profile_of(case: Case) -> cases.CaseProfile:
    return cases.profile(case, cases.case_words(case))


def slow_mix(value: int) -> int:
    value = value * 0x9E3779B97F4A7C15 & MASK
    return (value ^ value >> 29) * 0xC2B2AE3D27D4EB4F & MASK


def slow_slots(words: list[bytes], sizes: int, block: int) -> list[int]:
    hashes = [slow_mix(sum(b * pow(0x100000001B3, i % 64 + 1, 1 << 64) for i, b in enumerate(w)) & MASK) for w in words]
    slots = set()
    for size in range(1, sizes + 1):
        for start in range(len(words) - size + 1):
            total = hashes[start] + 1000003 * block + size & MASK
            for step in range(1, size):
                total = slow_mix(total) + hashes[start + step] & MASK
            slots.add(slow_mix(total) >> (64 - features.BITS))
    return sorted(slots)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_slots_are_those_of_a_slow_reading(texts: list[str]) -> None:
    parts = features.answer_words(texts)
    blocks = features.answer_blocks(parts, len(texts))
    for item, text in enumerate(texts):
        words = WORD.findall(features.normalise(text).encode("utf-8", "surrogatepass"))
        chosen = (words, words[: features.HEAD_WORDS], words[-features.TAIL_WORDS :])
        for number, (block, mine) in enumerate(zip(blocks, chosen, strict=True)):
            got = block.slots[block.bounds[item] : block.bounds[item + 1]].tolist()
            assert got == slow_slots(mine, features.GRAMS[number], number)


def test_head_tail_and_body_end_where_they_should() -> None:
    words = [f"w{n}" for n in range(200)]
    body, head, tail = features.answer_words([" ".join(words)])
    assert head.hashes.tolist() == body.hashes[: features.HEAD_WORDS].tolist()
    assert tail.hashes.tolist() == body.hashes[-features.TAIL_WORDS :].tolist()
    assert tail.spell(0, 2) == "w160 w161"
    long = "x " * features.BODY_CHARS
    assert features.answer_words([long])[0].hashes.size == features.BODY_CHARS // 2


def test_typography_makes_no_difference() -> None:
    plain = 'I can\'t help - "really" now'
    fancy = "I\u00a0CAN’T help — “really” n\u200bow"
    assert features.normalise(fancy) == features.normalise(plain)


@settings(max_examples=50)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_an_answers_features_do_not_depend_on_its_neighbours(texts: list[str]) -> None:
    together = features.answer_blocks(features.answer_words(texts), len(texts))
    for item, text in enumerate(texts):
        alone = features.answer_blocks(features.answer_words([text]), 1)
        for one, all_of_them in zip(alone, together, strict=True):
            mine = all_of_them.slots[all_of_them.bounds[item] : all_of_them.bounds[item + 1]]
            assert mine.tolist() == one.slots.tolist()


def test_overlap_is_the_share_of_a_cases_longer_words() -> None:
    # Longer words of the rule: bicycles, hall; the answer has one of the two, so bin 5 of 10.
    case = make_case("c", "content_defeat", "school", policy="No bicycles in the hall", user_query="")
    body = features.answer_words(["Leave it in the hall."])[0]
    *_, overlap = cases.case_blocks([profile_of(case)], body)
    bins = (overlap.slots - (1 << features.CASE_BITS)) % cases.TENTHS
    whole_answer_rule, head_rule = bins[0], bins[len(cases.OVERLAP_TEXTS)]
    assert (whole_answer_rule, head_rule) == (5, 5)
    # No defeat condition, no facts, no request: nothing to take up.
    assert bins[[1, 2, 3]].tolist() == [0, 0, 0]


def test_a_cases_labels_are_told_apart() -> None:
    one = profile_of(make_case("c", "content_defeat", "school"))
    other = profile_of(make_case("c", "content_defeat", "union"))
    assert np.array_equal(one.words, other.words)
    # Authority type, group (semi-voluntary for both) and cell: two of three differ.
    assert len(set(one.labels.tolist()) - set(other.labels.tolist())) == 2


@pytest.mark.parametrize("text", ["", " \n ", "。。。", "\ud800", "x" * 70])
def test_text_with_few_words_or_none(text: str) -> None:
    blocks = features.answer_blocks(features.answer_words([text]), 1)
    assert [len(block.bounds) for block in blocks] == [2, 2, 2]
