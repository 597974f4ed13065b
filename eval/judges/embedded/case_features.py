"""What the study's cases add to an answer: the case's words, its labels, and how far the answer takes them up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import DIMENSIONS
from eval.judges.embedded.features import CASE_BITS, HEAD_WORDS, Block, Hashes, Words, normalise, split_words

# Overlap is the share of a text's longer words that the answer uses, in tenths.
OVERLAP_TEXTS: Final = ("policy", "defeat_condition", "structural_facts", "user_query")
SHORTEST_WORD: Final = 4
TENTHS: Final = 10
OVERLAPS: Final = 2 * len(OVERLAP_TEXTS)
ROWS: Final = (1 << CASE_BITS) + OVERLAPS * TENTHS
LABELS: Final = (
    "defeat_family",
    "defeat_subtype",
    "authority_type",
    "authority_group",
    "cell",
    "dual_use",
    *(dimension.id for dimension in DIMENSIONS),
)


class CaseProfile(NamedTuple):
    """A case's slots in the case table, and the longer words of each of its texts."""

    words: NDArray[np.int32]
    labels: NDArray[np.int32]
    texts: tuple[Hashes, ...]


def case_words(case: Case) -> Words:
    """The words of a case, each of OVERLAP_TEXTS an item."""
    return split_words([normalise(case_text(case, name)) for name in OVERLAP_TEXTS])


def profile(case: Case, texts: Words) -> CaseProfile:
    """The profile of a case with these ``case_words``; the same for every answer to it."""
    long = texts.pick(texts.end - texts.start >= SHORTEST_WORD)
    return CaseProfile(
        np.unique(texts.hashes >> np.uint64(64 - CASE_BITS)).astype(np.int32),
        np.unique(np.array([_label_slot(name, getattr(case, name)) for name in LABELS], np.int32)),
        tuple(np.unique(long.hashes[long.item == number]) for number in range(len(OVERLAP_TEXTS))),
    )


def case_blocks(profiles: Sequence[CaseProfile], body: Words) -> tuple[Block, Block, Block]:
    """The case's words, its labels, and the overlap bins of each item of a batch."""
    shares = np.concatenate([_shares(profiles, body), _shares(profiles, body.pick(body.rank < HEAD_WORDS))], axis=1)
    bins = np.minimum((shares * TENTHS).astype(np.int32), TENTHS - 1)
    slots = (1 << CASE_BITS) + np.arange(OVERLAPS, dtype=np.int32) * TENTHS + bins
    overlap = Block(np.arange(len(profiles) + 1, dtype=np.int64) * OVERLAPS, slots.ravel())
    return _joined(p.words for p in profiles), _joined(p.labels for p in profiles), overlap


def _shares(profiles: Sequence[CaseProfile], words: Words) -> NDArray[np.float64]:
    """Shape (items, texts): the share of each text's longer words that stand among the words."""
    bounds = np.searchsorted(words.item, np.arange(len(profiles) + 1))
    shares = np.zeros((len(profiles), len(OVERLAP_TEXTS)))
    for number, one in enumerate(profiles):
        used = np.sort(words.hashes[bounds[number] : bounds[number + 1]])
        if used.size:
            for column, wanted in enumerate(one.texts):
                if wanted.size:
                    at = np.minimum(np.searchsorted(used, wanted), used.size - 1)
                    shares[number, column] = np.mean(used[at] == wanted)
    return shares


def _joined(parts: Iterable[NDArray[np.int32]]) -> Block:
    listed = list(parts)
    bounds = np.concatenate(([0], np.cumsum([part.size for part in listed]))).astype(np.int64)
    return Block(bounds, np.concatenate(listed) if listed else np.zeros(0, np.int32))


def case_text(case: Case, name: str) -> str:
    """A text of a case by the name of its field."""
    value = getattr(case, name)
    return " ".join(value) if isinstance(value, list) else value or ""


def _label_slot(name: str, value: object) -> int:
    digest = hashlib.blake2b(f"{name}={value}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> (64 - CASE_BITS)
