"""The second look at help: over weights of four words, with logits worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from eval.judges.embedded.features import BITS, answer_words, gram_slots, later_windows, normalise, split_words
from eval.judges.embedded.second_look import FIRM, KNOWN_WORDS, Gates, second_look
from eval.judges.embedded.topic import DIMENSIONS, MEASURES, Space, Topic

BIAS = -1.0


def tops(*words: str) -> np.ndarray:
    return (split_words([normalise(" ".join(words))]).hashes >> np.uint64(32)).astype(np.uint32)


def table(**weights: float) -> np.ndarray:
    """The weights of some words in an answer's body, its head and its tail alike."""
    found = np.zeros(1 << BITS, np.float32)
    for word, weight in weights.items():
        for block in range(3):
            slots, _ = gram_slots(split_words([word]), 1, block)
            found[slots] = weight
    return found


@pytest.fixture(scope="module")
def space() -> Space:
    words = np.sort(tops("wheel", "pedal"))
    vectors = np.zeros((2, DIMENSIONS), np.float32)
    vectors[:, 0] = 1
    return Space(words, np.full(2, 2.0, np.float32), vectors)


def firm(text: str, space: Space, known: int = KNOWN_WORDS, **weights: float) -> float:
    """The logit of help that is left, of an answer to a case about bicycles."""
    place = np.zeros(DIMENSIONS, np.float32)
    place[0] = 1
    topic = Topic(place, tops("bicycle"), known)
    words = answer_words([text])[0]
    look, measures = second_look(words, [topic], space, Gates.open(), table(**weights), BIAS)
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
