"""What the encoder and the offline judge's words say together: a small logistic model over both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.weights import sigmoid

Floats = NDArray[np.float64]

# Of each array: a factor for the words, one for the encoder, and an offset (for the response type one a type).
SIZES: Final = {
    "combine_type": 5,
    "combine_engages": 3,
    "combine_harm": 3,
    "combine_engages_alone": 3,
    "combine_harm_alone": 3,
}
# How sure of the response type, of engagement and of harm one must be to read no further (``Combination.sure``): a row
# for the words, which see all of the answer, and one for words and first window together.
SURE: Final = "combine_sure"
SURE_SIZE: Final = (2, 3)
BY_WORDS, BY_FIRST_WINDOW = 0, 1
# The column of the types that is help.
_HELPS: Final = 0


class Said(NamedTuple):
    """What is said of some answers: probabilities of the types (n, 3), and logits of a yes (n,) to either question.

    ``of_study`` (n,) says whose engagement and harm the case was looked at for.
    """

    types: Floats
    engages: Floats
    harm: Floats
    of_study: NDArray[np.bool_]

    def at(self, rows: NDArray[np.intp]) -> Said:
        """The same of some of them."""
        return Said(self.types[rows], self.engages[rows], self.harm[rows], self.of_study[rows])

    def chances(self) -> Floats:
        """How likely the likeliest answer to each of the three questions is, shape (n, 3)."""
        yes = sigmoid(np.abs(np.stack([self.engages, self.harm], axis=1)))
        return np.concatenate([self.types.max(axis=1, keepdims=True), yes], axis=1)


def _never() -> Floats:
    return np.full(SURE_SIZE, np.inf)


@dataclass(frozen=True, eq=False)
class Combination:
    """The factors, by the names of SIZES; those of ``_alone`` are for cases that are not the study's.

    ``least_firm`` is how firm an answer must be in the second look at its words (``SecondLook.firm``) to be help: 0
    is the embedded judge's own limit, and less leaves room where the encoder is sure. ``sure`` is of SURE_SIZE: where
    all three chances reach their limit no more of an answer is read.
    """

    factors: Mapping[str, Floats]
    least_firm: float = 0.0
    sure: Floats = field(default_factory=_never)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], least_firm: float = 0.0) -> Combination:
        """The combination of a file's arrays. Raises ValueError where they are not those of SIZES."""
        for name, size in SIZES.items():
            array = arrays.get(name)
            if array is None or array.dtype.kind != "f" or array.shape != (size,) or not np.isfinite(array).all():
                raise ValueError(f"has no {name} of {size} finite floats")
        if extra := sorted(arrays.keys() - SIZES.keys() - {SURE}):
            raise ValueError(f"has {extra[0]!r:.80}, which nothing reads")
        sure = arrays.get(SURE, _never())
        if sure.dtype.kind != "f" or sure.shape != SURE_SIZE or np.isnan(sure).any():
            raise ValueError(f"has {SURE} as {sure.dtype} {sure.shape}; expected {SURE_SIZE} floats")
        return cls({name: arrays[name].astype(np.float64) for name in SIZES}, least_firm, sure.astype(np.float64))

    def both(self, words: Said, scores: Floats) -> Said:
        """What words and encoder say together; of an answer that was not read (scores of NaN), what the words say."""
        read = ~np.isnan(scores[:, 0])
        of_encoder = np.where(read[:, None], scores, 0.0)
        types = self.types(words.types, of_encoder[:, :3])
        yes = {
            what: np.where(
                words.of_study,
                self.logits(f"combine_{what}", by_words, score),
                self.logits(f"combine_{what}_alone", by_words, score),
            )
            for what, by_words, score in (
                ("engages", words.engages, of_encoder[:, 3]),
                ("harm", words.harm, of_encoder[:, 4]),
            )
        }
        return Said(
            np.where(read[:, None], types, words.types),
            np.where(read, yes["engages"], words.engages),
            np.where(read, yes["harm"], words.harm),
            words.of_study,
        )

    def enough(self, said: Said, step: int) -> NDArray[np.bool_]:
        """Of which answers no more need be read, shape (n,); ``step`` is BY_WORDS or BY_FIRST_WINDOW.

        Help is always read to the end: a forged one would gain by what is not.
        """
        return np.asarray((said.chances() >= self.sure[step]).all(axis=1) & (said.types.argmax(axis=1) != _HELPS))

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
