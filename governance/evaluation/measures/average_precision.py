"""Average precision: how pure the best-scored rows are."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtrit

from governance.evaluation.measures.differences import difference, students_difference
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

METHOD, PAIRED = "jackknife, logit scale, Student's t", "paired jackknife, Student's t"

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
    value = (exact_average_precision if n > MANY_ROWS else _of_few_rows)(labels, scores)
    if min(positives, n - positives) < FEWEST:
        return Estimate(value, None, None, "no interval, too few positives or negatives", n)
    spread, freedom = _spread(rows, found)
    if spread <= NO_SPREAD or value >= 1 - NO_SPREAD:
        low, high = wilson_ends(positives, positives)
        return around(value, low, high, method="Wilson, perfect order", n=n)
    middle = float(logit(np.clip(value, EDGE, 1 - EDGE)))
    half = float(stdtrit(freedom, 0.975)) * spread
    low, high = (float(expit(middle + end)) for end in (-half, half))
    return around(value, low, high, method=few(METHOD, rows=positives, least=LEAST), n=n)


def _without(rows: IntArray, found: IntArray) -> tuple[FloatArray, FloatArray]:
    """The average precision without one positive row, and without one negative row, of each cell of equal scores; best
    score first."""
    positives = int(found.sum())
    selected, reached = np.cumsum(rows), np.cumsum(found)
    terms = found * (reached / selected)
    fewer = 1 / np.maximum(selected - 1, 1)
    # the cells above the row stay as they are and those below have one row less
    above = np.cumsum(terms) - terms
    less_negative = found * (reached * fewer)
    of_negative = (above + np.cumsum(less_negative[::-1])[::-1]) / positives
    less_positive = found * ((reached - 1) * fewer)
    beneath = np.cumsum(less_positive[::-1])[::-1] - less_positive
    of_positive = (above + (found - 1) * ((reached - 1) * fewer) + beneath) / (positives - 1)
    return of_positive, of_negative


def _of_few_rows(labels: IntArray, scores: FloatArray) -> float:
    # loaded here: with pandas it takes 45 MB, which many rows need not have beside them
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, scores))


def _spread(rows: IntArray, found: IntArray) -> tuple[float, float]:
    """The jackknife's standard error of the logit, and its degrees of freedom."""
    n = int(rows.sum())
    moved = [logit(np.clip(values, EDGE, 1 - EDGE)) for values in _without(rows, found)]
    weights = found, rows - found
    mean = sum(float(np.sum(weight * value)) for weight, value in zip(weights, moved, strict=True)) / n
    parts = [
        float(np.sum(weight * (value - mean) ** 2)) * (n - 1) / n
        for weight, value in zip(weights, moved, strict=True)
    ]
    return of_samples(parts, [int(weight.sum()) for weight in weights])


def left_out(labels: IntArray, scores: FloatArray) -> FloatArray:
    """For each row the average precision of all others. There must be two positives."""
    places, of_rows = np.unique(scores, return_inverse=True)
    rows = np.bincount(of_rows, minlength=len(places))
    found = np.bincount(of_rows, weights=labels, minlength=len(places)).astype(np.int64)
    of_positive, of_negative = (cells[::-1] for cells in _without(rows[::-1], found[::-1]))
    return np.where(labels == 1, of_positive[of_rows], of_negative[of_rows])


def average_precision_difference(
    labels: IntArray, scores: FloatArray, champion_scores: FloatArray
) -> dict[str, Any]:
    """Average precision of `scores` minus that of `champion_scores` on the same rows, each of which is left out of both
    at once (the jackknife: Efron & Tibshirani 1993, chapter 11), with Student's t on the plain scale. Both must have an
    order to measure."""
    n, positives = len(labels), int(labels.sum())
    ours, theirs = (_of_few_rows(labels, given) for given in (scores, champion_scores))
    value = ours - theirs
    if min(positives, n - positives) < FEWEST:
        method = f"{PAIRED}: no interval, too few positives or negatives"
        return difference(value, None, None, None, method, n)
    method = few(PAIRED, rows=positives, least=LEAST)
    moved = left_out(labels, scores) - left_out(labels, champion_scores)
    squares = (moved - moved.mean()) ** 2 * ((n - 1) / n)
    spread, freedom = of_samples(
        [float(squares[labels == label].sum()) for label in (1, 0)], [positives, n - positives]
    )
    return students_difference(value, spread, freedom, method, n)


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
