"""Cohen's kappa, in the package that both the card and the gates' agreement stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import nan
from typing import NamedTuple


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
