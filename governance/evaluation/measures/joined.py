"""The interval of a difference from the intervals of its two sides."""

from __future__ import annotations

import math

from governance.evaluation.measures.estimate import Estimate


def joined(first: Estimate, second: Estimate, *, together: float = 0.0) -> tuple[float, float] | None:
    """The 95 % interval of `first` minus `second`; None where one of them has no interval.

    Recovered from both intervals, which keeps their skew (MOVER: Zou & Donner 2008, Statistics in Medicine 27).
    `together` is the correlation of the two, 0 for rows that are not shared (Zou 2007, Psychological Methods 12).
    """
    if first.value is None or first.ci_low is None or first.ci_high is None:
        return None
    if second.value is None or second.ci_low is None or second.ci_high is None:
        return None
    value = first.value - second.value
    low = _reach(first.value - first.ci_low, second.ci_high - second.value, together)
    high = _reach(first.ci_high - first.value, second.value - second.ci_low, together)
    return value - low, value + high


def _reach(one: float, other: float, together: float) -> float:
    return math.sqrt(max(one**2 + other**2 - 2 * together * one * other, 0.0))
