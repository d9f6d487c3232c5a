"""How far predictions lie from what happened: errors, shares of variance, percentages, order.

An error is the prediction minus the actual value, so a positive mean error predicts too high. Intervals come from
closed forms: nothing is drawn, so a million rows cost as little as they must and every run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom, spearmanr

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
from governance.evaluation.measures.sorted_rows import Moments

CONSTANT_TARGET = "The target is the same in every row, so it has no variance to explain."
CONSTANT_PREDICTION = "The prediction is the same in every row, so there is no order to measure."
ONE_ROW = "There is one row only, which shows no spread."
SAME_ERROR = "no interval, the error is the same in every row"
SAME_LOSS = "no interval, the loss is the same in every row"
LOG_MEAN = "Student's t, log scale"

#: With fewer rows the interval of a mean of losses holds less often than it says.
LEAST_OF_LOSSES = 200


def _sklearn() -> Any:
    """scikit-learn's measures, where they are used: with them come 45 MB that other tasks need not have."""
    from sklearn import metrics

    return metrics


def student_t(rows: int) -> float:
    """The 97.5 % quantile of Student's t with `rows` - 1 degrees of freedom; `rows` must be at least 2."""
    return float(stdtrit(rows - 1, 0.975))


def standard_error(values: FloatArray) -> float:
    """The standard error of the mean; 0 where the values show no spread beyond rounding."""
    return moments(values).standard_error


def moments(values: FloatArray) -> Moments:
    """Those of a column that is there as a whole."""
    return Moments.of(len(values), lambda rows: values[rows])


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


def absolute(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Mean absolute error with the interval of `mean_of_losses`."""
    value = float(_sklearn().mean_absolute_error(actual, predicted))
    return mean_of_losses(np.abs(predicted - actual), value=value)


def root_mean_squared(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Root mean squared error: the roots of the mean squared error and of its ends, of `mean_of_losses`.

    A root keeps order, so it carries the interval's coverage with it. Where single errors are far larger than the
    others, no interval of a mean of squares holds the truth as often as it says, whatever the rows.
    """
    squared = mean_of_losses(
        (predicted - actual) ** 2, value=float(_sklearn().mean_squared_error(actual, predicted))
    )
    value, low, high = (
        None if end is None else end**0.5 for end in (squared.value, squared.ci_low, squared.ci_high)
    )
    method = squared.method if low is None else f"{squared.method}, root taken"
    return Estimate(value, low, high, method, squared.n)


def quantile_of(values: FloatArray, share: float, *, value: float | None = None) -> Estimate:
    """The `share` quantile with the interval between two order statistics (Thompson 1936, Annals of
    Mathematical Statistics 7; Conover 1999, section 3.2).

    The number of values below the true quantile is binomial whatever their distribution, so the interval
    needs no assumption; with too few rows no order statistic lies far enough out, and there is none.
    `value` as in `mean`; otherwise numpy's linear quantile.
    """
    n, method = len(values), "order statistics"
    ordered = np.sort(values)
    point = float(np.quantile(ordered, share)) if value is None else value
    low_at = int(binom.ppf(0.025, n, share)) - 1
    high_at = int(binom.ppf(0.975, n, share))
    if low_at < 0 or high_at > n - 1:
        return Estimate(point, None, None, f"{method}: no interval, too few rows", n)
    return around(point, float(ordered[low_at]), float(ordered[high_at]), method=method, n=n)


def bias(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Mean error with Student's t interval."""
    return mean(predicted - actual)


def standardised_bias(actual: FloatArray, predicted: FloatArray, *, spread: float | None = None) -> Estimate:
    """Mean error in standard deviations of the target, by the delta method (Serfling 1980, section 3.1).

    `spread` is the standard deviation of all rows where these are one group of them; it then counts as
    known. Otherwise that of these rows, whose own uncertainty goes into the interval. A standard deviation
    divides by the number of rows, as in R squared.
    """
    n, errors = len(actual), predicted - actual
    scale = float(actual.std()) if spread is None else spread
    if _constant(actual) if spread is None else scale == 0:
        return undefined(CONSTANT_TARGET, method="delta method", n=n)
    value = float(errors.mean()) / scale
    influence = errors / scale
    if spread is None:
        influence = influence - value * (actual - actual.mean()) ** 2 / (2 * scale**2)
    error = standard_error(influence)
    if error == 0:
        return Estimate(value, None, None, SAME_ERROR, n)
    half = student_t(n) * error
    return around(value, value - half, value + half, method="delta method", n=n)


def r_squared(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """R squared, 1 - mean squared error / variance of the target, as in scikit-learn."""
    return _one_minus_ratio(
        actual, (predicted - actual) ** 2, value=lambda: float(_sklearn().r2_score(actual, predicted))
    )


def explained_variance(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Explained variance, 1 - variance of the error / variance of the target, as in scikit-learn."""
    errors = predicted - actual
    return _one_minus_ratio(
        actual,
        (errors - errors.mean()) ** 2,
        value=lambda: float(_sklearn().explained_variance_score(actual, predicted)),
    )


def _one_minus_ratio(actual: FloatArray, losses: FloatArray, *, value: Callable[[], float]) -> Estimate:
    """1 - mean loss / variance of the target, with the delta method on the logarithm of the ratio (Serfling
    1980, section 3.1).

    The logarithm of a ratio of two means has the influence loss / mean loss - squared deviation / variance of
    each row; that the target's mean is estimated as well vanishes to first order. On the logarithm the
    interval can never pass 1, and it is skewed as the sampling distribution of R squared is.
    """
    n, method = len(actual), "delta method, log ratio"
    if n < 2:
        return undefined(ONE_ROW, method=method, n=n)
    if _constant(actual):
        return undefined(CONSTANT_TARGET, method=method, n=n)
    point = value()
    deviations = (actual - actual.mean()) ** 2
    ratio = 1 - point
    if ratio <= NO_SPREAD:
        return Estimate(point, None, None, "no interval, no variance is left unexplained", n)
    error = standard_error(losses / losses.mean() - deviations / deviations.mean())
    if error == 0:
        return Estimate(point, None, None, SAME_ERROR, n)
    reach = float(np.exp(student_t(n) * error))
    return around(point, 1 - ratio * reach, 1 - ratio / reach, method=method, n=n)


def absolute_percentage(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Mean absolute percentage error with the interval of `mean_of_losses`, as a share (0.1 is 10 %).

    Undefined where an actual value is 0: scikit-learn divides by the smallest float there, which gives a
    number of sixteen digits that means nothing.
    """
    zeros = int((actual == 0).sum())
    if zeros:
        rows = "one row has" if zeros == 1 else f"{zeros:,} rows have"
        reason = f"A percentage of 0 has no meaning, and {rows} a target of 0."
        return undefined(reason, method=LOG_MEAN, n=len(actual))
    value = float(_sklearn().mean_absolute_percentage_error(actual, predicted))
    return mean_of_losses(np.abs((predicted - actual) / actual), value=value)


def spearman(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Spearman's rank correlation with Fisher's interval and the standard error of Bonett & Wright 2000,
    Psychometrika 65: sqrt((1 + rho^2 / 2) / (n - 3)) on the inverse hyperbolic tangent."""
    n, method = len(actual), "Fisher's z, Bonett and Wright"
    if _constant(actual):
        return undefined("The target is the same in every row, so there is no order.", method=method, n=n)
    if _constant(predicted):
        return undefined(CONSTANT_PREDICTION, method=method, n=n)
    value = float(np.clip(spearmanr(actual, predicted).statistic, -1, 1))
    if n < 4 or 1 - abs(value) <= NO_SPREAD:
        why = "too few rows" if n < 4 else "the order is perfect"
        return Estimate(value, None, None, f"no interval, {why}", n)
    half = Z * ((1 + value**2 / 2) / (n - 3)) ** 0.5
    middle = float(np.arctanh(value))
    return around(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), method=method, n=n)


def within(actual: FloatArray, predicted: FloatArray, tolerance: float | None) -> Estimate:
    """The share of rows whose absolute error is at most `tolerance`, with Wilson's interval."""
    n = len(actual)
    if tolerance is None:
        reason = "The model's signature declares no tolerance, so nothing says how close is close enough."
        return undefined(reason, method="Wilson", n=n)
    return wilson(int((np.abs(predicted - actual) <= tolerance).sum()), n, empty="There are no rows.")


def median_absolute(actual: FloatArray, predicted: FloatArray) -> Estimate:
    """Median absolute error with the interval between two order statistics."""
    value = float(_sklearn().median_absolute_error(actual, predicted))
    return quantile_of(np.abs(predicted - actual), 0.5, value=value)


def _constant(values: FloatArray) -> bool:
    return bool(values.min() == values.max())
