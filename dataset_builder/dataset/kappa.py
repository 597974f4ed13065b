"""Cohen's kappa, in the package that both the card and the gates' agreement stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import nan
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

NORMAL: Final = 1.959964


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


def kappa_interval(
    table: NDArray[np.int64], clustered_error: float = 0.0, quantile: float = NORMAL
) -> tuple[float, float]:
    """The 95 % interval of Cohen's kappa from a square table of counts; NaN where kappa is undefined.

    Kappa plus or minus the normal quantile times the large-sample error, or ``quantile`` (Student's t
    for the number of clusters) times the clustered one where that is wider. Sources that agree on all
    items have no error, which is no certainty: then Wilson's lower limit of the share of equal
    labels, put in its place in the formula, gives the lower limit.
    """
    n, error = int(table.sum()), kappa_error(table)
    if np.isnan(error):
        return float("nan"), float("nan")
    share = table / n
    observed, expected = float(np.trace(share)), float(share.sum(axis=1) @ share.sum(axis=0))
    kappa = (observed - expected) / (1 - expected)
    half = max(NORMAL * error, quantile * clustered_error)
    low = kappa - half
    if observed == 1:
        low = min(low, (n / (n + NORMAL**2) - expected) / (1 - expected))
    return max(-1.0, low), min(1.0, kappa + half)


def clustered_kappa_error(first: Sequence[Hashable], second: Sequence[Hashable], clusters: Sequence[Hashable]) -> float:
    """Standard error of Cohen's kappa for items that come in G clusters.

    Each item's influence on kappa, ((e - po) - (1 - kappa) (m - 2 pe)) / (1 - pe) with e whether its
    labels are equal and m the sum of how often each source gives the other's label, is summed by
    cluster; the squares are added with the factor G / (G - 1) (the linearised estimator of Cochran
    1977, Sampling Techniques, section 6.13). With an item a cluster, and without that factor, this
    is ``kappa_error``. NaN for one cluster or where kappa is undefined.
    """
    n = len(first)
    found = list(dict.fromkeys([*first, *second]))
    index = {label: number for number, label in enumerate(found)}
    one, two = (np.array([index[label] for label in labels], np.int64) for labels in (first, second))
    rows, columns = (np.bincount(labels, minlength=len(found)) / max(n, 1) for labels in (one, two))
    observed, expected = float((one == two).mean()) if n else 0.0, float(rows @ columns)
    number = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    if len(number) < 2 or expected >= 1:
        return float("nan")
    kappa = (observed - expected) / (1 - expected)
    influence = ((one == two) - observed - (1 - kappa) * (columns[one] + rows[two] - 2 * expected)) / (1 - expected)
    sums = np.bincount([number[cluster] for cluster in clusters], influence) / n
    return float(np.sqrt(len(number) / (len(number) - 1) * np.square(sums).sum()))
