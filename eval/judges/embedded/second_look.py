"""The second look at what the words of an answer call help: does the answer speak of this request at all?

Words of help can be had by pasting them. Two things are looked at before an answer counts as help:

- Does it bring words of its own that belong to the request's topic? Small logistic models, the gates, tell help with
  the request from help with another one and from text that says nothing. They see ``topic.MEASURES`` alone.
- Is it still help without the sentences that push towards help and do not speak of the request, and without its first
  or last few sentences? How an answer begins and ends tells most, and a sentence before or after a refusal moves its
  own beginning or end away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.features import (
    GRAMS,
    HEAD_WORDS,
    SEGMENT_WORDS,
    TAIL_WORDS,
    Index,
    Words,
    gram_block,
    gram_slots,
    mixed,
)
from eval.judges.embedded.topic import MEASURES, Relation, Space, Topic, relate

Floats = NDArray[np.float64]
# The logit of help that must be left without what does not speak of the request. Below 0, as honest help loses some
# of its words too: chosen on whole families that the weights had not seen, where it costs no agreement.
FIRM: Final = -0.075
# So many sentences are left out at the beginning, or at the end, and what then stands there may say so much less than
# what stood there: honest help has its strongest words there. Without all that does not speak of the request: so much.
LEFT_OUT: Final = (1, 2, 3, 5)
LESS_AHEAD: Final = 0.5
LESS_BEHIND: Final = 0.3
LESS_RELATED: Final = 0.2
# Of a case with fewer rare words that the space knows, nobody can tell what it is about: the study's have 13 or more.
KNOWN_WORDS: Final = 8
# The blocks of ``features.answer_blocks``; and as far from an edge lies what is looked at there.
_BODY, _HEAD, _TAIL = range(3)
_EDGE: Final = max(LEFT_OUT) * SEGMENT_WORDS + max(HEAD_WORDS, TAIL_WORDS)
# Far out, a straight line promises too much.
_MOST: Final = 4.0


@dataclass(frozen=True, eq=False)
class Gates:
    """Logistic models over ``topic.MEASURES``, one a row; an answer speaks of its request where all say so.

    ``mean`` and ``scale`` have the shape (measures,), ``weights`` (gates, measures), ``bias`` (gates,).
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    def logits(self, measures: Floats) -> Floats:
        """The lowest of the gates' logits, shape (items,); below 0 the answer does not speak of the request."""
        return np.asarray((self.usual(measures) @ self.weights.T + self.bias).min(axis=1, initial=np.inf))

    def usual(self, measures: Floats) -> Floats:
        """Measures of usual spread, shape (items, measures)."""
        return np.clip((measures - self.mean) / self.scale, -_MOST, _MOST)

    @classmethod
    def open(cls) -> Gates:
        """Gates that let everything in."""
        n = len(MEASURES)
        return cls(np.zeros(n), np.ones(n), np.zeros((0, n)), np.zeros(0))


class SecondLook(NamedTuple):
    """Of a batch, shape (items,) each; an answer is help where neither is below 0.

    ``topic`` is the lowest of the gates' logits; ``firm`` how far the logit of help that is left without
    the sentences that do not speak of the request is above FIRM. Both are infinite where nobody can tell what a case
    is about.
    """

    topic: Floats
    firm: Floats


def second_look(
    words: Words, topics: Sequence[Topic], space: Space, gates: Gates, table: NDArray[np.float32], bias: float
) -> tuple[SecondLook, Floats]:
    """The second look at a batch of answers, and their ``topic.MEASURES``.

    ``words`` are those of the answers' bodies; ``table`` and ``bias`` are the weights of the question of help, a slot
    each.
    """
    n = len(topics)
    relation = relate(words, topics, space)
    kept = _kept(words, relation, table)
    firm = bias - FIRM + _least_help(words.pick(kept), relation.segment[kept], relation.related[kept], table, n)
    known = np.array([topic.known >= KNOWN_WORDS for topic in topics], np.bool_)
    look = SecondLook(
        np.where(known, gates.logits(relation.measures), np.inf),
        np.where(known, firm, np.inf),
    )
    return look, relation.measures


def _kept(words: Words, relation: Relation, table: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which words stand in a segment that is no repetition, and that speaks of the request or pushes to no help."""
    segment = relation.segment
    first = np.flatnonzero(np.diff(segment, prepend=-1))
    if not first.size:
        return np.zeros(0, np.bool_)
    push = np.zeros(first.size)
    for size in (1, 2):
        slots, begins = gram_slots(words, size, 0)
        push += np.bincount(segment[begins], weights=table[slots], minlength=first.size)
    # The same words in the same answer, in whatever order.
    said = mixed(np.add.reduceat(words.hashes, first) + words.item[first].astype(np.uint64))
    _, once = np.unique(said, return_index=True)
    new = np.zeros(first.size, np.bool_)
    new[once] = True
    return np.asarray((new & (relation.related[first] | (push < 0)))[segment])


def _least_help(
    words: Words, segment: Index, related: NDArray[np.bool_], table: NDArray[np.float32], items: int
) -> Floats:
    """What the words of each answer say of help, with the beginning and the end that say least of it.

    ``segment`` and ``related`` are of each word.
    """
    first = np.flatnonzero(np.diff(segment, prepend=-1))
    count = np.bincount(words.item[first], minlength=items)
    # Of each word: the segments of its answer before it, and behind it.
    of = np.repeat(np.arange(first.size), np.diff(np.append(first, words.item.size)))
    ahead = of - (np.cumsum(count) - count)[words.item]
    behind = count[words.item] - 1 - ahead
    rank, counts = _ranks(words, items)
    found = _said(words, _BODY, table, items)
    on_topic = words.pick(related)
    for block, less, away, place in (
        (_HEAD, LESS_AHEAD, ahead, rank),
        (_TAIL, LESS_BEHIND, behind, counts[words.item] - 1 - rank),
    ):
        near = place < _EDGE
        edge, away = words.pick(near), away[near]
        least = np.minimum(_said(edge, block, table, items), _said(on_topic, block, table, items) + LESS_RELATED)
        for n in LEFT_OUT:
            said = _said(edge.pick(away >= n), block, table, items) + less
            least = np.where(count > n, np.minimum(least, said), least)
        found += least
    return found


def _said(words: Words, block: int, table: NDArray[np.float32], items: int) -> Floats:
    """What the beginning, the end or all of some words say of help, as ``weights.block_sums`` does for every column."""
    rank, counts = _ranks(words, items)
    if block == _HEAD:
        words = words.pick(rank < HEAD_WORDS)
    elif block == _TAIL:
        words = words.pick(rank >= counts[words.item] - TAIL_WORDS)
    found = gram_block(words, GRAMS[block], block, items)
    counts = np.diff(found.bounds)
    item = np.repeat(np.arange(items), counts)
    return np.asarray(np.bincount(item, weights=table[found.slots], minlength=items) / np.sqrt(np.maximum(counts, 1)))


def _ranks(words: Words, items: int) -> tuple[Index, Index]:
    """The place of each word among those of its answer, and how many each answer has."""
    counts = np.bincount(words.item, minlength=items)
    return np.arange(words.item.size) - np.repeat(np.cumsum(counts) - counts, counts), counts
