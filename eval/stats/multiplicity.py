"""p-values corrected for how many of them there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from eval.stats.intervals import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down correction (1979, Scand. J. Stat. 6:65): bounds the chance of any false finding.

    Takes and returns shape (tests,); NaN stays NaN and is not counted as a test. scipy has
    no such function.
    """
    p = np.asarray(p_values, np.float64)
    corrected = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    remaining = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(remaining * p[order]))
    return corrected


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Benjamini and Hochberg's correction (1995, J. R. Stat. Soc. B 57:289), for screens.

    Bounds the expected share of false findings among the findings; shapes and NaN as in ``holm``.
    """
    p = np.asarray(p_values, np.float64)
    corrected = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests])]
    scaled = p[order] * (len(order) / np.arange(1, len(order) + 1))
    # As scipy.stats.false_discovery_control does, without a second to import it.
    corrected[order] = np.clip(np.minimum.accumulate(scaled[::-1])[::-1], 0, 1)
    return corrected
