"""One model's rates on every slice, packed small: what the breakdown shows.

A results file unfolds to some megabytes of objects; as one array it is a few hundred kilobytes,
so that all models of a leaderboard fit in memory and a click reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.results import Results

_NUMBERS: Final = ("estimate", "low", "high", "minimum_detectable_difference")
NAN: Final = float("nan")


class Key(NamedTuple):
    """A slice: what it is by, the label its cases share, and whether dual-use cases are left out."""

    by: str
    value: str
    without_dual_use: bool = False


class Cell(NamedTuple):
    """One metric on one slice: shares from 0 to 1, NaN without data; ``n`` is the answers it is of."""

    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    detectable: float = NAN
    n: int = 0

    @property
    def has_value(self) -> bool:
        """Whether there is an estimate."""
        return not isnan(self.estimate)


@dataclass(frozen=True, eq=False)
class SliceTable:
    """Arrays of shape (slices, metrics, 4) and (slices, metrics), by ``keys`` and ``metrics``."""

    keys: dict[Key, int]
    metrics: dict[str, int]
    numbers: NDArray[np.float64]
    answers: NDArray[np.int32]

    @classmethod
    def of(cls, results: Results) -> SliceTable:
        """The slices of a results file."""
        metrics = {metric.id: place for place, metric in enumerate(results.metrics)}
        keys = {Key(s.by, s.value, s.without_dual_use): row for row, s in enumerate(results.slices)}
        numbers = np.full((len(results.slices), len(metrics), len(_NUMBERS)), np.nan)
        answers = np.zeros((len(results.slices), len(metrics)), np.int32)
        for row, part in enumerate(results.slices):
            for name, value in part.metrics.items():
                if name in metrics:
                    found = [getattr(value, field) for field in _NUMBERS]
                    numbers[row, metrics[name]] = [NAN if one is None else one for one in found]
                    answers[row, metrics[name]] = value.denominator
        return cls(keys, metrics, numbers, answers)

    def cell(self, key: Key, metric: str) -> Cell:
        """One value; an empty one for a slice or a metric that is not there."""
        row, place = self.keys.get(key), self.metrics.get(metric)
        if row is None or place is None:
            return Cell()
        estimate, low, high, detectable = self.numbers[row, place].tolist()
        return Cell(estimate, low, high, detectable, int(self.answers[row, place]))

    def values(self, by: str, *, without_dual_use: bool = False) -> tuple[str, ...]:
        """The labels of the slices by something, in the file's order, which is the taxonomy's."""
        return tuple(key.value for key in self.keys if key.by == by and key.without_dual_use == without_dual_use)


def pooled(cells: Sequence[Cell]) -> Cell:
    """The share over the answers of several models together, without an interval: numerators over denominators."""
    known = [cell for cell in cells if cell.has_value and cell.n]
    total = sum(cell.n for cell in known)
    return Cell(sum(cell.estimate * cell.n for cell in known) / total, n=total) if total else Cell()
