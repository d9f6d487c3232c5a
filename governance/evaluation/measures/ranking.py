"""How well scores order the rows: ROC AUC, Gini, and the difference of two models on the same rows."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit
from scipy.stats import norm, rankdata

from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    Z,
    around,
    few,
    undefined,
)
from governance.evaluation.measures.sorted_rows import Moments, ascending, run_blocks, runs

ONE_CLASS = "Only one class is present, so there is no order to measure."
CONSTANT = "Every row has the same score, so there is no order to measure."

DELONG = "DeLong, logit scale, Student's t"
PAIRED = "paired DeLong"

#: A resample without positives has no average precision. More than this share of them, and what is left no longer
#: stands for all samples (about four positives or fewer).
MAX_EMPTY_DRAWS = 0.01

#: With fewer rows of either class the intervals of an area, and of the difference of two, hold less than they say.
LEAST_OF_AREA, LEAST_OF_DIFFERENCE = 20, 60


def no_order(labels: IntArray, scores: FloatArray) -> str | None:
    """Why these rows have no ranking, or None if they have one."""
    if labels.min() == labels.max():
        return ONE_CLASS
    if scores.min() == scores.max():
        return CONSTANT
    return None


def placements(labels: IntArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each positive the share of negatives below it, for each negative the share of positives above.

    Ties count half. Mid-ranks instead of all pairs: Sun & Xu 2014, "Fast implementation of DeLong's
    algorithm", IEEE Signal Processing Letters 21(11). The mean of either column is the AUC.
    """
    if ascending(scores):
        return _placements_in_order(labels, scores)
    positive, negative = scores[labels == 1], scores[labels == 0]
    ranks = rankdata(np.concatenate([positive, negative]))
    of_positives = (ranks[: len(positive)] - rankdata(positive)) / len(negative)
    of_negatives = 1 - (ranks[len(positive) :] - rankdata(negative)) / len(positive)
    return of_positives, of_negatives


def _placements_in_order(labels: IntArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same, of rows sorted by score, without sorting them thrice more."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    of_positives, of_negatives = np.empty(positives), np.empty(negatives)
    placed = Placed(positives, negatives)
    for rows in run_blocks(scores):
        found, passed = placed.found, placed.passed
        above, below = placed.block(labels[rows] == 1, scores[rows])
        of_positives[found : placed.found] = above
        of_negatives[passed : placed.passed] = below
    return of_positives, of_negatives


class Placed:
    """Placements of rows sorted by score, some whole runs of equal scores at a time: how many positives were `found`
    and how many negatives `passed` so far is remembered."""

    def __init__(self, positives: int, negatives: int) -> None:
        self.positives, self.negatives = positives, negatives
        self.found = self.passed = 0

    def block(self, positive: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The placements of the next rows' positives, and of their negatives."""
        starts, ends = runs(scores)
        found = np.append(0, np.cumsum(positive))
        below = self.passed + (starts - found[starts] + ends - found[ends])[positive] / 2
        above = self.found + (found[starts] + found[ends])[~positive] / 2
        self.found += len(below)
        self.passed += len(above)
        return below / self.negatives, 1 - above / self.positives


def variance(of_positives: FloatArray, of_negatives: FloatArray) -> float:
    """The variance of a mean over placements: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44.

    0 when either class has a single row, since one row shows no spread.
    """
    if min(len(of_positives), len(of_negatives)) < 2:
        return 0.0
    return float(of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives))


def roc_auc(labels: IntArray, scores: FloatArray) -> Estimate:
    """The area under the ROC curve with DeLong's variance, the interval taken on the logit scale.

    The logit keeps the interval inside 0 to 1 and its coverage near 1 (Pohar Perme & Manevski 2019,
    Statistical Methods in Medical Research 28). The variance is a sum of two, one a class, each known from
    its rows only: Student's t with Satterthwaite's degrees of freedom (Brunner & Munzel 2000, Biometrical
    Journal 42). Where the classes are perfectly separated DeLong's variance is 0 and would claim certainty;
    Newcombe's method 5 (2006, Statistics in Medicine 25) is used instead.
    """
    reason = no_order(labels, scores)
    if reason:
        return undefined(reason, method=DELONG, n=len(labels))
    of_positives, of_negatives = _moments(*in_order(labels, scores))
    area, positives, negatives = of_positives.mean, of_positives.n, of_negatives.n
    if min(positives, negatives) > 1:
        spread, freedom = of_samples(
            [part.variance / part.n for part in (of_positives, of_negatives)], [positives, negatives]
        )
    else:
        spread = freedom = 0.0
    if spread <= NO_SPREAD:  # as it is at an area of 0 or 1
        low, high = _newcombe_area(area, positives, negatives)
        return around(area, low, high, method="Newcombe method 5", n=len(labels))
    half = float(stdtrit(freedom, 0.975)) * spread / (area * (1 - area))
    low, high = (float(expit(logit(area) + end)) for end in (-half, half))
    method = few(DELONG, rows=min(positives, negatives), least=LEAST_OF_AREA)
    return around(area, low, high, method=method, n=len(labels))


def of_samples(parts: Sequence[float], rows: Sequence[int]) -> tuple[float, float]:
    """The standard error that variances add up to, each estimated from the rows of one class, and the degrees of
    freedom of the Student's t that goes with it (Satterthwaite 1946, Biometrics Bulletin 2)."""
    total = sum(parts)
    if total <= 0:
        return 0.0, np.inf
    freedom = total**2 / sum(part**2 / max(n - 1, 1) for part, n in zip(parts, rows, strict=True))
    return float(total**0.5), float(freedom)


def _moments(labels: IntArray, scores: FloatArray) -> tuple[Moments, Moments]:
    """Those of the positives' placements and of the negatives', of rows sorted by score."""
    positives = int(labels.sum())
    placed = Placed(positives, len(labels) - positives)
    of_positives, of_negatives = Moments(), Moments()
    for rows in run_blocks(scores):
        above, below = placed.block(labels[rows] == 1, scores[rows])
        of_positives.add(above)
        of_negatives.add(below)
    return of_positives, of_negatives


def gini(area: Estimate) -> Estimate:
    """Gini = 2 AUC - 1 (Hand & Till 2001), with the ends of the AUC's interval carried over."""
    if area.value is None or area.ci_low is None or area.ci_high is None:
        return area
    return Estimate(
        value=2 * area.value - 1,
        ci_low=2 * area.ci_low - 1,
        ci_high=2 * area.ci_high - 1,
        method=area.method,
        n=area.n,
    )


def auc_difference(
    labels: IntArray, scores: FloatArray, champion_scores: FloatArray
) -> tuple[float, float | None, float | None, float | None]:
    """AUC of `scores` minus AUC of `champion_scores` on the same rows: value, interval ends, p.

    Paired DeLong 1988, normal on the difference. Both must have an order to measure (`no_order`). Ends
    and p are None when the difference shows no spread although it is not 0 (two perfect opposites).
    """
    ours, theirs = placements(labels, scores), placements(labels, champion_scores)
    value = float(ours[0].mean() - theirs[0].mean())
    spread = variance(ours[0] - theirs[0], ours[1] - theirs[1]) ** 0.5
    if spread <= NO_SPREAD:
        return (0.0, 0.0, 0.0, 1.0) if abs(value) <= NO_SPREAD else (value, None, None, None)
    low, high = max(value - Z * spread, -1.0), min(value + Z * spread, 1.0)
    return value, low, high, float(2 * norm.sf(abs(value) / spread))


def in_order(labels: IntArray, scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """The rows sorted by score, as they mostly come."""
    if ascending(scores):
        return labels, scores
    order = np.argsort(scores, kind="stable")
    return labels[order], scores[order]


def resample(rng: np.random.Generator, rows: int, draws: int) -> Iterator[IntArray]:
    """Yield `draws` bootstrap resamples of `rows` rows, each as the number of times a row was drawn."""
    for _ in range(draws):
        yield np.bincount(rng.integers(rows, size=rows, dtype=np.int32), minlength=rows)


def _newcombe_area(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """Newcombe 2006, method 5: the areas from which the observed one lies 1.96 of their own errors away.

    Areas of 0 and 1 have no error and solve this trivially; the other solution is the end sought.
    """
    balanced = (positives + negatives) / 2 - 1

    def reach(theta: float) -> float:
        inner = 1 + balanced * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return float(Z * (theta * (1 - theta) * inner / (positives * negatives)) ** 0.5)

    edge = 1e-12
    low = brentq(lambda theta: theta + reach(theta) - area, 0, min(area, 1 - edge)) if area > 0 else 0.0
    high = brentq(lambda theta: theta - reach(theta) - area, max(area, edge), 1) if area < 1 else 1.0
    return float(low), float(high)
