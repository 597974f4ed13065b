"""Logits for answers whose model family the weights never saw: what every published figure rests on."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataset_builder.storage.files import new_file
from eval.judges.embedded.judge import EmbeddedJudge
from eval.judges.embedded.weights import COLUMNS, ENGAGES_IN_CASE, HARD_IF_NOT, HARM_IN_CASE, HELPS, Floats, sigmoid
from eval.judges.interface import Exchange
from eval.judges.training.data import CELL_GROUPS, Examples, Matrices
from eval.judges.training.fit import Fit, fit, logits_of, targets, temperature

# By whole families of models; and by families with groups of cells, so that the cases are new as well.
FAMILY, FAMILY_AND_CELLS = "family", "family_and_cells"
DESIGNS: Final = (FAMILY, FAMILY_AND_CELLS)
_NAMES: Final = str.maketrans({",": "", " ": "-"})


class HeldOut(NamedTuple):
    """A design's logits, shape (n, columns), and its fits by what they have not seen."""

    logits: Floats
    fits: dict[str, Fit]


class Keep(NamedTuple):
    """Where each fit is kept once it is made, and what it was made from: another key, and it is made anew."""

    folder: Path
    key: str


def held_out(
    matrices: Matrices,
    examples: Examples,
    design: str,
    told: Callable[[str], None] = lambda _: None,
    keep: Keep | None = None,
    wanted: Container[str] | None = None,
) -> HeldOut:
    """Each answer's logits by weights fitted without its family (and cells), and these weights.

    A model that repeats itself cannot leak: all that a family said is held out at once. ``wanted`` are the names of
    folds, all if not given; answers of the others have NaN.
    """
    logits = np.full((len(examples), len(COLUMNS)), np.nan)
    fits: dict[str, Fit] = {}
    for name, train, test in _folds(examples, design):
        if wanted is not None and name not in wanted:
            continue
        file = None if keep is None else keep.folder / f"{design}-{name.translate(_NAMES)}.npz"
        found = None if file is None or keep is None else _kept(file, keep.key)
        told(name if found is None else f"{name} (kept)")
        if found is None:
            found = fit(matrices, examples, train)
            if file is not None and keep is not None:
                _keep(file, keep.key, found)
        logits[test] = logits_of(found, matrices, test)
        if design == FAMILY:
            # The others are many, and nothing asks for them.
            fits[name] = found
    return HeldOut(logits, fits)


def _kept(file: Path, key: str) -> Fit | None:
    if not file.exists():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        return Fit(arrays["weights"], arrays["bias"]) if str(arrays["key"]) == key else None


def _keep(file: Path, key: str, found: Fit) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as unfinished, unfinished.open("wb") as out:
        np.savez_compressed(out, key=np.array(key), weights=found.weights, bias=found.bias)


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


def looked_at_again(yes: Floats, judges: Mapping[str, EmbeddedJudge], examples: Examples) -> Floats:
    """Held-out probabilities (n, columns) as the judges give them, which look at help a second time and read on.

    ``judges`` are by the family that they have not seen. What an answer alone says of engagement and harm stays.
    """
    found = yes.copy()
    for name, judge in judges.items():
        rows = np.flatnonzero(examples.family == name)
        said = judge.probabilities([Exchange(examples.cases[row], examples.texts[row]) for row in rows])
        helps, deflects, hard = said.response_type.T
        found[rows, HELPS] = helps
        found[rows, HARD_IF_NOT] = hard / np.maximum(deflects + hard, 1e-12)
        found[rows, ENGAGES_IN_CASE] = said.engages_with_defeat
        found[rows, HARM_IN_CASE] = said.independent_harm
    return found


def _folds(examples: Examples, design: str) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    family, group = examples.family, examples.cell_group
    for name in np.unique(family):
        mine = family == name
        if design == FAMILY:
            yield str(name), ~mine, mine
            continue
        for number in range(CELL_GROUPS):
            yield fold_of(str(name), number), ~mine & (group != number), mine & (group == number)


def fold_of(family: str, cells: int) -> str:
    """The name of a fold in which a family and a group of cells are held out."""
    return f"{family}, cells {cells + 1} of {CELL_GROUPS}"
