"""What the drawings of a regression rest on: predicted against actual, residuals, and means by prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from governance.evaluation.measures.columns import Numbers
from governance.evaluation.measures.errors import standard_error, student_t
from governance.evaluation.measures.estimate import FloatArray
from governance.evaluation.measures.sorted_rows import bins, blocks, filled, linear

CELLS = 32
HISTOGRAM_BINS = 30
PREDICTION_BINS = 10
#: What a drawing shows of a column: a handful of extreme rows would flatten all the others into one line.
SHOWN = (0.005, 0.995)
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


def drawings(actual: Numbers, predicted: Numbers) -> dict[str, Any]:
    """All curves of one model, of rows sorted by prediction. `density` and `residual_histogram` count rows past their
    edges apart."""
    return {
        "density": _density(actual, predicted),
        "residual_histogram": _histogram(actual, predicted),
        "by_prediction": _by_prediction(actual, predicted),
    }


def _span(at: Callable[[int], float], rows: int) -> tuple[float, float]:
    """The range a drawing covers, of numbers in order, `at` giving the one at a place; never empty."""
    low, high = (linear(at, rows, share) for share in SHOWN)
    if low == high:
        low, high = at(0), at(rows - 1)
    if low == high:
        reach = abs(low) * 0.05 or 1.0
        low, high = low - reach, high + reach
    return low, high


def _in_both(first: FloatArray, second: Numbers, place: int) -> float:
    """The number at this place in the order of both columns, each of which is in order."""
    least, most = max(0, place - len(second)), min(place, len(first))
    while least < most:  # how many of those before it are in the first column
        half = (least + most) // 2
        if first[half] < second[place - half - 1 : place - half][0]:
            least = half + 1
        else:
            most = half
    others = second[place - least : place - least + 1]
    return min(float(end[0]) for end in (first[least : least + 1], others) if len(end))


def _density(actual: Numbers, predicted: Numbers) -> dict[str, Any]:
    """Rows counted in 32 by 32 cells over one range for both axes, so that the diagonal is the right answer.

    `cells` lists [column, row, rows] of the cells that hold any: column by prediction, row by actual value.
    """
    ordered = filled(len(actual), np.float64, lambda rows: actual[rows])
    ordered.sort()
    low, high = _span(lambda place: _in_both(ordered, predicted, place), 2 * len(actual))
    edges = np.linspace(low, high, CELLS + 1)
    counts = np.zeros((CELLS, CELLS))
    for some in blocks(len(actual)):
        counts += np.histogram2d(predicted[some], actual[some], bins=(edges, edges))[0]
    columns, rows = np.nonzero(counts)
    inside = int(counts.sum())
    return {
        "side": CELLS,
        "low": low,
        "high": high,
        "cells": [
            [column, row, counts[column, row].astype(np.int64)]
            for column, row in zip(columns, rows, strict=True)
        ],
        "outside": len(actual) - inside,
    }


def _histogram(actual: Numbers, predicted: Numbers) -> dict[str, Any]:
    """Errors in 30 equal bins over the range that holds 99 % of them; a bin holds its lower edge, the last both."""
    errors = filled(len(actual), np.float64, lambda rows: predicted[rows] - actual[rows])
    errors.sort()
    edges = np.linspace(*_span(lambda place: float(errors[place]), len(errors)), HISTOGRAM_BINS + 1)
    return {
        "edges": edges,
        "counts": np.histogram(errors, edges)[0],
        "below": int(np.searchsorted(errors, edges[0], "left")),
        "above": len(errors) - int(np.searchsorted(errors, edges[-1], "right")),
    }


def _by_prediction(actual: Numbers, predicted: Numbers) -> list[dict[str, Any]]:
    """Rows in at most ten bins of equal count by prediction: mean prediction against mean actual value with
    Student's t interval, and how the errors lie (quantiles 5, 25, 50, 75 and 95 %)."""
    ordered = filled(len(predicted), np.float64, lambda rows: predicted[rows])
    firsts = bins(ordered, PREDICTION_BINS)
    points = []
    for first, end in zip(firsts, np.append(firsts[1:], len(ordered)), strict=True):
        own, guesses = actual[first:end], ordered[first:end]
        n, error = len(own), standard_error(own)
        middle = float(own.mean())
        half = student_t(n) * error if error else None
        points.append(
            {
                "n": n,
                "mean_prediction": guesses.mean(),
                "mean_actual": middle,
                "ci_low": None if half is None else middle - half,
                "ci_high": None if half is None else middle + half,
                "errors": np.quantile(guesses - own, BANDS),
            }
        )
    return points
