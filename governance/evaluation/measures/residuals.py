"""What the drawings of a regression rest on: predicted against actual, residuals, and means by prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from governance.evaluation.measures.errors import standard_error, student_t
from governance.evaluation.measures.estimate import FloatArray, IntArray

CELLS = 32
HISTOGRAM_BINS = 30
PREDICTION_BINS = 10
#: What a drawing shows of a column: a handful of extreme rows would flatten all the others into one line.
SHOWN = (0.005, 0.995)
BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


def drawings(actual: FloatArray, predicted: FloatArray) -> dict[str, Any]:
    """All curves of one model. `density` and `residual_histogram` count rows past their edges apart."""
    return {
        "density": _density(actual, predicted),
        "residual_histogram": _histogram(predicted - actual),
        "by_prediction": _by_prediction(actual, predicted),
    }


def _span(values: FloatArray) -> tuple[float, float]:
    """The range a drawing covers; never empty."""
    low, high = (float(end) for end in np.quantile(values, SHOWN))
    if low == high:
        low, high = float(values.min()), float(values.max())
    if low == high:
        reach = abs(low) * 0.05 or 1.0
        low, high = low - reach, high + reach
    return low, high


def _density(actual: FloatArray, predicted: FloatArray) -> dict[str, Any]:
    """Rows counted in 32 by 32 cells over one range for both axes, so that the diagonal is the right answer.

    `cells` lists [column, row, rows] of the cells that hold any: column by prediction, row by actual value.
    """
    low, high = _span(np.concatenate([actual, predicted]))
    edges = np.linspace(low, high, CELLS + 1)
    counts, _, _ = np.histogram2d(predicted, actual, bins=(edges, edges))
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


def _histogram(errors: FloatArray) -> dict[str, Any]:
    """Errors in 30 equal bins over the range that holds 99 % of them; a bin holds its lower edge, the last both."""
    edges = np.linspace(*_span(errors), HISTOGRAM_BINS + 1)
    return {
        "edges": edges,
        "counts": np.histogram(errors, edges)[0],
        "below": int((errors < edges[0]).sum()),
        "above": int((errors > edges[-1]).sum()),
    }


def _by_prediction(actual: FloatArray, predicted: FloatArray) -> list[dict[str, Any]]:
    """Rows in at most ten bins of equal count by prediction: mean prediction against mean actual value with
    Student's t interval, and how the errors lie (quantiles 5, 25, 50, 75 and 95 %)."""
    order = np.argsort(predicted, kind="stable")
    actual, predicted = actual[order], predicted[order]
    points = []
    for inside in _bins(predicted):
        own, guesses = actual[inside], predicted[inside]
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


def _bins(ordered: FloatArray) -> list[IntArray]:
    """Positions of sorted values in bins of equal count; a run of ties goes whole to the bin of its middle."""
    starts = np.append(0, np.flatnonzero(np.diff(ordered)) + 1)
    lengths = np.diff(np.append(starts, len(ordered)))
    bin_of_run = (PREDICTION_BINS * (starts + (lengths - 1) / 2 + 0.5) / len(ordered)).astype(np.int64)
    bin_of_row = np.repeat(bin_of_run, lengths)
    return [np.flatnonzero(bin_of_row == which) for which in np.unique(bin_of_row)]
