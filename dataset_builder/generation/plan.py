"""What is still to be written for some targets: unfinished orders first, then new ones, steered to what is thin."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping

from dataset_builder.generation.coverage import Coverage
from dataset_builder.generation.folder import GenerationFolder, History
from dataset_builder.generation.plots import plot_of
from dataset_builder.generation.records import WRITTEN, Order
from dataset_builder.generation.targets import CELL_BY_ID, Cell
from dataset_builder.records import Case
from dataset_builder.taxonomy import cell


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
