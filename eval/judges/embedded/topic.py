"""Whether an answer speaks of the request that it answers, and which of its sentences do.

Words that occur in answers to the same cases lie near each other in a space (latent semantic indexing:
S. Deerwester and others, JASIS 1990, 391-407). A case lies where the words of its rule, ground, facts and
request do. A word of an answer is *new* where it is not one of the case's own words and yet lies near the
case, as seen from the middle of all cases. Pasting the request's words into a text brings no new word; help with
another case brings words that lie elsewhere, and words of getting things past people lie where all cases do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.features import Hashes, Index, Words, segments

Floats = NDArray[np.float64]
Tops = NDArray[np.uint32]

DIMENSIONS: Final = 48
# A segment speaks of the case where a word of it lies at least so near (cosine) and is at least so rare (log of cases
# per case that it occurs in).
NEAR: Final = 0.35
RARE: Final = 1.5
# A new word does so as seen from the middle of all cases.
NEAR_APART: Final = 0.25
MEASURES: Final = (
    "new_words",
    "new_share",
    "nearness",
    "own_words",
    "own_share",
    "related_share",
    "own_density",
    "new_per_segment",
    "variety",
    "length",
)


@dataclass(frozen=True, eq=False)
class Space:
    """Where words lie: sorted 32-bit hashes, rarity and unit vectors (words, DIMENSIONS).

    ``middle`` is the mean of the places of all cases, shape (DIMENSIONS,).
    """

    words: Tops
    rarity: NDArray[np.float32]
    vectors: NDArray[np.float32]
    middle: NDArray[np.float32]

    def find(self, words: Hashes) -> Index:
        """The place of each word in ``words``, or -1."""
        return _find(self.words, _top(words))


class Topic(NamedTuple):
    """Where a case lies (a unit vector, or zeros where none of its words has a place), and its own words.

    ``apart`` is the direction from the middle of all cases to it; ``known`` is how many of its words are rare and have
    a place.
    """

    vector: NDArray[np.float32]
    apart: NDArray[np.float32]
    own: Tops
    known: int


class Relation(NamedTuple):
    """Of a batch: the segment of each word, whether it brings a word near the case; and shape (items, MEASURES)."""

    segment: Index
    related: NDArray[np.bool_]
    measures: Floats


def topic_of(words: Words, space: Space) -> Topic:
    """The topic of a case with these ``case_words``; the same for every answer to it."""
    own = np.unique(_top(words.hashes))
    at = _find(space.words, own)
    at = at[at >= 0]
    place = _unit((space.rarity[at] @ space.vectors[at])[None])[0]
    return Topic(place, _unit((place - space.middle)[None])[0], own, int((space.rarity[at] > RARE).sum()))


def relate(words: Words, topics: Sequence[Topic], space: Space) -> Relation:
    """How a batch of whole answers takes up their cases' topics."""
    n, item = len(topics), words.item
    if not words.hashes.size:
        return Relation(np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((n, len(MEASURES))))
    tops = _top(words.hashes)
    at = _find(space.words, tops)
    known = np.flatnonzero(at >= 0)
    rarity, near, apart = (np.zeros(len(at), np.float32) for _ in range(3))
    rarity[known] = space.rarity[at[known]]
    vectors = space.vectors[at[known]]
    for found, places in ((near, [topic.vector for topic in topics]), (apart, [topic.apart for topic in topics])):
        found[known] = np.einsum("ij,ij->i", vectors, np.stack(places)[item[known]])
    own = np.zeros(len(at), np.bool_)
    bounds = np.searchsorted(item, np.arange(n + 1))
    for number, topic in enumerate(topics):
        mine = slice(bounds[number], bounds[number + 1])
        own[mine] = _find(topic.own, tops[mine]) >= 0
    rare = rarity > RARE
    segment = segments(words)
    related = (np.bincount(segment, weights=rare & ~own & (near > NEAR)) > 0)[segment]
    new = rare & ~own & (apart > NEAR_APART)
    has_new = np.bincount(segment, weights=new) > 0

    counts = np.maximum(np.bincount(item, minlength=n), 1)
    # Every word of an item once.
    once = np.unique((item.astype(np.uint64) << np.uint64(32)) | tops, return_index=True)[1]
    of = item[once]

    def total(values: NDArray[np.generic]) -> Floats:
        return np.asarray(np.bincount(of, weights=values[once], minlength=n), np.float64)

    news, owns, all_rarity = total(new), total(rarity * own), total(rarity)
    first = np.flatnonzero(np.diff(segment, prepend=-1))
    with_new = np.bincount(item[first], weights=has_new, minlength=n)
    measures = np.stack(
        [
            np.log1p(news),
            news / (total(rare & ~own) + 1),
            total(rarity * np.maximum(apart, 0) * ~own) / (total(rarity * ~own) + 1),
            np.log1p(owns),
            owns / (all_rarity + 1),
            np.bincount(item, weights=has_new[segment], minlength=n) / counts,
            np.bincount(item, weights=own & rare, minlength=n) / counts,
            news / (with_new + 1),
            np.bincount(of, minlength=n) / counts,
            np.log1p(np.bincount(item, minlength=n)),
        ],
        axis=1,
    )
    return Relation(segment, related, measures)


def _top(words: Hashes) -> Tops:
    """The upper half of the hashes: enough to tell some ten thousand words apart."""
    return (words >> np.uint64(32)).astype(np.uint32)


def _find(listed: Tops, wanted: Tops) -> Index:
    if not listed.size:
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(listed, wanted), listed.size - 1)
    return np.asarray(np.where(listed[at] == wanted, at, -1), np.int64)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)
