"""Hashed words of an answer and of its case, for a whole batch at once and with numpy alone.

A text becomes bytes, bytes become words, words become 64-bit hashes, and runs of words become
n-grams; no Python loop runs over words. A feature is one slot of a table, present or absent in
a block of an item (its body, its head, its tail, its case), never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION: Final = "1"
# The table of the answer's n-grams has 2**BITS rows, the one of the case's words 2**CASE_BITS.
BITS: Final = 18
CASE_BITS: Final = 15
# What is read of an answer: its first characters, and its last ones for how it ends.
BODY_CHARS: Final = 6000
TAIL_CHARS: Final = 500
HEAD_WORDS: Final = 50
TAIL_WORDS: Final = 40
# The longest n-grams of body, head and tail.
GRAMS: Final = (2, 3, 3)
# A segment ends at a full stop, at a line break, and at so many words.
SEGMENT_WORDS: Final = 40

Hashes = NDArray[np.uint64]
Index = NDArray[np.int64]

_PRIME, _MIX_A, _MIX_B = (
    np.uint64(0x100000001B3),
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
)
_FOLD: Final = np.uint64(29)
# Longer words are told apart by these bytes and their length's remainder.
_WORD_BYTES: Final = 64
_POWERS: Final = np.cumprod(np.full(_WORD_BYTES, _PRIME, np.uint64))
_LETTER: Final = np.zeros(256, np.bool_)
_LETTER[[*b"abcdefghijklmnopqrstuvwxyz0123456789'"]] = True
# Bytes of letters beyond ASCII: a word in any script is a word.
_LETTER[128:] = True
_STOP: Final = np.zeros(256, np.bool_)
_STOP[[*b".!?\n"]] = True

_PLAIN: Final = (
    dict.fromkeys("‘’‛ʼ`´′", "'")
    | dict.fromkeys("“”„«»″", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f", " ")
    | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", "")
)


class Words(NamedTuple):
    """The words of a batch, in order: hash, item, position within the item, first byte and end in ``text``."""

    hashes: Hashes
    item: Index
    rank: Index
    start: Index
    end: Index
    text: bytes

    def pick(self, keep: NDArray[np.bool_]) -> Words:
        """Some of the words."""
        return Words(self.hashes[keep], self.item[keep], self.rank[keep], self.start[keep], self.end[keep], self.text)

    def spell(self, first: int, size: int) -> str:
        """Some words in a row, with a space between them."""
        parts = (self.text[self.start[n] : self.end[n]] for n in range(first, first + size))
        return b" ".join(parts).decode("utf-8", "replace")


class Block(NamedTuple):
    """Distinct slots by item: item i has ``slots[bounds[i]:bounds[i + 1]]``, sorted."""

    bounds: Index
    slots: NDArray[np.int32]


def normalise(text: str) -> str:
    """Lower case, with straight quotes, plain dashes and spaces, and no invisible characters.

    Providers differ in typography: a judge that sees it learns the model and not the answer.
    """
    if not text.isascii():
        # Most of them are in no text: to look for each is faster than to translate every character.
        for sign, plain in _PLAIN.items():
            if sign in text:
                text = text.replace(sign, plain)
    return text.lower()


def split_words(texts: Sequence[str]) -> Words:
    """The words of normalised texts."""
    blobs = [text.encode("utf-8", "surrogatepass") for text in texts]
    # A line break after every text keeps the words of two texts apart.
    joined = b"\n".join((b"", *blobs, b""))
    data = np.frombuffer(joined, np.uint8)
    letter = _LETTER[data]
    edges = np.flatnonzero(letter[1:] != letter[:-1]) + 1
    start, end = edges[0::2], edges[1::2]
    if not start.size:
        empty = np.zeros(0, np.int64)
        return Words(np.zeros(0, np.uint64), empty, empty, empty, empty, joined)
    length = end - start
    first = np.cumsum(length) - length
    place = (np.arange(first[-1] + length[-1]) - np.repeat(first, length)) % _WORD_BYTES
    # A word's hash is the sum of byte x prime ** place, modulo 2 ** 64, then mixed.
    hashes = mixed(np.add.reduceat(data[letter] * _POWERS[place], first))
    ends = np.cumsum(np.fromiter((len(blob) + 1 for blob in blobs), np.int64, len(blobs)))
    item = np.searchsorted(ends, start - 1, side="right")
    counts = np.bincount(item, minlength=len(blobs))
    rank = np.arange(start.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return Words(hashes, item, rank, start, end, joined)


def answer_words(texts: Sequence[str]) -> tuple[Words, Words, Words]:
    """The words of body, head and tail of some answers."""
    body = split_words([normalise(text[:BODY_CHARS]) for text in texts])
    ending = split_words([normalise(text[-TAIL_CHARS:]) for text in texts])
    counts = np.bincount(ending.item, minlength=len(texts))
    tail = ending.pick(ending.rank >= counts[ending.item] - TAIL_WORDS)
    return body, body.pick(body.rank < HEAD_WORDS), tail


def segments(words: Words) -> Index:
    """The number, from 0, of the sentence, line or run of SEGMENT_WORDS words that each word stands in."""
    if not words.hashes.size:
        return np.zeros(0, np.int64)
    stops = np.cumsum(_STOP[np.frombuffer(words.text, np.uint8)])
    new = np.ones(words.hashes.size, np.bool_)
    new[1:] = (stops[words.start[1:]] > stops[words.end[:-1] - 1]) | (words.item[1:] != words.item[:-1])
    first = np.flatnonzero(new)
    place = np.arange(new.size) - np.repeat(first, np.diff(np.append(first, new.size)))
    return np.asarray(np.cumsum(place % SEGMENT_WORDS == 0) - 1)


def later_windows(text: str) -> list[str]:
    """What an answer says between its first BODY_CHARS and its last TAIL_CHARS, in windows of BODY_CHARS."""
    found, at = [], BODY_CHARS
    while len(text) - at > TAIL_CHARS:
        # From the beginning of a word on, where there is one near.
        begins = max(text.rfind(sign, at - TAIL_CHARS, at) for sign in " \n")
        begins = at if begins < 0 else begins
        found.append(text[begins : begins + BODY_CHARS])
        at = begins + BODY_CHARS
    return found


def gram_slots(words: Words, size: int, block: int) -> tuple[NDArray[np.uint32], Index]:
    """The slot of every run of ``size`` words within one item, and the number of its first word."""
    if words.hashes.size < size:
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    last = words.hashes.size - size + 1
    total = words.hashes[:last] + np.uint64(1000003 * block + size)
    for step in range(1, size):
        total = mixed(total) + words.hashes[step : step + last]
    first = np.flatnonzero(words.item[:last] == words.item[size - 1 :])
    return (mixed(total[first]) >> np.uint64(64 - BITS)).astype(np.uint32), first


def gram_block(words: Words, sizes: int, block: int, items: int) -> Block:
    """The distinct slots of the 1- to ``sizes``-grams of each item; keys have 32 bits, so 2 ** (32 - BITS) at most."""
    keys = []
    for size in range(1, sizes + 1):
        slots, first = gram_slots(words, size, block)
        keys.append((words.item[first].astype(np.uint32) << np.uint32(BITS)) | slots)
    return _distinct(np.concatenate(keys), items)


def answer_blocks(parts: tuple[Words, Words, Words], items: int) -> tuple[Block, Block, Block]:
    """The blocks of ``answer_words``: body 1-2-grams, head and tail 1-3-grams."""
    body, head, tail = (
        gram_block(words, sizes, number, items) for number, (words, sizes) in enumerate(zip(parts, GRAMS, strict=True))
    )
    return body, head, tail


def _distinct(keys: NDArray[np.uint32], items: int) -> Block:
    keys.sort()
    if keys.size:
        keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))]
    starts = np.arange(items + 1, dtype=np.uint64) << np.uint64(BITS)
    slots = (keys & np.uint32((1 << BITS) - 1)).astype(np.int32)
    return Block(np.searchsorted(keys, starts).astype(np.int64), slots)


def mixed(hashes: Hashes) -> Hashes:
    """Hashes with all of their bits stirred."""
    mixed = hashes * _MIX_A
    mixed ^= mixed >> _FOLD
    mixed *= _MIX_B
    return mixed
