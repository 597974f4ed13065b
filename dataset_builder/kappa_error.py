"""The table behind a kappa, and how far kappa may be off."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def confusion(first: Sequence[Hashable], second: Sequence[Hashable], labels: Sequence[Hashable]) -> NDArray[np.int64]:
    """Counts, shape (labels, labels), rows by the first source; raises ValueError for a label not listed."""
    if len(first) != len(second):
        raise ValueError(f"two label sequences of unequal length: {len(first)} and {len(second)}")
    index = {label: number for number, label in enumerate(labels)}
    unknown = (set(first) | set(second)) - set(index)
    if unknown:
        raise ValueError(f"labels that are not listed: {', '.join(sorted(map(str, unknown)))}")
    table = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(table, ([index[label] for label in first], [index[label] for label in second]), 1)
    return table


def kappa_error(table: NDArray[np.int64]) -> float:
    """Standard error of Cohen's kappa from a square table of counts; NaN where kappa is undefined."""
    n = table.sum()
    if not n:
        return float("nan")
    share = table / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float(np.trace(share)), float(rows @ columns)
    if expected >= 1:
        return float("nan")
    kappa = (observed - expected) / (1 - expected)
    diagonal = np.diag(share) @ np.square(1 - (rows + columns) * (1 - kappa))
    # Cell (i, j) is weighted by the second source's margin of i plus the first's of j.
    weight = np.square(columns[:, None] + rows[None, :])
    np.fill_diagonal(weight, 0)
    off_diagonal = (1 - kappa) ** 2 * float((share * weight).sum())
    variance = (diagonal + off_diagonal - (kappa - expected * (1 - kappa)) ** 2) / (n * (1 - expected) ** 2)
    return float(np.sqrt(max(variance, 0.0)))
