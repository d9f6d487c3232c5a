"""How far predictions lie from what happened: errors, shares of variance, percentages, order.

An error is the prediction minus the actual value, so a positive mean error predicts too high. Intervals come from
closed forms: nothing is drawn, so a million rows cost as little as they must and every run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import binom

from governance.evaluation.measures.columns import Numbers, stored
from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    Z,
    around,
    few,
    undefined,
)
from governance.evaluation.measures.proportions import wilson
from governance.evaluation.measures.sorted_rows import Moments, blocks, filled, linear

CONSTANT_TARGET = "The target is the same in every row, so it has no variance to explain."
CONSTANT_PREDICTION = "The prediction is the same in every row, so there is no order to measure."
ONE_ROW = "There is one row only, which shows no spread."
SAME_ERROR = "no interval, the error is the same in every row"
SAME_LOSS = "no interval, the loss is the same in every row"
LOG_MEAN = "Student's t, log scale"

#: With fewer rows the interval of a mean of losses holds less often than it says.
LEAST_OF_LOSSES = 200


def student_t(rows: int) -> float:
    """The 97.5 % quantile of Student's t with `rows` - 1 degrees of freedom; `rows` must be at least 2."""
    return float(stdtrit(rows - 1, 0.975))


def standard_error(values: FloatArray) -> float:
    """The standard error of the mean; 0 where the values show no spread beyond rounding."""
    return moments(values).standard_error


def moments(values: Numbers) -> Moments:
    """Those of a column."""
    return Moments.of(len(values), lambda rows: values[rows])


def deviation(values: Numbers) -> float:
    """The standard deviation, which divides by the number of rows."""
    held = moments(values)
    return float((held.squares / held.n) ** 0.5)


def mean(values: FloatArray | Moments) -> Estimate:
    """The mean with Student's t interval (Student 1908, Biometrika 6). Equal values show no spread: no interval."""
    measured = values if isinstance(values, Moments) else moments(values)
    n, error, point = measured.n, measured.standard_error, measured.mean
    if error == 0:
        return Estimate(point, None, None, SAME_ERROR, n)
    half = student_t(n) * error
    return around(point, point - half, point + half, method="Student's t", n=n)


def mean_of_losses(
    losses: FloatArray | Moments, *, value: float | None = None, highest: float = np.inf
) -> Estimate:
    """The mean of numbers that are never below 0, with Student's t interval of its logarithm, cut at `highest`.

    Losses are skewed, a few rows weighing most; the logarithm of their mean is far less so (delta method: Serfling
    1980, section 3.1), and its interval keeps above 0. `value` is the mean where somebody has computed it already.
    Equal losses show no spread: no interval.
    """
    measured = losses if isinstance(losses, Moments) else moments(losses)
    n, error = measured.n, measured.standard_error
    point = measured.mean if value is None else value
    if error == 0:
        return Estimate(point, None, None, SAME_LOSS, n)
    reach = float(np.exp(student_t(n) * error / measured.mean))
    method = few(LOG_MEAN, rows=n, least=LEAST_OF_LOSSES)
    return around(point, point / reach, min(point * reach, highest), method=method, n=n)


def moments_of(actual: Numbers, predicted: Numbers, loss: Callable[[FloatArray], FloatArray]) -> Moments:
    """Those of a loss of the errors."""
    return Moments.of(len(actual), lambda rows: loss(predicted[rows] - actual[rows]))


def absolute(actual: Numbers, predicted: Numbers) -> Estimate:
    """Mean absolute error with the interval of `mean_of_losses`."""
    return mean_of_losses(moments_of(actual, predicted, np.abs))


def root_mean_squared(actual: Numbers, predicted: Numbers) -> Estimate:
    """Root mean squared error: the roots of the mean squared error and of its ends, of `mean_of_losses`.

    A root keeps order, so it carries the interval's coverage with it. Where single errors are far larger than the
    others, no interval of a mean of squares holds the truth as often as it says, whatever the rows.
    """
    squared = mean_of_losses(moments_of(actual, predicted, np.square))
    value, low, high = (
        None if end is None else end**0.5 for end in (squared.value, squared.ci_low, squared.ci_high)
    )
    method = squared.method if low is None else f"{squared.method}, root taken"
    return Estimate(value, low, high, method, squared.n)


def quantile_of_absolute(actual: Numbers, predicted: Numbers, share: float) -> Estimate:
    """The `share` quantile of the absolute error with the interval between two order statistics (Thompson 1936,
    Annals of Mathematical Statistics 7; Conover 1999, section 3.2).

    The number of values below the true quantile is binomial whatever their distribution, so the interval
    needs no assumption; with too few rows no order statistic lies far enough out, and there is none.
    """
    n, method = len(actual), "order statistics"
    ordered = filled(n, np.float64, lambda rows: np.abs(predicted[rows] - actual[rows]))
    ordered.sort()
    point = linear(lambda place: float(ordered[place]), n, share)
    low_at = int(binom.ppf(0.025, n, share)) - 1
    high_at = int(binom.ppf(0.975, n, share))
    if low_at < 0 or high_at > n - 1:
        return Estimate(point, None, None, f"{method}: no interval, too few rows", n)
    return around(point, float(ordered[low_at]), float(ordered[high_at]), method=method, n=n)


def bias(actual: Numbers, predicted: Numbers) -> Estimate:
    """Mean error with Student's t interval."""
    return mean(moments_of(actual, predicted, np.asarray))


def standardised_bias(actual: Numbers, predicted: Numbers, *, spread: float | None = None) -> Estimate:
    """Mean error in standard deviations of the target, by the delta method (Serfling 1980, section 3.1).

    `spread` is the standard deviation of all rows where these are one group of them; it then counts as
    known. Otherwise that of these rows, whose own uncertainty goes into the interval. A standard deviation
    divides by the number of rows, as in R squared.
    """
    n, target = len(actual), moments(actual)
    scale = (target.squares / n) ** 0.5 if spread is None else spread
    if target.least == target.most if spread is None else scale == 0:
        return undefined(CONSTANT_TARGET, method="delta method", n=n)
    value = moments_of(actual, predicted, np.asarray).mean / scale

    def influence(rows: slice) -> FloatArray:
        own = actual[rows]
        moved = (predicted[rows] - own) / scale
        if spread is None:
            moved = moved - value * (own - target.mean) ** 2 / (2 * scale**2)
        return moved

    error = Moments.of(n, influence).standard_error
    if error == 0:
        return Estimate(value, None, None, SAME_ERROR, n)
    half = student_t(n) * error
    return around(value, value - half, value + half, method="delta method", n=n)


def r_squared(actual: Numbers, predicted: Numbers) -> Estimate:
    """R squared, 1 - mean squared error / variance of the target, as in scikit-learn."""
    return _one_minus_ratio(actual, predicted, about=0.0)


def explained_variance(actual: Numbers, predicted: Numbers) -> Estimate:
    """Explained variance, 1 - variance of the error / variance of the target, as in scikit-learn."""
    return _one_minus_ratio(actual, predicted, about=moments_of(actual, predicted, np.asarray).mean)


def _one_minus_ratio(actual: Numbers, predicted: Numbers, *, about: float) -> Estimate:
    """1 - mean loss / variance of the target, the loss being the squared distance of the error from `about`, with the
    delta method on the logarithm of the ratio (Serfling 1980, section 3.1).

    The logarithm of a ratio of two means has the influence loss / mean loss - squared deviation / variance of
    each row; that the target's mean is estimated as well vanishes to first order. On the logarithm the
    interval can never pass 1, and it is skewed as the sampling distribution of R squared is.
    """
    n, method = len(actual), "delta method, log ratio"
    target = moments(actual)
    if n < 2:
        return undefined(ONE_ROW, method=method, n=n)
    if target.least == target.most:
        return undefined(CONSTANT_TARGET, method=method, n=n)
    loss = moments_of(actual, predicted, lambda errors: (errors - about) ** 2).mean
    variance = Moments.of(n, lambda rows: (actual[rows] - target.mean) ** 2).mean
    point = 1 - loss / variance
    ratio = 1 - point
    if ratio <= NO_SPREAD:
        return Estimate(point, None, None, "no interval, no variance is left unexplained", n)

    def influence(rows: slice) -> FloatArray:
        own = actual[rows]
        return (predicted[rows] - own - about) ** 2 / loss - (own - target.mean) ** 2 / variance

    error = Moments.of(n, influence).standard_error
    if error == 0:
        return Estimate(point, None, None, SAME_ERROR, n)
    reach = float(np.exp(student_t(n) * error))
    return around(point, 1 - ratio * reach, 1 - ratio / reach, method=method, n=n)


def absolute_percentage(actual: Numbers, predicted: Numbers) -> Estimate:
    """Mean absolute percentage error with the interval of `mean_of_losses`, as a share (0.1 is 10 %).

    Undefined where an actual value is 0: scikit-learn divides by the smallest float there, which gives a
    number of sixteen digits that means nothing.
    """
    n = len(actual)
    zeros = sum(int(np.count_nonzero(actual[rows] == 0)) for rows in blocks(n))
    if zeros:
        rows = "one row has" if zeros == 1 else f"{zeros:,} rows have"
        reason = f"A percentage of 0 has no meaning, and {rows} a target of 0."
        return undefined(reason, method=LOG_MEAN, n=n)

    def share(rows: slice) -> FloatArray:
        own = actual[rows]
        return np.abs((predicted[rows] - own) / own)

    step = float(np.finfo(np.float64).eps)  # as scikit-learn, which divides by no less
    value = Moments.of(
        n, lambda rows: np.abs(predicted[rows] - actual[rows]) / np.maximum(np.abs(actual[rows]), step)
    ).mean
    return mean_of_losses(Moments.of(n, share), value=value)


def spearman(actual: Numbers, predicted: Numbers) -> Estimate:
    """Spearman's rank correlation with Fisher's interval and the standard error of Bonett & Wright 2000,
    Psychometrika 65: sqrt((1 + rho^2 / 2) / (n - 3)) on the inverse hyperbolic tangent."""
    n, method = len(actual), "Fisher's z, Bonett and Wright"
    if _constant(actual):
        return undefined("The target is the same in every row, so there is no order.", method=method, n=n)
    if _constant(predicted):
        return undefined(CONSTANT_PREDICTION, method=method, n=n)
    value = float(np.clip(_correlation(_ranks(actual), _ranks(predicted)), -1, 1))
    if n < 4 or 1 - abs(value) <= NO_SPREAD:
        why = "too few rows" if n < 4 else "the order is perfect"
        return Estimate(value, None, None, f"no interval, {why}", n)
    half = Z * ((1 + value**2 / 2) / (n - 3)) ** 0.5
    middle = float(np.arctanh(value))
    return around(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), method=method, n=n)


def _ranks(values: Numbers) -> Numbers:
    """For each row twice its mid-rank less the mean's: a whole number."""
    n = len(values)
    ordered = filled(n, np.float64, lambda rows: values[rows])
    ordered.sort()

    def of(rows: slice) -> NDArray[np.int64]:
        own = values[rows]
        order = np.argsort(own)  # neighbours are found near each other
        keys = own[order]
        found = np.empty(len(own), dtype=np.int64)
        found[order] = np.searchsorted(ordered, keys, "left") + np.searchsorted(ordered, keys, "right") - n
        return found

    return stored(n, np.int32, of)


def _correlation(first: Numbers, second: Numbers) -> float:
    """Pearson's, of numbers whose mean is 0."""
    together = one = other = 0.0
    for rows in blocks(len(first)):
        left, right = first[rows].astype(np.float64), second[rows].astype(np.float64)
        together += float(np.sum(left * right))
        one += float(np.sum(left**2))
        other += float(np.sum(right**2))
    return float(together / one**0.5 / other**0.5)


def within(actual: Numbers, predicted: Numbers, tolerance: float | None) -> Estimate:
    """The share of rows whose absolute error is at most `tolerance`, with Wilson's interval."""
    n = len(actual)
    if tolerance is None:
        reason = "The model's signature declares no tolerance, so nothing says how close is close enough."
        return undefined(reason, method="Wilson", n=n)
    close = sum(
        int(np.count_nonzero(np.abs(predicted[rows] - actual[rows]) <= tolerance)) for rows in blocks(n)
    )
    return wilson(close, n, empty="There are no rows.")


def median_absolute(actual: Numbers, predicted: Numbers) -> Estimate:
    """Median absolute error with the interval between two order statistics."""
    return quantile_of_absolute(actual, predicted, 0.5)


def _constant(values: Numbers) -> bool:
    held = moments(values)
    return held.least == held.most
