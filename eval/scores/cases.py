"""The cases of a dataset as arrays: which cell, which side, which slices.

Everything statistical works on these arrays. They are sorted by case id, so the order in
which cases arrive decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import DIMENSIONS
from dataset_builder.errors import DataError, Problem

FLAGGED, UNFLAGGED, NOT_ASSESSED = "flagged", "not_flagged", "not_assessed"

# Slice name on the command line and in results.json -> field of a case.
SLICE_FIELDS: Final = {
    "family": "defeat_family",
    "subtype": "defeat_subtype",
    "authority": "authority_type",
    "authority_group": "authority_group",
    "family_authority": "cell",
    "dual_use": "dual_use",
    "dual_use_category": "dual_use_category",
    **{dimension.id: dimension.id for dimension in DIMENSIONS},
    "origin": "origin",
    "batch": "batch",
    "language": "language",
}
# Of an extended dataset; where all cases have one value, a slice would be all cases again.
EXTENSION_FIELDS: Final = ("origin", "batch", "language")
# Cases of these origins are never scored together: they answer different questions.
_APART: Final = frozenset({"starter"})


@dataclass(frozen=True, eq=False)
class CaseTable:
    """``n`` cases, sorted by id.

    ``cell`` holds an index into ``cells`` (sorted) for each case; ``defeated`` its side;
    ``labels`` for each slice name the label of each case, None where it has none.
    """

    ids: tuple[str, ...]
    cells: tuple[str, ...]
    cell: NDArray[np.int64]
    defeated: NDArray[np.bool_]
    labels: dict[str, tuple[str | None, ...]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def index(self) -> dict[str, int]:
        """Case id -> row."""
        return {case_id: row for row, case_id in enumerate(self.ids)}

    @property
    def defeated_cells(self) -> NDArray[np.bool_]:
        """For each cell whether its rules are defeated; shape (cells,)."""
        sides = np.zeros(len(self.cells), bool)
        sides[self.cell] = self.defeated
        return sides

    @classmethod
    def from_cases(cls, cases: Iterable[Case]) -> CaseTable:
        """Arrays from records.

        Raises DataError for no cases, a case id that occurs twice, a cell with both sides,
        or starter cases beside others.
        """
        rows = sorted(cases, key=lambda case: case.case_id)
        _check(rows)
        cells = sorted({case.cell for case in rows})
        position = {cell: number for number, cell in enumerate(cells)}
        return cls(
            ids=tuple(case.case_id for case in rows),
            cells=tuple(cells),
            cell=np.array([position[case.cell] for case in rows], np.int64),
            defeated=np.array([case.defeated for case in rows], bool),
            labels={name: tuple(_label(case, field) for case in rows) for name, field in SLICE_FIELDS.items()},
        )

    def subset(self, rows: NDArray[np.int64]) -> CaseTable:
        """The cases of some rows (ascending), with the cells that they still fill."""
        kept, cell = np.unique(self.cell[rows], return_inverse=True)
        return CaseTable(
            ids=tuple(self.ids[row] for row in rows),
            cells=tuple(self.cells[number] for number in kept),
            cell=cell.astype(np.int64),
            defeated=self.defeated[rows],
            labels={name: tuple(values[row] for row in rows) for name, values in self.labels.items()},
        )

    def same_cases(self, other: CaseTable) -> bool:
        """Whether two tables hold the same cases in the same cells on the same sides."""
        return self is other or (
            self.ids == other.ids
            and self.cells == other.cells
            and bool(np.array_equal(self.cell, other.cell))
            and bool(np.array_equal(self.defeated, other.defeated))
        )


def _label(case: Case, field: str) -> str | None:
    value: str | bool | None = getattr(case, field)
    if field == "dual_use":
        return NOT_ASSESSED if value is None else FLAGGED if value else UNFLAGGED
    return None if value is None else str(value)


def _check(rows: Sequence[Case]) -> None:
    problems = []
    if not rows:
        problems.append(Problem("cases", "there are none", "a dataset with at least one case is needed"))
    for before, case in pairwise(rows):
        if before.case_id == case.case_id:
            problems.append(Problem(case.case_id, "this case id occurs twice", "ids have to be unique"))
    sides: dict[str, bool] = {}
    for case in rows:
        if sides.setdefault(case.cell, case.defeated) != case.defeated:
            problems.append(Problem(case.case_id, f"cell {case.cell!r} holds defeated and control cases"))
    origins = {case.origin for case in rows}
    if origins & _APART and origins - _APART:
        found = ", ".join(sorted(origins))
        problems.append(Problem("origin", f"cases of {found} stand together", "score the starter set on its own"))
    if problems:
        raise DataError("These cases cannot be scored", problems)
