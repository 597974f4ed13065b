"""A sample that is spread evenly over cells, and that anyone can draw again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def stratified(items: Sequence[T], cell_of: Callable[[T], str], size: int, seed: int) -> list[T]:
    """A sample of ``size`` items spread evenly over their cells, in the order of the items.

    Systematic sampling from a list sorted by cell (Cochran, Sampling Techniques, 1977, chapter 8): the
    items are shuffled, sorted by cell and taken at equal steps from a random start. Every item has the
    same chance, so rates over the sample estimate rates over all with no weights; a cell, and a run of
    neighbouring cells such as a family, gets its share rounded down or up.

    The cells of a family are neighbours as ``family:authority`` sorts them. Deterministic in the seed,
    whatever the order of the items.
    """
    if size >= len(items):
        return list(items)
    rng = random.Random(seed)  # noqa: S311 - a draw that must be repeatable
    # Sorted first, so that the draw does not hang on the order in which the items came.
    order = sorted(range(len(items)), key=lambda i: str(_identity(items[i])))
    rng.shuffle(order)
    order.sort(key=lambda i: cell_of(items[i]))
    step = len(items) / size
    start = rng.random() * step
    taken = {order[min(len(order) - 1, int(start + k * step))] for k in range(size)}
    return [item for i, item in enumerate(items) if i in taken]


def _identity(item: Any) -> Any:
    return getattr(item, "case_id", item)
