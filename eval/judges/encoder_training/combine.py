"""How much the words and the encoder each count: fitted on answers that neither had seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from eval.judges.embedded.weights import (
    ENGAGES,
    ENGAGES_IN_CASE,
    HARM,
    HARM_IN_CASE,
    Floats,
    type_probabilities,
)
from eval.judges.encoder.combining import log_softmax
from eval.judges.training.data import Examples

# The columns of the encoder's scores.
TYPES: Final = slice(0, 3)
ENCODER_ENGAGES, ENCODER_HARM = 3, 4
# Which column of the words' logits and which score each question combines.
_QUESTIONS: Final = {
    "combine_engages": (ENGAGES_IN_CASE, ENCODER_ENGAGES),
    "combine_harm": (HARM_IN_CASE, ENCODER_HARM),
    "combine_engages_alone": (ENGAGES, ENCODER_ENGAGES),
    "combine_harm_alone": (HARM, ENCODER_HARM),
}
# An offset that suits some families moves the labels of others the wrong way (response type kappa 0.799 with one, 0.801
# without; engagement 0.687 and 0.689). Of harm the encoder says too much in every family, and there it helps (0.540
# and 0.530).
_WITH_OFFSET: Final = ("combine_harm", "combine_harm_alone")
# The penalty on the square of an offset.
_PENALTY: Final = 1e-3


def fit_combination(words: Floats, scores: Floats, examples: Examples, rows: NDArray[np.bool_]) -> dict[str, Floats]:
    """The factors of ``combining.SIZES`` by some answers.

    ``words`` are calibrated probabilities of a yes, shape (n, columns), by words that had not seen an answer's family,
    ``scores`` (n, scores) those of an encoder that had not. Each family counts as much as another.
    """
    family = examples.family[rows]
    names, of, counts = np.unique(family, return_inverse=True, return_counts=True)
    weight = 1 / (len(names) * counts[of])
    found = {
        "combine_type": fit_types(
            type_probabilities(words[rows]), scores[rows, TYPES], examples.response_type[rows].astype(np.int64), weight
        )
    }
    truth = {ENCODER_ENGAGES: examples.engages, ENCODER_HARM: examples.harm}
    for name, (column, score) in _QUESTIONS.items():
        both = logit(words[rows, column]), scores[rows, score]
        found[name] = fit_yes(*both, truth[score][rows], weight, offset=name in _WITH_OFFSET)
    return found


def fit_types(words: Floats, scores: Floats, kind: NDArray[np.int64], weight: Floats) -> Floats:
    """(factor of the words, factor of the encoder, no offset for any type) that make the kinds likeliest.

    ``words`` are probabilities and ``scores`` logits, both (n, 3); ``weight`` (n,) adds up to 1.
    """
    by_words, by_encoder = np.log(np.maximum(words, 1e-9)), log_softmax(scores)
    rows = np.arange(len(kind))

    def loss(at: Floats) -> tuple[float, Floats]:
        said = log_softmax(at[0] * by_words + at[1] * by_encoder)
        # Of the loss towards each type's score.
        slope = weight[:, None] * (np.exp(said) - np.eye(3)[kind])
        value = -(weight * said[rows, kind]).sum()
        return float(value), np.array([(slope * by_words).sum(), (slope * by_encoder).sum()])

    found = minimize(loss, np.array([0.5, 0.5]), jac=True, method="L-BFGS-B").x
    return np.array([*found, 0.0, 0.0, 0.0])


def fit_yes(words: Floats, scores: Floats, yes: NDArray[np.bool_], weight: Floats, *, offset: bool = True) -> Floats:
    """(factor of the words, factor of the encoder, offset) of two logits of a yes, shape (n,) each."""
    sign = np.where(yes, 1.0, -1.0)

    def loss(at: Floats) -> tuple[float, Floats]:
        signed = sign * (at[0] * words + at[1] * scores + at[2])
        slope = -sign * weight / (1 + np.exp(np.clip(signed, -500, 500)))
        value = (weight * np.logaddexp(0, -signed)).sum() + _PENALTY * at[2] ** 2
        of_offset = slope.sum() + 2 * _PENALTY * at[2] if offset else 0.0
        return float(value), np.array([(slope * words).sum(), (slope * scores).sum(), of_offset])

    return np.asarray(minimize(loss, np.array([0.5, 0.5, 0.0]), jac=True, method="L-BFGS-B").x)


def logit(chance: Floats) -> Floats:
    """The logit of a probability."""
    kept = np.clip(chance, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(kept) - np.log1p(-kept))
