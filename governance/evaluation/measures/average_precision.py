"""Average precision: how pure the best-scored rows are."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    around,
    few,
    undefined,
)
from governance.evaluation.measures.proportions import wilson_ends
from governance.evaluation.measures.ranking import in_order, no_order, of_samples
from governance.evaluation.measures.sorted_rows import MANY_ROWS, cells, run_blocks, runs

METHOD = "jackknife, logit scale, Student's t"

#: Fewer positives show no spread; up to the second number the interval holds less often than it says.
FEWEST, LEAST = 5, 60

#: The logit of 0 and 1 is taken a millionth inside.
EDGE = 1e-6


def average_precision(labels: IntArray, scores: FloatArray) -> Estimate:
    """Average precision as in scikit-learn, tied scores entering together, with the jackknife's interval.

    Each row is left out once; the standard error is that of the logits (Tukey 1958; Efron & Tibshirani 1993, chapter
    11; the logit scale: Boyd, Eng & Page 2013, ECML PKDD), Student's t with Satterthwaite's degrees of freedom from
    the rows of each class. Leaving out changes running sums only, so all of it costs one pass. Above 200,000 rows a bin
    of a 16,384th of the rows counts as tied for the standard error; the value stays exact. A perfect order leaves no
    spread: Wilson's interval of as many positives, all of them found first.
    """
    n = len(labels)
    reason = no_order(labels, scores)
    if reason:
        return undefined(reason, method=METHOD, n=n)
    labels, scores = in_order(labels, scores)
    rows, found = (column[::-1] for column in cells(labels, scores))  # best score first
    positives = int(found.sum())
    value = float((exact_average_precision if n > MANY_ROWS else average_precision_score)(labels, scores))
    if min(positives, n - positives) < FEWEST:
        return Estimate(value, None, None, "no interval, too few positives or negatives", n)
    spread, quantile = _spread(rows, found)
    if spread <= NO_SPREAD or value >= 1 - NO_SPREAD:
        low, high = wilson_ends(positives, positives)
        return around(value, low, high, method="Wilson, perfect order", n=n)
    middle = float(logit(np.clip(value, EDGE, 1 - EDGE)))
    low, high = (float(expit(middle + end)) for end in (-quantile * spread, quantile * spread))
    return around(value, low, high, method=few(METHOD, rows=positives, least=LEAST), n=n)


def _spread(rows: IntArray, found: IntArray) -> tuple[float, float]:
    """The jackknife's standard error of the logit, and the quantile that goes with it."""
    n, positives = int(rows.sum()), int(found.sum())
    negatives = n - positives
    selected, reached = np.cumsum(rows), np.cumsum(found)
    terms = found * (reached / selected)
    without = 1 / np.maximum(selected - 1, 1)
    # of a row left out, the cells above it stay as they are and those below have one row less
    above = np.cumsum(terms) - terms
    less_negative = found * (reached * without)
    below = np.cumsum(less_negative[::-1])[::-1]
    of_negative = (above + below) / positives
    less_positive = found * ((reached - 1) * without)
    beneath = np.cumsum(less_positive[::-1])[::-1] - less_positive
    own = (found - 1) * ((reached - 1) * without)
    of_positive = (above + own + beneath) / (positives - 1)
    moved = [logit(np.clip(values, EDGE, 1 - EDGE)) for values in (of_positive, of_negative)]
    weights = found, rows - found
    mean = sum(float(np.sum(weight * value)) for weight, value in zip(weights, moved, strict=True)) / n
    parts = [
        float(np.sum(weight * (value - mean) ** 2)) * (n - 1) / n
        for weight, value in zip(weights, moved, strict=True)
    ]
    return of_samples(parts, [positives, negatives])


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
