"""What is still to be written for some targets: unfinished orders first, then new ones, steered to what is thin."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from dataset_builder.batch.folder import GenerationFolder, History
from dataset_builder.batch.records import WRITTEN, Order
from dataset_builder.batch.targets import CELL_BY_ID, Cell
from dataset_builder.dataset import taxonomy
from dataset_builder.dataset.plain_case import PlainCase
from dataset_builder.dataset.records import Case
from dataset_builder.dataset.taxonomy import cell
from dataset_builder.generation.plots import plot_of

# What is thin in a set of cases: which subtype and which dimension values an order is to ask for.


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


def plan_orders(folder: GenerationFolder, targets: Mapping[Cell, int], existing: Iterable[Case]) -> list[History]:
    """The orders that a folder lacks to have ``targets`` of them, each with the tries it has had.

    An order keeps its id for good: it counts through its cell, and what was ordered is never given up.
    ``existing`` are cases that subtypes and dimensions are counted in, beside the folder's own.
    """
    settings = folder.settings
    histories = folder.histories()
    coverage = Coverage(existing)
    ordered: Counter[str] = Counter()
    for history in histories.values():
        order = history.order
        ordered[cell(order.family, order.authority)] += 1
        end = history.end
        if end.status == WRITTEN and end.case is not None:
            coverage.add(order.family, end.case)
        elif not history.finished:
            coverage.expect(CELL_BY_ID[cell(order.family, order.authority)], order.subtype, order.wanted)
    todo = [h for h in histories.values() if not h.finished]
    # The lowest that are free: a kill may have kept a later order and lost an earlier one that was under way.
    free = {
        target: [n for n in range(count) if _case_id(settings.batch, target, n) not in histories]
        for target, count in targets.items()
    }
    lacking = {target: set(free[target][: max(0, count - ordered[target.id])]) for target, count in targets.items()}
    # Round by round over the cells, so that a run that ends early has something of each.
    for number in range(max(targets.values(), default=0)):
        for target in targets:
            if number in lacking[target]:
                todo.append(History(_order(target, number, settings.batch, settings.seed, settings.language, coverage)))
    return todo


def _case_id(batch: str, target: Cell, number: int) -> str:
    return f"gen_{batch}_{target.family}_{target.authority}_{number + 1}"


def _order(target: Cell, number: int, batch: str, seed: int, language: str, coverage: Coverage) -> Order:
    rng = random.Random(f"{seed}:{target.id}:{number}")  # noqa: S311 - a draw that must be repeatable
    subtype = coverage.thinnest_subtype(target, rng)
    wanted = coverage.thinnest_values(target, rng)
    coverage.expect(target, subtype, wanted)
    plot = plot_of(target, number, seed)
    return Order(
        case_id=_case_id(batch, target, number),
        family=target.family,
        authority=target.authority,
        subtype=subtype,
        place=plot.place,
        voice=plot.voice,
        topic=plot.topic,
        wanted=wanted,
        language=language,
    )
