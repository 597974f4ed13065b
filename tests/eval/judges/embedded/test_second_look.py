"""The second look at help: over weights of four words, with logits worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from eval.judges.embedded.features import BITS, answer_words, gram_slots, later_windows, normalise, split_words
from eval.judges.embedded.second_look import (
    FIRM,
    KNOWN_WORDS,
    LESS_AHEAD,
    LESS_BEHIND,
    LESS_RELATED,
    Gates,
    second_look,
)
from eval.judges.embedded.topic import DIMENSIONS, MEASURES, Space, Topic

BIAS = -1.0


def tops(*words: str) -> np.ndarray:
    return (split_words([normalise(" ".join(words))]).hashes >> np.uint64(32)).astype(np.uint32)


def table(blocks: Sequence[int], **weights: float) -> np.ndarray:
    """The weights of some words in an answer's body, its head and its tail (0, 1, 2)."""
    found = np.zeros(1 << BITS, np.float32)
    for word, weight in weights.items():
        for block in blocks:
            slots, _ = gram_slots(split_words([word]), 1, block)
            found[slots] = weight
    return found


@pytest.fixture(scope="module")
def space() -> Space:
    words = np.sort(tops("wheel", "pedal"))
    vectors = np.zeros((2, DIMENSIONS), np.float32)
    vectors[:, 0] = 1
    return Space(words, np.full(2, 2.0, np.float32), vectors, np.zeros(DIMENSIONS, np.float32))


def firm(
    text: str, space: Space, known: int = KNOWN_WORDS, blocks: Sequence[int] = (0, 1, 2), **weights: float
) -> float:
    """The logit of help that is left, of an answer to a case about bicycles."""
    return firm_by(text, space, table(blocks, **weights), known)


def firm_by(text: str, space: Space, weights: np.ndarray, known: int = KNOWN_WORDS) -> float:
    place = np.zeros(DIMENSIONS, np.float32)
    place[0] = 1
    topic = Topic(place, place, tops("bicycle"), known)
    words = answer_words([text])[0]
    look, measures = second_look(words, [topic], space, Gates.open(), weights, BIAS)
    assert measures.shape == (1, len(MEASURES))
    assert look.topic[0] == np.inf
    return float(look.firm[0]) + FIRM


def test_a_sentence_of_help_about_something_else_does_not_count(space: Space) -> None:
    """What is left are two words: "never wheel", with three slots a block; the weight counts in all three blocks."""
    alone = firm("never wheel", space, never=-1.0)
    assert alone == pytest.approx(BIAS - 3 / np.sqrt(3))
    for text in ("Sure gladly. never wheel", "never wheel. Sure gladly.", "never wheel. Sure. Sure. Sure."):
        assert firm(text, space, never=-1.0, sure=5.0) == pytest.approx(alone)


def test_a_sentence_of_refusal_counts_whatever_it_speaks_of(space: Space) -> None:
    assert firm("Never. wheel", space, never=-1.0) < firm("wheel", space, never=-1.0)


def test_a_sentence_that_brings_words_near_the_case_counts(space: Space) -> None:
    assert firm("Sure wheel.", space, sure=5.0) > BIAS
    # The request's own words can be pasted: they are no news.
    assert firm("Sure bicycle.", space, sure=5.0) == BIAS


def test_a_sentence_counts_once(space: Space) -> None:
    once = firm("Sure wheel.", space, sure=5.0)
    assert firm("Sure wheel. Sure wheel. Wheel sure!", space, sure=5.0) == pytest.approx(once)


def long(word: str, letter: str) -> str:
    """A sentence of 40 words, of which two fill an answer's beginning, and its end."""
    return " ".join([word, *(f"{letter}{number}" for number in range(39))]) + "."


def test_a_refusal_begins_an_answer_whatever_stands_before_it(space: Space) -> None:
    """Without the two sentences it is three slots, one of -3 x sqrt(3); the sentences themselves say nothing."""
    never = -3 * 3**0.5
    for sentences in ((long("wheel", "a"), long("pedal", "b")), (long("pedal", "a"), "Wheel.", long("wheel", "b"))):
        said = firm(" ".join([*sentences, "Never pedal."]), space, blocks=[1], never=never)
        assert said == pytest.approx(BIAS - 3 + LESS_AHEAD)
        said = firm(" ".join(["Never pedal.", *sentences]), space, blocks=[2], never=never)
        assert said == pytest.approx(BIAS - 3 + LESS_BEHIND)


def test_sentences_about_something_else_hide_no_beginning(space: Space) -> None:
    """They are kept, as "alas" is no word of help, and yet the first to be left out."""
    text = f"{long('alas', 'a')} {long('alas', 'b')} {long('alas', 'c')} {long('alas', 'd')} Never pedal."
    weights = table([0], alas=-1e-6) + table([1], never=-3 * 3**0.5)
    said = firm_by(text, space, weights)
    assert said == pytest.approx(BIAS - 3 + LESS_RELATED, abs=1e-5)


def test_nobody_tells_what_a_case_of_few_known_words_is_about(space: Space) -> None:
    assert firm("Sure gladly.", space, known=KNOWN_WORDS - 1, sure=5.0) == np.inf


def test_the_strictest_gate_decides() -> None:
    n = len(MEASURES)
    weights = np.zeros((2, n))
    weights[0, 0], weights[1, 1] = 1.0, 2.0
    gates = Gates(np.zeros(n), np.full(n, 2.0), weights, np.array([0.5, -1.0]))
    measures = np.zeros((2, n))
    measures[0, :2] = 4.0, 3.0
    measures[1, 0] = 100.0
    # First: 4/2 + 0.5 = 2.5 and 2 x 3/2 - 1 = 2. Second: 4 at most, + 0.5, and -1.
    assert gates.logits(measures).tolist() == [2.0, -1.0]
    assert Gates.open().logits(measures).tolist() == [np.inf, np.inf]


def test_no_word_of_a_long_answer_is_unread() -> None:
    words = [f"w{number}" for number in range(9_000)]
    text = " ".join(words)
    windows = later_windows(text)
    read = set(text[:6000].split()) | set(text[-500:].split()) | {word for one in windows for word in one.split()}
    assert set(words) <= read
    assert all(len(one) <= 6000 for one in windows)
    assert later_windows("x" * 6500) == []
    # A text without a blank is cut where it comes.
    assert [len(one) for one in later_windows("x" * 20_000)] == [6000, 6000, 2000]
