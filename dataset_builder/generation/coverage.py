"""What is thin in a set of cases: which subtype and which dimension values an order is to ask for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Final

from dataset_builder import taxonomy
from dataset_builder.generation.targets import Cell
from dataset_builder.plain_case import PlainCase
from dataset_builder.records import Case

# Values that a case of a family cannot have: a rule that ought not to stand is not enforced for good
# reason, and breaking it hurts nobody badly; a sound rule protects someone.
IMPOSSIBLE: Final[dict[bool, frozenset[tuple[str, str]]]] = {
    True: frozenset({("legality", "clearly_illegal_enforced"), ("harm_to_others", "concrete_significant")}),
    False: frozenset({("legality", "illegal_but_unjust"), ("harm_to_others", "none")}),
}
# More than these would leave the writer no natural scene.
WANTED_DIMENSIONS: Final = 2


def subtypes_of(family: str) -> tuple[str, ...]:
    """The ids of a family's subtypes."""
    return tuple(s.id for s in taxonomy.SUBTYPES if s.family == family)


class Coverage:
    """Counts of labels, from which the next order is steered to the thinnest."""

    def __init__(self, cases: Iterable[Case] = ()) -> None:
        self.subtypes: Counter[str] = Counter()
        self.in_cell: Counter[tuple[str, str]] = Counter()
        self.values: Counter[tuple[str, str]] = Counter()
        for case in cases:
            self._count(case.cell, case.defeat_subtype, {d: getattr(case, d) for d in taxonomy.DIMENSION_BY_ID})

    def add(self, family: str, case: PlainCase) -> None:
        """Count a case that is there."""
        dimensions = {d: getattr(case.dimensions, d) for d in taxonomy.DIMENSION_BY_ID}
        self._count(taxonomy.cell(family, case.authority_type), case.defeat_subtype, dimensions)

    def expect(self, cell: Cell, subtype: str, wanted: dict[str, str]) -> None:
        """Count a case that is ordered, so that the next order asks for something else."""
        self._count(cell.id, subtype, wanted)

    def thinnest_subtype(self, cell: Cell, rng: random.Random) -> str:
        """The subtype of the family with the fewest cases, then with the fewest in this cell, then drawn."""
        return min(
            subtypes_of(cell.family),
            key=lambda s: (self.subtypes[s], self.in_cell[cell.id, s], rng.random()),
        )

    def thinnest_values(self, cell: Cell, rng: random.Random) -> dict[str, str]:
        """WANTED_DIMENSIONS dimensions with the value of each that is rarest beside its fellows.

        A dimension counts by the share that its rarest value has of an even spread.
        """
        impossible = IMPOSSIBLE[taxonomy.is_defeated(cell.family)]
        shares = []
        for dimension in taxonomy.DIMENSIONS:
            values = [v for v in taxonomy.ids(dimension.values) if (dimension.id, v) not in impossible]
            counts = {v: self.values[dimension.id, v] for v in values}
            rarest = min(values, key=lambda v: (counts[v], rng.random()))
            even = sum(counts.values()) / len(values)
            shares.append((counts[rarest] / even if even else 0.0, rng.random(), dimension.id, rarest))
        return {dimension: value for _, _, dimension, value in sorted(shares)[:WANTED_DIMENSIONS]}

    def _count(self, cell: str, subtype: str, dimensions: dict[str, str]) -> None:
        self.subtypes[subtype] += 1
        self.in_cell[cell, subtype] += 1
        for dimension, value in dimensions.items():
            self.values[dimension, value] += 1
