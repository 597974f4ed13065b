"""Hashed words and labels of a case, for the classifiers that make a first pass over cases."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dataset_builder import taxonomy
from dataset_builder.plain_case import PlainCase

VERSION: Final = "1"
BITS: Final = 15
SLOTS: Final = 1 << BITS
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# The request is read by words and pairs of words, the notes by words alone.
_FIELDS: Final = (("q", 2), ("p", 1), ("d", 1), ("f", 1))


def slots_of(case: PlainCase, family: str) -> NDArray[np.int32]:
    """The distinct slots of a case, sorted."""
    texts = {
        "q": case.user_query,
        "p": case.policy,
        "d": case.defeat_condition or "",
        "f": " ".join(case.structural_facts),
    }
    features: set[str] = {f"family={family}", f"authority={case.authority_type}", f"subtype={case.defeat_subtype}"}
    features |= {f"{d}={getattr(case.dimensions, d)}" for d in taxonomy.DIMENSION_BY_ID}
    for field, longest in _FIELDS:
        words = _WORD.findall(texts[field].replace("’", "'").lower())
        for size in range(1, longest + 1):
            features |= {f"{field}:{' '.join(words[i : i + size])}" for i in range(len(words) - size + 1)}
    hashed = {zlib.crc32(feature.encode("utf-8", "surrogatepass")) >> (32 - BITS) for feature in features}
    return np.array(sorted(hashed), np.int32)


def scores_of(cases: Sequence[NDArray[np.int32]], weights: NDArray[np.float32], bias: float) -> NDArray[np.float64]:
    """Uncalibrated logits, shape (cases,): the sum of a case's weights divided by the root of their number."""
    return np.array([weights[s].sum(dtype=np.float64) / np.sqrt(max(1, s.size)) + bias for s in cases])
