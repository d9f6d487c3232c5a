"""Many comparisons at once: p-values held so that chance alone rarely finds one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from governance.evaluation.measures.estimate import FloatArray


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """Each p-value adjusted for all of them, in the same order (Holm 1979, Scandinavian Journal of Statistics 6).

    Below 0.05 after it means: were none of the comparisons real, one such finding would turn up in at most 5 %
    of all evaluations, however the comparisons depend on each other.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    factors = len(given) - np.arange(len(given))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(given[order] * factors), 1.0)
    return adjusted


def two_shares(first: float, first_n: float, second: float, second_n: float) -> float | None:
    """The two-sided p-value of two shares being one: the pooled z test, which is Pearson's chi-squared without
    continuity correction (Pearson 1900). None where either has no rows; 1 where nothing varies."""
    if not first_n or not second_n:
        return None
    pooled = (first + second) / (first_n + second_n)
    error = (pooled * (1 - pooled) * (1 / first_n + 1 / second_n)) ** 0.5
    if error == 0:
        return 1.0
    return two_sided((first / first_n - second / second_n) / error)


def two_sided(z: float) -> float:
    """The two-sided p-value of a standard normal deviate."""
    return float(2 * norm.sf(abs(z)))
