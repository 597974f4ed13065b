"""Fitting the embedded judge: a few logistic regressions over the same features, added up into one table.

Every question (a column of the table) is fitted once or twice with different scales of the
features, and the fits are averaged. As all of them are linear in the same features, the average
is one weight a slot, and costs nothing when judging.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from eval.judges.embedded.features import BITS
from eval.judges.embedded.second_look import Gates
from eval.judges.embedded.topic import Space
from eval.judges.embedded.weights import (
    CASE_COLUMNS,
    COLUMNS,
    ENGAGES,
    ENGAGES_IN_CASE,
    HARD_IF_NOT,
    HARM,
    HARM_IN_CASE,
    HELPS,
    Floats,
    Weights,
    sigmoid,
)
from eval.judges.training.data import Examples, Matrices

# A slot that fewer answers of the training set hold has no weight.
FEWEST: Final = 12
ITERATIONS: Final = 60
_SLOTS: Final = 1 << BITS


class Recipe(NamedTuple):
    """One fit: how the features are scaled, and the weight of the penalty on squares."""

    scale: str
    penalty: float


RECIPES: Final[dict[int, tuple[Recipe, ...]]] = {
    HELPS: (Recipe("ratio", 1e-4), Recipe("plain", 1e-5)),
    HARD_IF_NOT: (Recipe("ratio", 1e-4),),
    ENGAGES: (Recipe("ratio", 3e-5), Recipe("plain", 5e-6)),
    HARM: (Recipe("evidence", 1e-4),),
    ENGAGES_IN_CASE: (Recipe("ratio", 3e-5), Recipe("plain", 5e-6)),
    HARM_IN_CASE: (Recipe("evidence", 1e-4),),
}


class Fit(NamedTuple):
    """Weights by slot (answer table, then case table) and column, and a bias by column."""

    weights: NDArray[np.float32]
    bias: Floats


def targets(examples: Examples) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Shape (n, columns) twice: the yes of each question, and whether the question applies."""
    helps, hard = examples.response_type == 0, examples.response_type == 2
    yes = np.stack([helps, hard, examples.engages, examples.harm, examples.engages, examples.harm], axis=1)
    applies = np.ones_like(yes)
    applies[:, HARD_IF_NOT] = ~helps
    return yes, applies


def fit(
    matrices: Matrices,
    examples: Examples,
    rows: NDArray[np.bool_],
    *,
    columns: tuple[int, ...] = tuple(RECIPES),
    told: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Fit some columns on some rows; the others are left at zero."""
    yes, applies = targets(examples)
    weights = np.zeros((_SLOTS + matrices.case.shape[1], len(COLUMNS)), np.float32)
    bias = np.zeros(len(COLUMNS))
    for column in columns:
        used = rows & applies[:, column]
        chosen = matrices.of(column)[used]
        counts = np.diff(chosen.tocsc().indptr)
        slots = np.flatnonzero(counts >= FEWEST)
        chosen = chosen[:, slots]
        answer = yes[used, column]
        if answer.all() or not answer.any() or not slots.size:
            # Nothing to learn from one label alone but that label.
            bias[column] = 4.0 if answer.all() else -4.0
            continue
        transposed = chosen.T.tocsr()
        for recipe in RECIPES[column]:
            found, constant = _regress(chosen, transposed, answer, _scale(recipe.scale, chosen, answer), recipe.penalty)
            # Fits of different penalties have logits of different spread: each is brought to a spread of 2.
            share = 2 / (len(RECIPES[column]) * max(float(np.std(chosen @ found)), 1e-9))
            weights[slots, column] += (share * found).astype(np.float32)
            bias[column] += share * constant
            told(f"{COLUMNS[column]}: {recipe.scale}, {len(answer)} answers, {slots.size} slots")
    return Fit(weights, bias)


def logits_of(found: Fit, matrices: Matrices, rows: NDArray[np.bool_]) -> Floats:
    """Uncalibrated logits of some rows, shape (rows, columns)."""
    parts = []
    for column, bias in enumerate(found.bias):
        matrix = matrices.of(column)[rows]
        parts.append(matrix @ found.weights[: matrix.shape[1], column] + bias)
    return np.stack(parts, axis=1).astype(np.float64)


def weights_of(found: Fit, slope: Floats, space: Space, gates: Gates) -> Weights:
    """A fit, its calibration and its second look as the judge's weights."""
    answer, case = found.weights[:_SLOTS], found.weights[_SLOTS:, list(CASE_COLUMNS)]
    return Weights(np.ascontiguousarray(answer), np.ascontiguousarray(case), found.bias, slope, space, gates)


def temperature(logits: Floats, yes: NDArray[np.bool_]) -> float:
    """The slope that makes held-out logits calibrated (C. Guo and others, ICML 2017), within e**-4 to e**3.

    No offset is fitted beside it: one that suits some families of models moved the labels of the
    others the wrong way (response type kappa 0.767 with it, 0.787 without).
    """
    signed = np.where(yes, -logits, logits)
    found = minimize_scalar(
        lambda power: float(np.mean(np.logaddexp(0, signed * np.exp(power)))), bounds=(-4, 3), method="bounded"
    )
    return float(np.exp(found.x))


def _scale(kind: str, matrix: sp.csr_array, yes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The scale of each slot: ``plain`` is 1; ``ratio`` and ``evidence`` let telling slots weigh more.

    ``ratio`` is the naive Bayes log ratio (S. Wang and C. Manning, ACL 2012, 90-94): how much more
    often a yes holds the slot than a no. ``evidence`` is that ratio divided by its standard error,
    cut at 10, so that what is rare counts less.
    """
    if kind == "plain":
        return np.ones(matrix.shape[1], np.float32)
    in_yes = np.diff(matrix[yes].tocsc().indptr)
    in_no = np.diff(matrix[~yes].tocsc().indptr)
    n_yes, n_no = int(yes.sum()), int((~yes).sum())
    share = n_yes / (n_yes + n_no)
    # One pseudo-answer of each label, so that an unseen slot has a finite ratio.
    seen_yes, seen_no = in_yes + 2 * share, in_no + 2 * (1 - share)
    ratio = np.log(seen_yes / (n_yes + 2)) - np.log(seen_no / (n_no + 2))
    if kind == "evidence":
        ratio = np.clip(ratio / np.sqrt(1 / seen_yes + 1 / seen_no), -10, 10) / 3
    return ratio.astype(np.float32)


def _regress(
    matrix: sp.csr_array, transposed: sp.csr_array, yes: NDArray[np.bool_], scale: NDArray[np.float32], penalty: float
) -> tuple[NDArray[np.float32], float]:
    """Logistic regression on scaled features, by L-BFGS; the weights are for the unscaled ones."""
    truth = yes.astype(np.float64)

    def loss(at: Floats) -> tuple[float, Floats]:
        inner, constant = at[:-1], at[-1]
        logits = (matrix @ (scale * inner.astype(np.float32))).astype(np.float64) + constant
        gap = (sigmoid(logits) - truth) / truth.size
        value = np.mean(np.logaddexp(0, np.where(yes, -logits, logits))) + penalty / 2 * (inner @ inner)
        slope = scale * (transposed @ gap.astype(np.float32)) + penalty * inner
        return float(value), np.append(slope, gap.sum())

    found = minimize(
        loss,
        np.zeros(matrix.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": ITERATIONS, "maxcor": 6, "ftol": 1e-6, "gtol": 1e-6},
    ).x
    return scale * found[:-1].astype(np.float32), float(found[-1])
