"""How well scores order the rows: ROC AUC, Gini, average precision, Kolmogorov-Smirnov."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from sklearn.metrics import average_precision_score

from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    Z,
    around,
    centred,
    from_draws,
    undefined,
)
from governance.evaluation.measures.proportions import newcombe_difference
from governance.evaluation.measures.sorted_rows import (
    BINS,
    MANY_ROWS,
    Moments,
    ascending,
    bins,
    blocks,
    counts,
    run_blocks,
    runs,
)

ONE_CLASS = "Only one class is present, so there is no order to measure."
CONSTANT = "Every row has the same score, so there is no order to measure."

#: A resample without positives has no average precision. More than this share of them, and what is
#: left no longer stands for all samples (about four positives or fewer).
MAX_EMPTY_DRAWS = 0.01


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
    Statistical Methods in Medical Research 28). Where the classes are perfectly separated DeLong's
    variance is 0 and would claim certainty; Newcombe's method 5 (2006, Statistics in Medicine 25) is
    used instead.
    """
    reason = no_order(labels, scores)
    if reason:
        return undefined(reason, method="DeLong, logit scale", n=len(labels))
    of_positives, of_negatives = _moments(*in_order(labels, scores))
    area = of_positives.mean
    spread = 0.0
    if min(of_positives.n, of_negatives.n) > 1:
        spread = (of_positives.variance / of_positives.n + of_negatives.variance / of_negatives.n) ** 0.5
    if spread <= NO_SPREAD:  # as it is at an area of 0 or 1
        low, high = _newcombe_area(area, of_positives.n, of_negatives.n)
        return around(area, low, high, method="Newcombe method 5", n=len(labels))
    half = Z * spread / (area * (1 - area))
    low, high = (float(expit(logit(area) + end)) for end in (-half, half))
    return around(area, low, high, method="DeLong, logit scale", n=len(labels))


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


def average_precision(labels: IntArray, scores: FloatArray, rng: np.random.Generator, draws: int) -> Estimate:
    """Average precision with the percentile interval of a row bootstrap, centred on the value.

    The rows are sorted once; a resample is then a weight for each row, and its average precision two
    running sums. Value as in scikit-learn: tied scores enter together. Repeated rows flatter a ranking,
    so the draws are centred (`centred`); in simulations 92 to 95 % of the intervals hold the truth. Above
    200,000 rows the draws are of bins of score (`_of_many_rows`).
    """
    reason = no_order(labels, scores)
    if reason:
        return undefined(reason, method="bootstrap", n=len(labels))
    if len(labels) > MANY_ROWS:
        return _of_many_rows(labels, scores, rng, draws)
    value = float(average_precision_score(labels, scores))
    ranked = Ranking(labels, scores)
    resamples = np.array([ranked.average_precision(weights) for weights in resample(rng, len(labels), draws)])
    kept = resamples[~np.isnan(resamples)]
    if len(kept) < (1 - MAX_EMPTY_DRAWS) * draws:
        return Estimate(value, None, None, "bootstrap: no interval, too few positives", len(labels))
    moved = np.clip(centred(value, kept), 0, 1)
    return from_draws(value, moved, method="bootstrap", n=len(labels))


def _of_many_rows(labels: IntArray, scores: FloatArray, rng: np.random.Generator, draws: int) -> Estimate:
    """Average precision of many rows: the value exact, the draws over bins of score.

    A resample of rows gives the positives and negatives of each bin a Poisson count (Hanley & MacGibbon 2006, Computer
    Methods and Programs in Biomedicine 83); within a bin of a 16,384th of the rows their order cannot be seen.
    """
    n = len(labels)
    labels, scores = in_order(labels, scores)
    firsts = bins(scores, BINS)
    rows, positives = counts(labels, firsts)
    rows, positives = rows[::-1], positives[::-1]
    drawn = np.empty(draws)
    for draw in range(draws):
        found = rng.poisson(positives)
        selected = np.cumsum(found + rng.poisson(rows - positives))
        reached = np.cumsum(found)
        drawn[draw] = np.sum(found * reached / np.maximum(selected, 1)) / max(int(reached[-1]), 1)
    value = exact_average_precision(labels, scores)
    moved = np.clip(centred(value, drawn), 0, 1)
    return from_draws(value, moved, method=f"bootstrap over {len(rows):,} bins of score", n=n)


def in_order(labels: IntArray, scores: FloatArray) -> tuple[IntArray, FloatArray]:
    """The rows sorted by score, as they mostly come."""
    if ascending(scores):
        return labels, scores
    order = np.argsort(scores, kind="stable")
    return labels[order], scores[order]


def exact_average_precision(labels: IntArray, scores: FloatArray) -> float:
    """Average precision of rows sorted by score: the precision at each positive's score, averaged over them."""
    positives, before, total = int(labels.sum()), 0, 0.0
    for rows in run_blocks(scores):
        starts, _ = runs(scores[rows])
        found = np.append(0, np.cumsum(labels[rows], dtype=np.int64))
        begin = starts[labels[rows] == 1]
        total += float(np.sum((positives - before - found[begin]) / (len(labels) - rows.start - begin)))
        before += int(found[-1])
    return total / positives


def resample(rng: np.random.Generator, rows: int, draws: int) -> Iterator[IntArray]:
    """Yield `draws` bootstrap resamples of `rows` rows, each as the number of times a row was drawn."""
    for _ in range(draws):
        yield np.bincount(rng.integers(rows, size=rows, dtype=np.int32), minlength=rows)


class Ranking:
    """Rows sorted once, best score first, so that a weighted average precision costs two running sums."""

    def __init__(self, labels: IntArray, scores: FloatArray) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._positives = np.flatnonzero(labels[self._order] == 1)
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        self._row_ends = ends[np.searchsorted(ends, self._positives)]
        self._last_in_tie = np.searchsorted(self._positives, self._row_ends, side="right") - 1

    def average_precision(self, weights: IntArray) -> float:
        """Average precision when each row counts `weights` times; NaN when no positive counts."""
        weights = weights[self._order]
        drawn = weights[self._positives]
        found = np.cumsum(drawn)[self._last_in_tie]
        if found[-1] == 0:
            return float("nan")
        # a positive that was not drawn may stand before all drawn rows: 0 of 0, and it counts 0 times
        selected = np.maximum(np.cumsum(weights)[self._row_ends], 1)
        return float(np.sum(drawn * found / selected) / found[-1])


def kolmogorov_smirnov(labels: IntArray, scores: FloatArray) -> Estimate:
    """The largest distance between the score distributions of the two classes (Smirnov 1939).

    It equals recall minus false positive rate at the best threshold. The interval is Newcombe's for the
    difference of those two proportions at that threshold, whose own uncertainty vanishes at the maximum
    to first order. In simulations 92 to 95 % of the intervals hold the truth, fewer for scores that are
    near to random, whose best threshold is luck; a row bootstrap held 83 to 92 %.
    """
    reason = no_order(labels, scores)
    method = "Newcombe at the best threshold"
    if reason:
        return undefined(reason, method=method, n=len(labels))
    found, raised = _best_threshold(*in_order(labels, scores))
    positives = int(labels.sum())
    negatives = len(labels) - positives
    low, high = newcombe_difference(found, positives, raised, negatives)
    value = found / positives - raised / negatives
    return around(value, max(low, 0.0), high, method=method, n=len(labels))


def _best_threshold(labels: IntArray, scores: FloatArray) -> tuple[int, int]:
    """The positives found and negatives raised where the two rates lie furthest apart; of equal distances at the
    highest score. None of either where no score does better than nothing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    best, distance, below = (0, 0), 0.0, 0
    for rows in blocks(len(labels)):
        # what stands before each row, in the block and before it
        missed = np.cumsum(labels[rows], dtype=np.int64) - labels[rows] + below
        below = int(missed[-1]) + int(labels[rows][-1])
        found = positives - missed
        raised = negatives - (np.arange(rows.start, rows.stop) - missed)
        apart = found / positives - raised / negatives
        begins = np.ones(len(apart), dtype=bool)
        first = max(rows.start, 1)
        begins[first - rows.start :] = scores[first : rows.stop] != scores[first - 1 : rows.stop - 1]
        apart[~begins] = -np.inf
        at = len(apart) - 1 - int(np.argmax(apart[::-1]))
        if apart[at] >= distance and apart[at] > 0:
            best, distance = (int(found[at]), int(raised[at])), float(apart[at])
    return best


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
