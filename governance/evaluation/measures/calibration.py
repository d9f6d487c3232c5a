"""How far scores can be read as probabilities: Brier, log loss, calibration error, slope, intercept."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from governance.evaluation.measures.errors import mean
from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    TAILS,
    Estimate,
    FloatArray,
    IntArray,
    Z,
    around,
    undefined,
)
from governance.evaluation.measures.sorted_rows import ascending, bins, blocks, counts

ECE_BINS = 15
BETA_DRAWS = "beta draws in each bin"

#: Scores of exactly 0 and 1 have no log-odds; recalibration takes them for one in a million.
EDGE = 1e-6

#: Limits of a logistic fit: more steps than any data but nearly separated ones need, none longer than
#: 5 in log-odds.
MOST_STEPS = 200
LONGEST_STEP = 5.0


def brier_losses(labels: IntArray, scores: FloatArray) -> FloatArray:
    """The squared error of each row (Brier 1950)."""
    losses = scores - labels
    return np.square(losses, out=losses)


def log_losses(labels: IntArray, scores: FloatArray) -> FloatArray:
    """Minus the log of the probability given to what happened (Good 1952).

    A probability of 0 counts as the smallest float64 step, 2.2e-16, as in scikit-learn.
    """
    step = float(np.finfo(np.float64).eps)
    losses = np.empty(len(scores))
    for rows in blocks(len(scores)):
        clipped = np.clip(scores[rows], step, 1 - step)
        losses[rows] = np.where(labels[rows] == 1, -np.log(clipped), -np.log1p(-clipped))
    return losses


def mean_loss(losses: FloatArray, *, highest: float) -> Estimate:
    """The mean with the normal interval from its standard error, cut at 0 and `highest`.

    Equal losses in all rows show no spread, and then there is no interval.
    """
    n = len(losses)
    value = float(losses.mean())
    if np.ptp(losses) <= NO_SPREAD:
        return Estimate(value, None, None, "no interval, the loss is the same in every row", n)
    half = Z * float(losses.std(ddof=1)) / n**0.5
    ends = max(value - half, 0.0), min(value + half, highest)
    return around(value, *ends, method="normal approximation", n=n)


def mean_calibration(labels: IntArray, scores: FloatArray) -> Estimate:
    """The mean score minus the observed rate, with Student's t interval of the rows' residuals.

    Mean calibration, or calibration in the large: Van Calster et al. 2019, BMC Medicine 17. 0 within every group is
    the calibration within groups of Kleinberg, Mullainathan & Raghavan 2017 (ITCS) on the whole.
    """
    return mean(scores - labels)


class Bins(NamedTuple):
    """Rows in bins of equal count by score; tied scores share a bin."""

    n: IntArray
    positives: IntArray
    mean_score: FloatArray


def equal_count_bins(labels: IntArray, scores: FloatArray, most: int) -> Bins:
    """At most `most` bins of equal count, in order of score.

    A run of tied scores goes whole to the bin of its middle row, so bins are uneven where ties are long
    and the result does not depend on the order of rows.
    """
    if not ascending(scores):
        order = np.argsort(scores, kind="stable")
        scores, labels = scores[order], labels[order]
    first = bins(scores, most)
    n, positives = counts(labels, first)
    return Bins(n, positives, np.add.reduceat(scores, first) / n)


def calibration_error(labels: IntArray, scores: FloatArray, rng: np.random.Generator, draws: int) -> Estimate:
    """Expected calibration error over 15 equal-count bins: the mean of |observed rate - mean score|.

    Naeini, Cooper & Hauskrecht 2015 (AAAI), with equal-count bins as in Nguyen & O'Connor 2015 (EMNLP).
    Each bin's observed rate is drawn from its Beta form (Jeffreys), given the scores. The error is an
    absolute value, so chance alone lifts it, in the sample and once more in the draws. The upper end
    takes the draws moved back to the sample's value; the lower end subtracts all that chance could add,
    so that a calibrated model's interval reaches 0.
    """
    equal = equal_count_bins(labels, scores, ECE_BINS)
    weights = equal.n / len(labels)
    rates = equal.positives / equal.n
    value = float(np.sum(weights * np.abs(rates - equal.mean_score)))
    drawn = rng.beta(equal.positives + 0.5, equal.n - equal.positives + 0.5, size=(draws, len(equal.n)))
    errors = np.sum(weights * np.abs(drawn - equal.mean_score), axis=1)
    by_chance = np.sum(weights * np.abs(drawn - rates), axis=1)
    low = max(value - float(np.quantile(by_chance, TAILS[1])), 0.0)
    high = min(value + float(np.quantile(errors, TAILS[1]) - errors.mean()), 1.0)
    return around(value, low, high, method=BETA_DRAWS, n=len(labels))


def recalibration(labels: IntArray, scores: FloatArray) -> tuple[Estimate, Estimate]:
    """Calibration slope and calibration intercept with Wald intervals.

    Logistic recalibration (Cox 1958, Biometrika 45): label ~ log-odds of the score. The slope is fitted
    beside a free intercept; the intercept with the slope held at 1 (calibration in the large), as in Van
    Calster et al. 2019, BMC Medicine 17. A calibrated model has slope 1 and intercept 0.
    """
    n = len(labels)
    method = "Wald"
    if scores.min() < EDGE or scores.max() > 1 - EDGE:
        method = "Wald, scores kept a millionth from 0 and 1"
    if labels.min() == labels.max():
        reason = "Only one class is present, so scores cannot be recalibrated."
        return undefined(reason, method=method, n=n), undefined(reason, method=method, n=n)
    odds = logit(np.clip(scores, EDGE, 1 - EDGE))
    ones: FloatArray = np.broadcast_to(np.float64(1), n)
    intercept = _wald(_fit(labels, [ones], odds), method=method, n=n)
    if odds.min() == odds.max():
        return undefined("Every row has the same score, so there is no slope.", method=method, n=n), intercept
    positive = labels == 1
    (lowest, highest), (least, most) = (_ends(odds, side) for side in (positive, ~positive))
    if most <= lowest or highest <= least:
        reason = "The scores separate the classes completely, so the slope has no finite value."
        return undefined(reason, method=method, n=n), intercept
    scale = float(
        odds.std()
    )  # fitted in standard units, or log-odds far from 0 leave the equations near singular
    odds -= odds.mean()
    odds /= scale
    slope = _fit(labels, [odds, ones], np.broadcast_to(np.float64(0), n))
    if slope is not None:
        slope = _Fit(slope.value / scale, slope.error / scale)
    return _wald(slope, method=method, n=n), intercept


def _ends(values: FloatArray, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """The smallest and the largest of the values inside."""
    low = values.min(where=inside, initial=np.inf)
    return float(low), float(values.max(where=inside, initial=-np.inf))


class _Fit(NamedTuple):
    """The first coefficient of a regression and its standard error."""

    value: float
    error: float


def _wald(fit: _Fit | None, *, method: str, n: int) -> Estimate:
    if fit is None:
        reason = "The scores separate the classes almost completely, so the fit does not settle."
        return undefined(reason, method=method, n=n)
    return Estimate(fit.value, fit.value - Z * fit.error, fit.value + Z * fit.error, method, n)


def _fit(labels: IntArray, columns: list[FloatArray], offset: FloatArray) -> _Fit | None:
    """The likeliest coefficient of the first column in label ~ offset + columns, or None if none is found.

    Newton's method. Steps are kept short, because far from the answer the likelihood is flat and a full
    step lands where it is flat again, and are halved until the likelihood rises. Sums are numpy's own,
    not the linear algebra library's, whose last digits depend on its threads.
    """

    n = len(labels)

    def total(part: Callable[[slice], float]) -> float:
        return sum(part(rows) for rows in blocks(n))

    def log_likelihood(odds: FloatArray) -> float:
        return total(lambda rows: float(np.sum(labels[rows] * odds[rows] - np.logaddexp(0, odds[rows]))))

    def slope_of(odds: FloatArray, column: FloatArray) -> float:
        return total(lambda rows: float(np.sum(column[rows] * (labels[rows] - expit(odds[rows])))))

    def information(odds: FloatArray) -> FloatArray:
        found = np.zeros((len(columns), len(columns)))
        for rows in blocks(n):
            rates = expit(odds[rows])
            weights = rates * (1 - rates)
            found += np.array(
                [[np.sum(weights * one[rows] * two[rows]) for two in columns] for one in columns]
            )
        return found

    def further(odds: FloatArray, step: FloatArray) -> FloatArray:
        reached = np.empty(n)
        for rows in blocks(n):
            moves = [size * column[rows] for size, column in zip(step, columns, strict=True)]
            reached[rows] = odds[rows] + np.sum(moves, axis=0)
        return reached

    coefficients, odds = np.zeros(len(columns)), offset
    for _ in range(MOST_STEPS):
        gradient = np.array([slope_of(odds, column) for column in columns])
        try:
            step = np.linalg.solve(information(odds), gradient)
        except np.linalg.LinAlgError:
            return None
        step = step * (LONGEST_STEP / max(float(np.sqrt(np.sum(step**2))), LONGEST_STEP))
        before = log_likelihood(odds)
        while True:
            moved = further(odds, step)
            settled = bool(np.abs(step).max() < 1e-10)
            if settled or log_likelihood(moved) >= before:
                break
            step = step / 2
        coefficients, odds = coefficients + step, moved
        if settled:
            errors = np.sqrt(np.diag(np.linalg.inv(information(odds))))
            return _Fit(float(coefficients[0]), float(errors[0]))
    return None
