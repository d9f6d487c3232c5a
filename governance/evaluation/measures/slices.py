"""The worst slices: which rows, by one or two of their columns, a model serves worst."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from governance.evaluation.measures import calibration, errors, ranking
from governance.evaluation.measures.bands import Banded, banded
from governance.evaluation.measures.catalogue import MIN_POSITIVES
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, around, plain
from governance.evaluation.measures.holm import holm
from governance.evaluation.measures.proportions import wilson
from governance.evaluation.measures.shortfall import Whole

MIN_SLICE = 200
MOST_LISTED = 20
SIGNIFICANT = 0.05
WELCH = "Welch's t"

Mask = NDArray[np.bool_]


class _Slice(NamedTuple):
    """Rows with one value in each of one or two columns, and by how much more their loss is than all others'."""

    columns: tuple[int, ...]
    values: tuple[int, ...]
    n: int
    difference: float
    low: float
    high: float
    p_value: float


def worst_slices(
    columns: Iterable[Banded],
    *,
    losses: FloatArray,
    loss: str,
    describe: Callable[[Mask], Mapping[str, Any]],
    positives: IntArray | None = None,
    listed: int = MOST_LISTED,
) -> dict[str, Any]:
    """Search every one- and two-way slice of the columns for those with the largest losses.

    Scanned are slices of at least 200 rows, with 30 positives and 30 negatives where `positives` tells them. Each is
    held against all other rows by Welch's test of the mean loss (Welch 1947, Biometrika 34; the search is that of
    Chung et al. 2019, "Slice Finder", ICDE), two-sided, and all p-values are held for the number of slices scanned
    (`holm`). Listed are at most 20 whose loss is larger than that of the others, in order of the lower end of the
    difference: what a slice is worse by for sure. A slice of two columns is listed only where it is worse for sure
    than either column by itself. `describe` gives the entry's own keys for a mask of rows; `loss` names the loss, and
    `metrics` of each entry holds its difference as `<loss>_difference`.

    The result depends on the rows in the order they come only by the last digits of sums: sort them first.
    """
    parts = list(columns)
    scanned = list(_scanned(parts, losses, positives))
    adjusted = holm([one.p_value for one in scanned])
    single = {(one.columns[0], one.values[0]): one.low for one in scanned if len(one.columns) == 1}
    found = [
        (one, float(p_holm))
        for one, p_holm in zip(scanned, adjusted, strict=True)
        if one.difference > 0 and _adds(one, single)
    ]
    found.sort(key=lambda pair: (-pair[0].low, len(pair[0].columns), _words(parts, pair[0])))
    return {
        "scanned": len(scanned),
        "rows": len(losses),
        "columns": [part.column for part in parts],
        "worst": [_entry(parts, one, p_holm, loss, describe) for one, p_holm in found[:listed]],
    }


def _adds(one: _Slice, single: Mapping[tuple[int, int], float]) -> bool:
    """Whether two columns say more than either by itself."""
    if len(one.columns) == 1:
        return True
    halves = zip(one.columns, one.values, strict=True)
    return all(one.low > single.get(half, -np.inf) for half in halves)


def _words(parts: list[Banded], one: _Slice) -> list[tuple[str, str]]:
    return [
        (parts[column].column, parts[column].names[value])
        for column, value in zip(one.columns, one.values, strict=True)
    ]


def _mask(parts: list[Banded], one: _Slice) -> Mask:
    inside: Mask = parts[one.columns[0]].codes == one.values[0]
    for column, value in zip(one.columns[1:], one.values[1:], strict=True):
        inside = inside & (parts[column].codes == value)
    return inside


def _entry(
    parts: list[Banded], one: _Slice, p_holm: float, loss: str, describe: Callable[[Mask], Mapping[str, Any]]
) -> dict[str, Any]:
    entry = dict(describe(_mask(parts, one)))
    difference = around(one.difference, one.low, one.high, method=WELCH, n=one.n)
    entry["metrics"] = {f"{loss}_difference": difference.as_dict(), **entry["metrics"]}
    return {
        "where": [{"column": column, "value": value} for column, value in _words(parts, one)],
        "n": one.n,
        "sufficient": True,
        **entry,
        "p_value": one.p_value,
        "p_holm": p_holm,
        "significant": p_holm < SIGNIFICANT,
    }


def _scanned(parts: list[Banded], losses: FloatArray, positives: IntArray | None) -> Iterator[_Slice]:
    """Every slice with enough rows. The losses are moved to a mean of 0 so that sums of squares keep their digits."""
    moved = losses - losses.mean()
    squares = moved**2
    totals = len(losses), float(moved.sum()), float(squares.sum())
    for columns in _combinations(len(parts)):
        sizes = [len(parts[column].names) for column in columns]
        codes = parts[columns[0]].codes
        for column in columns[1:]:
            codes = codes * len(parts[column].names) + parts[column].codes
        cells = int(np.prod(sizes))
        n = np.bincount(codes, minlength=cells)
        enough = (n >= MIN_SLICE) & (n < totals[0])
        if positives is not None:
            found = np.bincount(codes, weights=positives, minlength=cells)
            enough &= (found >= MIN_POSITIVES) & (n - found >= MIN_POSITIVES)
        if len(columns) == 2:
            table = n.reshape(sizes)  # where one value implies the other, two say what one does
            alone = (table == table.sum(axis=1, keepdims=True)) | (table == table.sum(axis=0, keepdims=True))
            enough &= ~alone.ravel()
        if not enough.any():
            continue
        sums: FloatArray = np.bincount(codes, weights=moved, minlength=cells).astype(np.float64)
        square_sums: FloatArray = np.bincount(codes, weights=squares, minlength=cells).astype(np.float64)
        tested = _welch(n[enough], sums[enough], square_sums[enough], totals)
        for cell, numbers in zip(np.flatnonzero(enough), zip(*tested, strict=True), strict=True):
            values = tuple(int(value) for value in np.unravel_index(cell, sizes))
            yield _Slice(columns, values, int(n[cell]), *(float(number) for number in numbers))


def _combinations(columns: int) -> Iterator[tuple[int, ...]]:
    yield from ((column,) for column in range(columns))
    yield from combinations(range(columns), 2)


def _welch(
    n: IntArray, sums: FloatArray, squares: FloatArray, totals: tuple[int, float, float]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean inside minus mean outside, the ends of its interval, and the two-sided p-value, a cell each."""
    others = totals[0] - n
    mean, rest = sums / n, (totals[1] - sums) / others
    own = np.maximum(squares - n * mean**2, 0) / (n - 1) / n
    theirs = np.maximum(totals[2] - squares - others * rest**2, 0) / np.maximum(others - 1, 1) / others
    error = np.sqrt(own + theirs)
    difference = mean - rest
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (own + theirs) ** 2 / (own**2 / (n - 1) + theirs**2 / np.maximum(others - 1, 1))
        freedom = np.where(np.isfinite(freedom), freedom, n - 1)
        t = np.where(error > 0, difference / error, np.where(difference == 0, 0.0, np.inf))
    half = stdtrit(freedom, 0.975) * error
    return difference, difference - half, difference + half, 2 * stdtr(freedom, -np.abs(t))


def binary_slices(
    columns: Mapping[str, Any], *, labels: IntArray, scores: FloatArray, threshold: float
) -> dict[str, Any]:
    """The worst slices of a binary classifier by the Brier score, which needs no threshold; `columns` are pyarrow or
    string columns, a value for each row. Every entry holds ROC AUC and its shortfall, accuracy at `threshold`,
    Brier score and mean calibration, each with its interval."""
    order = np.lexsort((labels, scores))
    truth, given = np.asarray(labels, dtype=np.int64)[order], np.asarray(scores, dtype=np.float64)[order]
    whole = Whole(truth, given)
    losses = calibration.brier_losses(truth, given)
    right = (given >= threshold) == (truth == 1)

    def describe(inside: Mask) -> dict[str, Any]:
        own_truth, own_given = truth[inside], given[inside]
        area = ranking.roc_auc(own_truth, own_given)
        return {
            "positives": int(own_truth.sum()),
            "metrics": _written(
                {
                    "roc_auc": area,
                    "roc_auc_shortfall": whole.shortfall(inside, area),
                    "accuracy": _accuracy(right[inside]),
                    "brier": errors.mean_of_losses(losses[inside], highest=1.0),
                    "mean_calibration": calibration.mean_calibration(own_truth, own_given),
                }
            ),
        }

    return _plain(
        worst_slices(_banded(columns, order), losses=losses, loss="brier", describe=describe, positives=truth)
    )


def class_slices(columns: Mapping[str, Any], *, labels: IntArray, predicted: IntArray) -> dict[str, Any]:
    """The worst slices of a classifier of several classes by the share of rows predicted wrong; labels and
    predictions are positions of classes."""
    order = np.lexsort((labels, predicted))
    right = (np.asarray(labels) == np.asarray(predicted))[order]

    def describe(inside: Mask) -> dict[str, Any]:
        return {"metrics": _written({"accuracy": _accuracy(right[inside])})}

    losses = 1.0 - right
    return _plain(worst_slices(_banded(columns, order), losses=losses, loss="error_rate", describe=describe))


def regression_slices(
    columns: Mapping[str, Any], *, actual: FloatArray, predicted: FloatArray
) -> dict[str, Any]:
    """The worst slices of a regression by the mean absolute error, with the mean error (bias) beside it."""
    order = np.lexsort((actual, predicted))
    truth, given = np.asarray(actual, dtype=np.float64)[order], np.asarray(predicted, dtype=np.float64)[order]

    def describe(inside: Mask) -> dict[str, Any]:
        own_truth, own_given = truth[inside], given[inside]
        return {
            "metrics": _written(
                {
                    "mean_absolute_error": errors.absolute(own_truth, own_given),
                    "mean_error": errors.bias(own_truth, own_given),
                    "r_squared": errors.r_squared(own_truth, own_given),
                }
            )
        }

    losses = np.abs(given - truth)
    return _plain(
        worst_slices(_banded(columns, order), losses=losses, loss="mean_absolute_error", describe=describe)
    )


def _banded(columns: Mapping[str, Any], order: IntArray) -> list[Banded]:
    """The columns that can be put into bands and take more than one value, in order of name."""
    found = []
    for name in sorted(columns):
        one = banded(name, columns[name])
        if one is not None and len(one.names) > 1:
            found.append(one._replace(codes=one.codes[order]))
    return found


def _accuracy(right: Mask) -> Estimate:
    return wilson(int(right.sum()), len(right), empty="There are no rows.")


def _written(metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.as_dict() for name, estimate in metrics.items()}


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    rounded: dict[str, Any] = plain(result)
    return rounded
