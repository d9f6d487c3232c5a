"""A difference between two models on the same rows, with its 95 % interval, and the ways to make one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, t

from governance.evaluation.measures.estimate import NO_SPREAD, TAILS, FloatArray, IntArray, Z


def mcnemar(only_first_right: int, only_second_right: int) -> float:
    """The exact two-sided p that two classifiers err equally often (McNemar 1947, binomial form).

    1 when they never disagree in being right.
    """
    disagreements = only_first_right + only_second_right
    return float(binomtest(only_first_right, disagreements).pvalue) if disagreements else 1.0


def difference(
    value: float, low: float | None, high: float | None, p: float | None, method: str, n: int
) -> dict[str, Any]:
    """A paired difference as comparisons hold it: the ends of its 95 % interval, and the two-sided p against none."""
    return {
        "value": value,
        "diff_ci_low": low,
        "diff_ci_high": high,
        "p": p,
        "method": method,
        "n": n,
    }


def undefined_difference(reason: str, method: str, n: int) -> dict[str, Any]:
    """A difference that could not be made, with the sentence that says why."""
    empty = {"value": None, "diff_ci_low": None, "diff_ci_high": None, "p": None}
    return {**empty, "method": method, "n": n, "undefined": reason}


def mean_difference(differences: FloatArray) -> dict[str, Any]:
    """The mean paired difference with its normal interval and test.

    Where all rows differ by the same amount there is no spread: none at all is a certain 0, any other
    amount has no interval.
    """
    n, value, method = len(differences), float(differences.mean()), "paired normal approximation"
    if np.ptp(differences) <= NO_SPREAD:
        if abs(value) <= NO_SPREAD:
            return difference(0.0, 0.0, 0.0, 1.0, method, n)
        return difference(value, None, None, None, method, n)
    error = float(differences.std(ddof=1)) / n**0.5
    p = float(2 * norm.sf(abs(value) / error))
    return difference(value, value - Z * error, value + Z * error, p, method, n)


def students_difference(value: float, error: float, freedom: float, method: str, n: int) -> dict[str, Any]:
    """A difference of two measures between 0 and 1, with Student's t interval and test of this standard error; without
    one where there is no spread, unless there is no difference either."""
    if error <= NO_SPREAD:
        if abs(value) <= NO_SPREAD:
            return difference(0.0, 0.0, 0.0, 1.0, method, n)
        return difference(value, None, None, None, method, n)
    half = float(t.ppf(0.975, freedom)) * error
    p = float(2 * t.sf(abs(value) / error, freedom))
    return difference(value, max(value - half, -1.0), min(value + half, 1.0), p, method, n)


def drawn_difference(value: float, drawn: FloatArray, method: str, n: int) -> dict[str, Any]:
    """Percentile interval and p of drawn differences; p is no smaller than 2 / (draws + 1)."""
    low, high = np.quantile(drawn, TAILS)
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(2 * (tail + 1) / (len(drawn) + 1), 1.0)
    return difference(value, min(float(low), value), max(float(high), value), p, method, n)


def share_difference(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> dict[str, Any]:
    """The difference of two shares of the same rows: the paired normal interval, which is McNemar's variance, and the p
    of his exact test. The rows may not be none."""
    found = mean_difference(ours.astype(np.float64) - theirs)
    found["p"] = mcnemar(int((ours & ~theirs).sum()), int((theirs & ~ours).sum()))
    found["method"] += ", p by McNemar's exact test"
    return found


def resampled_cells(counts: IntArray, rng: np.random.Generator, draws: int) -> IntArray:
    """The cells of a table as resampled rows would fill them: a paired bootstrap of rows (Efron 1979) is a multinomial
    draw of the cells the rows lie in. Draws on the first axis."""
    drawn: IntArray = rng.multinomial(int(counts.sum()), counts / counts.sum(), size=draws)
    return drawn
