"""Logits for answers whose model family the weights never saw: what every published figure rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eval.judges.embedded.weights import COLUMNS, HARD_IF_NOT, HELPS, Floats, sigmoid
from eval.judges.training.data import CELL_GROUPS, Examples, Matrices
from eval.judges.training.fit import fit, logits_of, targets, temperature

# By whole families of models; and by families with groups of cells, so that the cases are new as well.
FAMILY, FAMILY_AND_CELLS = "family", "family_and_cells"
DESIGNS: Final = (FAMILY, FAMILY_AND_CELLS)


def heldout_logits(
    matrices: Matrices, examples: Examples, design: str, told: Callable[[str], None] = lambda _: None
) -> Floats:
    """Shape (n, columns): each answer's logits by weights fitted without its family (and cells).

    A model that repeats itself cannot leak: all that a family said is held out at once.
    """
    logits = np.full((len(examples), len(COLUMNS)), np.nan)
    for name, train, test in _folds(examples, design):
        told(name)
        logits[test] = logits_of(fit(matrices, examples, train), matrices, test)
    return logits


def slopes(logits: Floats, examples: Examples, rows: NDArray[np.bool_]) -> Floats:
    """The calibrating slope of each column, fitted on some rows of held-out logits."""
    yes, applies = targets(examples)
    used = rows[:, None] & applies
    return np.array([temperature(logits[used[:, c], c], yes[used[:, c], c]) for c in range(len(COLUMNS))])


def heldout_probabilities(logits: Floats, examples: Examples) -> Floats:
    """Shape (n, columns): probabilities of a yes, each family calibrated on the others' held-out logits."""
    family = examples.family
    found = np.empty_like(logits)
    for name in np.unique(family):
        mine = family == name
        found[mine] = sigmoid(logits[mine] * slopes(logits, examples, ~mine))
    return found


def type_probabilities(yes: Floats) -> Floats:
    """Shape (n, 3): the response types' probabilities from the columns' ones."""
    helps, hard = yes[:, HELPS], yes[:, HARD_IF_NOT]
    return np.stack([helps, (1 - helps) * (1 - hard), (1 - helps) * hard], axis=1)


def _folds(examples: Examples, design: str) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    family, group = examples.family, examples.cell_group
    for name in np.unique(family):
        mine = family == name
        if design == FAMILY:
            yield str(name), ~mine, mine
            continue
        for number in range(CELL_GROUPS):
            yield f"{name}, cells {number + 1} of {CELL_GROUPS}", ~mine & (group != number), mine & (group == number)
