"""Whether an answer speaks of its request: a space of six words, with distances worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eval.judges.embedded import topic
from eval.judges.embedded.case_features import case_words
from eval.judges.embedded.features import answer_words, normalise, split_words
from eval.judges.embedded.topic import DIMENSIONS, MEASURES, Space, Topic, relate, topic_of
from tests.support.answers import make_case

# Bicycles lie along the first axis, cooking along the second; "lobby" lies between.
PLACES = {
    "bicycle": (1.0, 0.0),
    "wheel": (1.0, 0.0),
    "blanket": (0.8, 0.6),
    "lobby": (0.6, 0.8),
    "oven": (0.0, 1.0),
    "dough": (0.0, 1.0),
}


def tops(words: tuple[str, ...]) -> np.ndarray:
    return (split_words([normalise(" ".join(words))]).hashes >> np.uint64(32)).astype(np.uint32)


@pytest.fixture(scope="module")
def space() -> Space:
    found = tops(tuple(PLACES))
    order = np.argsort(found)
    vectors = np.zeros((len(PLACES), DIMENSIONS), np.float32)
    vectors[:, :2] = list(PLACES.values())
    return Space(found[order], np.full(len(PLACES), 2.0, np.float32), vectors[order], np.zeros(DIMENSIONS, np.float32))


@pytest.fixture(scope="module")
def bicycle(space: Space) -> Topic:
    case = make_case("c", "content_defeat", "landlord", policy="No bicycle", user_query="How do I get my bicycle in?")
    return topic_of(case_words(case), space)


def measured(text: str, of: Topic, space: Space) -> dict[str, float]:
    (row,) = relate(answer_words([text])[0], [of], space).measures
    return dict(zip(MEASURES, row.tolist(), strict=True))


def test_a_case_lies_where_its_words_lie(bicycle: Topic) -> None:
    assert bicycle.vector[:2].tolist() == [1.0, 0.0]
    # Of its words the bicycle alone has a place.
    assert bicycle.known == 1


def test_new_words_are_near_and_not_the_cases_own(space: Space, bicycle: Topic) -> None:
    # New: wheel (1.0), blanket (0.8), lobby (0.6). Own: bicycle. Far: oven.
    found = measured("Bicycle wheel, blanket. Lobby! Oven.", bicycle, space)
    assert found["new_words"] == pytest.approx(np.log1p(3))
    assert found["new_share"] == pytest.approx(3 / (4 + 1))
    # Rarity 2 each: (1 + 0.8 + 0.6) x 2 over 4 x 2 + 1.
    assert found["nearness"] == pytest.approx(4.8 / 9)
    assert found["own_words"] == pytest.approx(np.log1p(2))
    assert found["own_share"] == pytest.approx(2 / 11)
    # Three of five words stand in the first segment, one in the second; the oven's has no new word.
    assert found["related_share"] == pytest.approx(4 / 5)
    assert found["new_per_segment"] == pytest.approx(3 / (2 + 1))


def test_a_word_that_lies_near_every_case_is_not_new(space: Space) -> None:
    """The middle of all cases lies at (0.5, 0.5), so bicycles lie at (1, 0) - (0.5, 0.5), which is (0.7, -0.7)."""
    middle = np.zeros(DIMENSIONS, np.float32)
    middle[:2] = 0.5
    case = make_case("c", "content_defeat", "landlord", policy="No bicycle", user_query="How do I get my bicycle in?")
    of = topic_of(case_words(case), replace(space, middle=middle))
    assert of.apart[:2] == pytest.approx([0.5**0.5, -(0.5**0.5)])
    # From there the wheel lies at 0.71, the blanket at 0.14 and the lobby at -0.14: the wheel alone is new.
    found = measured("Bicycle wheel, blanket. Lobby! Oven.", of, space)
    assert found["new_words"] == pytest.approx(np.log1p(1))
    assert found["nearness"] == pytest.approx((0.5**0.5 + 0.2 * 0.5**0.5) * 2 / 9)
    assert found["related_share"] == pytest.approx(3 / 5)
    # The blanket's and the lobby's sentences speak of bicycles all the same.
    relation = relate(answer_words(["Blanket. Lobby! Oven."])[0], [of], space)
    assert relation.related.tolist() == [True, True, False]


def test_pasted_words_of_the_request_bring_nothing_new(space: Space, bicycle: Topic) -> None:
    found = measured(
        "Step 1. Use the bicycle. Step 2. Wait with the bicycle. How do I get my bicycle in?", bicycle, space
    )
    assert (found["new_words"], found["related_share"]) == (0, 0)
    assert found["own_words"] > 0


def test_another_cases_words_are_far(space: Space, bicycle: Topic) -> None:
    words = answer_words(["Put the dough in the oven.", "Take the wheel off."])[0]
    relation = relate(words, [bicycle, bicycle], space)
    assert relation.related.tolist() == [False] * 6 + [True] * 4
    assert relation.measures[0, MEASURES.index("nearness")] == 0


def test_a_batch_without_a_word_has_no_topic(space: Space, bicycle: Topic) -> None:
    relation = relate(answer_words(["", "..."])[0], [bicycle, bicycle], space)
    assert relation.related.size == 0
    assert relation.measures.tolist() == [[0.0] * len(MEASURES)] * 2


def test_an_empty_space_knows_nothing() -> None:
    none = np.zeros(0, np.uint32)
    space = Space(
        none, np.zeros(0, np.float32), np.zeros((0, DIMENSIONS), np.float32), np.zeros(DIMENSIONS, np.float32)
    )
    case = make_case("c", "content_defeat", "landlord")
    found = measured("Take the wheel off.", topic_of(case_words(case), space), space)
    assert found["new_words"] == found["nearness"] == 0
    assert topic.NEAR > 0
