"""The one measure of each task that probes report, its interval, and its paired drop on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from governance.evaluation.measures import errors, queries, ranking
from governance.evaluation.measures.differences import mean_difference
from governance.evaluation.measures.estimate import (
    Estimate,
    FloatArray,
    IntArray,
    centred,
    from_draws,
    stream,
    undefined,
)
from governance.evaluation.measures.proportions import wilson
from governance.evaluation.measures.rows import MOST
from registry.versions.tasks import Task

#: Resamples behind a drop without a closed form.
DRAWS = 1000
BOOTSTRAP = "paired bootstrap"


class Headline(Protocol):
    """`metric` of rows whose truth is known to the headline; `scores` are (rows, k), all finite."""

    metric: str

    def value(self, scores: FloatArray) -> Estimate:
        """The measure with its interval."""

    def drops(self, before: FloatArray, after: Sequence[FloatArray]) -> list[Estimate]:
        """The measure of `before` minus that of each of `after`, scores of the same rows: above 0 it got worse."""


class RocAuc:
    """Of a binary classifier: one column, the probability of the positive class."""

    metric = "roc_auc"

    def __init__(self, labels: IntArray) -> None:
        self._labels = np.asarray(labels)

    def value(self, scores: FloatArray) -> Estimate:
        """ROC AUC with DeLong's interval."""
        return ranking.roc_auc(self._labels, scores[:, 0])

    def drops(self, before: FloatArray, after: Sequence[FloatArray]) -> list[Estimate]:
        """Paired DeLong 1988, Biometrics 44."""
        return [self._drop(before[:, 0], scores[:, 0]) for scores in after]

    def _drop(self, before: FloatArray, after: FloatArray) -> Estimate:
        n = len(self._labels)
        # Where only `after` is the same in every row, its area is that of luck, and the drop is known.
        reason = ranking.no_order(self._labels, before)
        if reason:
            return undefined(reason, method=ranking.PAIRED, n=n)
        value, low, high, _ = ranking.auc_difference(self._labels, before, after)
        return Estimate(value, low, high, ranking.PAIRED, n)


class Accuracy:
    """Of a classifier of several classes: a column for each class it knows; a label below 0 is a class it does
    not."""

    metric = "accuracy"

    def __init__(self, labels: IntArray) -> None:
        self._labels = np.asarray(labels)

    def _right(self, scores: FloatArray) -> FloatArray:
        right: FloatArray = (scores.argmax(axis=1) == self._labels).astype(np.float64)
        return right

    def value(self, scores: FloatArray) -> Estimate:
        """The share of rows predicted right, with Wilson's interval."""
        return wilson(int(self._right(scores).sum()), len(scores), empty="There are no rows.")

    def drops(self, before: FloatArray, after: Sequence[FloatArray]) -> list[Estimate]:
        """The mean paired difference with its normal interval."""
        return [_mean(self._right(before) - self._right(scores)) for scores in after]


class RSquared:
    """Of a regression: one column, the prediction."""

    metric = "r_squared"

    def __init__(self, actual: FloatArray, seed: int) -> None:
        self._actual = np.asarray(actual, dtype=np.float64)
        self._seed = seed

    @staticmethod
    def _predicted(scores: FloatArray) -> FloatArray:
        """A disturbed input may lead anywhere; beyond what can be squared, how far makes no difference."""
        return np.clip(scores[:, 0], -MOST, MOST)

    def value(self, scores: FloatArray) -> Estimate:
        """The share of variance explained, with the interval of `errors.r_squared`."""
        return errors.r_squared(self._actual, self._predicted(scores))

    def drops(self, before: FloatArray, after: Sequence[FloatArray]) -> list[Estimate]:
        """Paired percentile bootstrap of the rows, moved to its value (Efron & Tibshirani 1993, chapters 10 and 13).
        All of `after` see the same resamples. R squared is 1 - errors² / deviations², so a drop is a quotient of two
        sums over rows."""
        n = len(self._actual)
        deviations = (self._actual - self._actual.mean()) ** 2
        if not deviations.sum() > 0:
            return [undefined(errors.CONSTANT_TARGET, method=BOOTSTRAP, n=n)] * len(after)
        was = (self._predicted(before) - self._actual) ** 2
        lost = [(self._predicted(scores) - self._actual) ** 2 - was for scores in after]
        sums = np.stack([deviations, *lost])
        values = sums[1:].sum(axis=1) / deviations.sum()
        rng = stream(self._seed, "probes", "r_squared")
        table = np.array(
            [_quotients(sums, weights, self._actual) for weights in ranking.resample(rng, n, DRAWS)]
        )
        table = table[np.isfinite(table).all(axis=1)]
        if len(table) < (1 - ranking.MAX_EMPTY_DRAWS) * DRAWS:
            why = f"{BOOTSTRAP}: no interval, too few rows"
            return [Estimate(float(value), None, None, why, n) for value in values]
        return [
            from_draws(float(value), centred(float(value), column), method=BOOTSTRAP, n=n)
            for value, column in zip(values, table.T, strict=True)
        ]


def _quotients(sums: FloatArray, weights: IntArray, actual: FloatArray) -> FloatArray:
    """The drops of one resample: its deviations are from its own mean."""
    n = len(actual)
    moved = float((weights * actual).sum()) / n - float(actual.mean())
    # numpy's own sums: the linear algebra library's last digits depend on its threads
    weighted = np.array([(weights * row).sum() for row in sums])
    spread = weighted[0] - n * moved**2
    quotients: FloatArray = weighted[1:] / spread if spread > 0 else np.full(len(sums) - 1, np.nan)
    return quotients


class Ndcg:
    """Of a ranking: one column; the rows that answer one query share a code."""

    metric = "ndcg_at_10"

    def __init__(self, relevance: FloatArray, codes: IntArray) -> None:
        self._relevance = np.asarray(relevance, dtype=np.float64)
        self._codes = np.asarray(codes)

    def _by_query(self, scores: FloatArray) -> FloatArray:
        return queries.by_query(self._relevance, scores[:, 0], self._codes)[self.metric]

    def value(self, scores: FloatArray) -> Estimate:
        """The mean over queries with a relevant row, with the interval of `queries.averages`."""
        return queries.averages({self.metric: self._by_query(scores)})[self.metric]

    def drops(self, before: FloatArray, after: Sequence[FloatArray]) -> list[Estimate]:
        """The mean paired difference over queries with its normal interval."""
        was = self._by_query(before)
        held = ~np.isnan(was)
        if not held.any():
            return [undefined(queries.NO_RELEVANT, method="paired normal approximation", n=0)] * len(after)
        return [_mean((was - self._by_query(scores))[held]) for scores in after]


def _mean(differences: FloatArray) -> Estimate:
    found = mean_difference(differences)
    return Estimate(found["value"], found["diff_ci_low"], found["diff_ci_high"], found["method"], found["n"])


def headline(
    task: Task, labels: FloatArray | IntArray, *, queries: IntArray | None = None, seed: int
) -> Headline:
    """The headline of a task over rows with these labels: 0 and 1; the column of its class, or below 0; what
    happened; or how relevant, with the code of the query."""
    if task is Task.BINARY:
        return RocAuc(np.asarray(labels, dtype=np.int64))
    if task is Task.MULTICLASS:
        return Accuracy(np.asarray(labels, dtype=np.int64))
    if task is Task.REGRESSION:
        return RSquared(np.asarray(labels, dtype=np.float64), seed)
    if queries is None:
        raise ValueError("a ranking is measured by query")
    return Ndcg(np.asarray(labels, dtype=np.float64), queries)
