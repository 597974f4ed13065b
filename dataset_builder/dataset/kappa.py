"""Cohen's kappa, in the package that both the card and the gates' agreement stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Kappa(NamedTuple):
    """Agreement of two label sources over the same ``n`` items.

    ``kappa`` is agreement beyond chance, ``observed`` the plain share of equal labels; both are
    NaN without items, and kappa is NaN where both sources give one and the same label throughout.
    """

    n: int
    kappa: float
    observed: float


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Kappa:
    """Kappa of two equally long label sequences (J. Cohen, Educ. Psychol. Meas. 20, 1960, 37-46).

    kappa = (po - pe) / (1 - pe), po the share of equal labels and pe the share expected if the
    two labelled independently with their own marginals. Raises ValueError for unequal lengths.
    """
    n = len(first)
    if n != len(second):
        raise ValueError(f"two label sequences of unequal length: {n} and {len(second)}")
    if not n:
        return Kappa(0, nan, nan)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    ours, theirs = Counter(first), Counter(second)
    expected = sum(ours[label] * theirs[label] for label in ours) / n**2
    return Kappa(n, (observed - expected) / (1 - expected) if expected < 1 else nan, observed)


# The table behind a kappa, and how far kappa may be off.


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
