"""How far scores can be read as probabilities: Brier, log loss, calibration error, slope, intercept."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
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
from governance.evaluation.measures.sorted_rows import (
    Moments,
    ascending,
    bins,
    blocks,
    counts,
    filled,
    order_of,
    taken,
)

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

    def of(rows: slice) -> FloatArray:
        clipped = np.clip(scores[rows], step, 1 - step)
        return np.where(labels[rows] == 1, -np.log(clipped), -np.log1p(-clipped))

    return filled(len(scores), np.float64, of)


def mean_calibration(labels: IntArray, scores: FloatArray) -> Estimate:
    """The mean score minus the observed rate, with Student's t interval of the rows' residuals.

    Mean calibration, or calibration in the large: Van Calster et al. 2019, BMC Medicine 17. 0 within every group is
    the calibration within groups of Kleinberg, Mullainathan & Raghavan 2017 (ITCS) on the whole.
    """
    return mean(Moments.of(len(scores), lambda rows: scores[rows] - labels[rows]))


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
        order = order_of(labels, scores)
        scores, labels = taken(scores, order), taken(labels, order)
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

    def odds(rows: slice) -> FloatArray:
        found: FloatArray = logit(np.clip(scores[rows], EDGE, 1 - EDGE))
        return found

    ones = lambda rows: np.ones(rows.stop - rows.start)  # noqa: E731
    intercept = _wald(_fit(labels, [ones], odds), method=method, n=n)
    spread = Moments.of(n, odds)
    if spread.least == spread.most:
        return undefined("Every row has the same score, so there is no slope.", method=method, n=n), intercept
    (lowest, highest), (least, most) = (_ends(labels, odds, label) for label in (1, 0))
    if most <= lowest or highest <= least:
        reason = "The scores separate the classes completely, so the slope has no finite value."
        return undefined(reason, method=method, n=n), intercept
    # fitted in standard units, or log-odds far from 0 leave the equations near singular
    scale = (spread.squares / n) ** 0.5
    slope = _fit(labels, [lambda rows: (odds(rows) - spread.mean) / scale, ones], None)
    if slope is not None:
        slope = _Fit(slope.value / scale, slope.error / scale)
    return _wald(slope, method=method, n=n), intercept


#: A column of numbers, computed anew for the rows it is asked for.
_Column = Callable[[slice], FloatArray]


def _ends(labels: IntArray, odds: _Column, label: int) -> tuple[float, float]:
    """The smallest and the largest of the rows with this label."""
    own = Moments.of(len(labels), lambda rows: odds(rows)[labels[rows] == label])
    return own.least, own.most


class _Fit(NamedTuple):
    """The first coefficient of a regression and its standard error."""

    value: float
    error: float


def _wald(fit: _Fit | None, *, method: str, n: int) -> Estimate:
    if fit is None:
        reason = "The scores separate the classes almost completely, so the fit does not settle."
        return undefined(reason, method=method, n=n)
    return Estimate(fit.value, fit.value - Z * fit.error, fit.value + Z * fit.error, method, n)


def _fit(labels: IntArray, columns: list[_Column], offset: _Column | None) -> _Fit | None:
    """The likeliest coefficient of the first column in label ~ offset + columns, or None if none is found.

    Newton's method. Steps are kept short, because far from the answer the likelihood is flat and a full
    step lands where it is flat again, and are halved until the likelihood rises. Sums are numpy's own,
    not the linear algebra library's, whose last digits depend on its threads.
    """
    coefficients = np.zeros(len(columns))
    here = _Likelihood.at(coefficients, labels, columns, offset)
    for _ in range(MOST_STEPS):
        try:
            step = np.linalg.solve(here.information, here.gradient)
        except np.linalg.LinAlgError:
            return None
        step = step * (LONGEST_STEP / max(float(np.sqrt(np.sum(step**2))), LONGEST_STEP))
        while True:
            there = _Likelihood.at(coefficients + step, labels, columns, offset)
            settled = bool(np.abs(step).max() < 1e-10)
            # short of rounding: where that hides the rise, steps halved to nothing would pass for the answer
            if settled or there.value >= here.value - NO_SPREAD * abs(here.value):
                break
            step = step / 2
        coefficients, here = coefficients + step, there
        if settled:
            errors = np.sqrt(np.diag(np.linalg.inv(here.information)))
            return _Fit(float(coefficients[0]), float(errors[0]))
    return None


class _Likelihood(NamedTuple):
    """The logarithm of a logistic regression's likelihood, its slope and its curvature."""

    value: float
    gradient: FloatArray
    information: FloatArray

    @classmethod
    def at(
        cls, coefficients: FloatArray, labels: IntArray, columns: list[_Column], offset: _Column | None
    ) -> "_Likelihood":
        """In one pass over the rows, a block at a time: no column is held as a whole."""
        value = 0.0
        gradient = np.zeros(len(columns))
        information = np.zeros((len(columns), len(columns)))
        for rows in blocks(len(labels)):
            known, parts = labels[rows], [column(rows) for column in columns]
            odds = np.zeros(len(known)) if offset is None else offset(rows)
            odds = odds + np.sum(
                [size * part for size, part in zip(coefficients, parts, strict=True)], axis=0
            )
            rates = expit(odds)
            weights = rates * (1 - rates)
            value += float(np.sum(known * odds - np.logaddexp(0, odds)))
            gradient += [np.sum(part * (known - rates)) for part in parts]
            information += [[np.sum(weights * one * two) for two in parts] for one in parts]
        return cls(value, gradient, information)
