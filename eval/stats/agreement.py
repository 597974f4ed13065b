"""How far two or more label sources agree on the same items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset_builder.dataset.kappa import clustered_kappa_error, cohen_kappa, kappa_interval
from dataset_builder.dataset.kappa import confusion as confusion
from dataset_builder.dataset.kappa import kappa_error as kappa_error
from eval.stats.intervals import cluster_ratio, t_quantile


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """One label, with the first source as the reference; NaN where a denominator is empty.

    ``precision``: of the items that the second gave this label, the share to which the
    first gave it too; ``recall``: of those the first gave it, the share the second did;
    ``negative_predictive_value``: of those the second withheld it from, the share the first did.
    """

    label: Hashable
    reference: int
    judged: int
    precision: float
    recall: float
    negative_predictive_value: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two sources over ``n`` items: shares with 95 % intervals, and the table (first x second)."""

    n: int
    labels: tuple[Hashable, ...]
    table: NDArray[np.int64]
    observed: float
    observed_low: float
    observed_high: float
    kappa: float
    kappa_error: float
    kappa_low: float
    kappa_high: float
    classes: tuple[ClassAgreement, ...]
    reason: str | None = None


def agreement(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    labels: Sequence[Hashable],
    clusters: Sequence[Hashable] | None = None,
) -> Agreement:
    """Agreement of a reference with a second source over the same items.

    The error of kappa is the large-sample one of Fleiss, Cohen and Everitt (1969, Psychol.
    Bull. 72:323); percent agreement has Wilson's interval. With ``clusters``, that of each item,
    both are clustered where there are MIN_CLUSTERS of them, and never narrower than without.
    Raises ValueError as ``confusion``.
    """
    table = confusion(first, second, labels)
    kappa = cohen_kappa(first, second)
    equal = np.array([a == b for a, b in zip(first, second, strict=True)], np.float64)
    number: dict[Hashable, int] = {}
    groups = [number.setdefault(one, len(number)) for one in (clusters or [None] * kappa.n)]
    # Without clusters all items are one, and one is too few to cluster by: Wilson's interval.
    observed = cluster_ratio(np.bincount(groups, equal).astype(np.float64), np.bincount(groups).astype(np.float64))
    error, clustered = kappa_error(table), 0.0
    if observed.clustered:
        clustered = clustered_kappa_error(first, second, groups)
    low, high = kappa_interval(table, clustered, float(t_quantile(observed.freedom)))
    reason = None
    if not kappa.n:
        reason = "no item has a label from both"
    elif np.isnan(kappa.kappa):
        reason = "both sources give one and the same label throughout"
    return Agreement(
        kappa.n,
        tuple(labels),
        table,
        kappa.observed,
        float(observed.interval.low),
        float(observed.interval.high),
        kappa.kappa,
        max(error, clustered),
        low,
        high,
        tuple(_class(table, number, label) for number, label in enumerate(labels)),
        reason,
    )


def krippendorff_alpha(ratings: Sequence[Sequence[Hashable | None]]) -> tuple[float, str | None]:
    """Krippendorff's nominal alpha of two or more sources, and the reason where it is NaN.

    ``ratings`` has a row for each source, all over the same items, None where it gave no label.
    """
    import krippendorff

    values = sorted({value for row in ratings for value in row if value is not None}, key=str)
    codes: dict[Any, int] = {value: code for code, value in enumerate(values)}
    coded = np.array([[np.nan if value is None else codes[value] for value in row] for row in ratings], float)
    if coded.ndim != 2 or not ((~np.isnan(coded)).sum(axis=0) > 1).any():
        return float("nan"), "no item has labels from two sources"
    pairable = coded[:, (~np.isnan(coded)).sum(axis=0) > 1]
    if len(np.unique(pairable[~np.isnan(pairable)])) < 2:
        return float("nan"), "all sources give one and the same label throughout"
    return float(krippendorff.alpha(reliability_data=pairable, level_of_measurement="nominal")), None


def _class(table: NDArray[np.int64], number: int, label: Hashable) -> ClassAgreement:
    both, n = table[number, number], table.sum()
    reference, judged = table[number].sum(), table[:, number].sum()
    neither = n - reference - judged + both

    def share(part: int, whole: int) -> float:
        return float(part / whole) if whole else float("nan")

    return ClassAgreement(
        label,
        int(reference),
        int(judged),
        share(both, judged),
        share(both, reference),
        share(neither, n - judged),
    )
