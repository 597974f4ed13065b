"""What the encoder and the offline judge's words say together: a small logistic model over both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of each array: a factor for the words, one for the encoder, and an offset (for the response type one a type).
SIZES: Final = {
    "combine_type": 5,
    "combine_engages": 3,
    "combine_harm": 3,
    "combine_engages_alone": 3,
    "combine_harm_alone": 3,
}


@dataclass(frozen=True, eq=False)
class Combination:
    """The factors, by the names of SIZES; those of ``_alone`` are for cases that are not the study's.

    ``least_firm`` is how firm an answer must be in the second look at its words (``SecondLook.firm``) to be help: 0
    is the embedded judge's own limit, and less leaves room where the encoder is sure.
    """

    factors: Mapping[str, Floats]
    least_firm: float = 0.0

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], least_firm: float = 0.0) -> Combination:
        """The combination of a file's arrays. Raises ValueError where they are not those of SIZES."""
        for name, size in SIZES.items():
            array = arrays.get(name)
            if array is None or array.dtype.kind != "f" or array.shape != (size,) or not np.isfinite(array).all():
                raise ValueError(f"has no {name} of {size} finite floats")
        if extra := sorted(arrays.keys() - SIZES.keys()):
            raise ValueError(f"has {extra[0]!r:.80}, which nothing reads")
        return cls({name: arrays[name].astype(np.float64) for name in SIZES}, least_firm)

    def types(self, words: Floats, scores: Floats) -> Floats:
        """Probabilities of the response types, shape (n, 3), from those by the words and the encoder's scores."""
        of_words, of_encoder, *offsets = self.factors["combine_type"]
        return softmax(of_words * np.log(np.maximum(words, 1e-9)) + of_encoder * log_softmax(scores) + offsets)

    def logits(self, what: str, words: Floats, scores: Floats) -> Floats:
        """The logit of a yes, shape (n,), from the words' logit and the encoder's; ``what`` is one of SIZES."""
        of_words, of_encoder, offset = self.factors[what]
        return np.asarray(of_words * words + of_encoder * scores + offset)


def log_softmax(scores: Floats) -> Floats:
    """Logarithms of probabilities, shape (n, types), that are in proportion to the scores' exponentials."""
    top = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(top - np.log(np.exp(top).sum(axis=1, keepdims=True)))


def softmax(scores: Floats) -> Floats:
    """Probabilities, shape (n, types), in proportion to the scores' exponentials."""
    return np.exp(log_softmax(scores))
