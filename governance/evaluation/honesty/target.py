"""A feature that is the target under another name: how well each feature by itself tells what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from governance.evaluation.measures import errors
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, plain, undefined
from governance.evaluation.measures.ranking import roc_auc
from registry.versions.tasks import Task

#: From here on a single feature is suspected of being the target itself.
SUSPICIOUS = 0.98
SHOWN = 5
FOLDS = 5

#: A column with more values than this share of the rows names the rows; a mean by value says nothing of it.
_MOST_VALUES = 0.5

METHOD = "largest of all features; "


def single_feature(features: Mapping[str, Any], *, target: NDArray[Any], task: Task) -> dict[str, Any]:
    """How well the most telling feature orders the rows by itself: `single_feature`, the `features` in that order (at
    most five), and `suspicious`, the names of those that reach 0.98.

    Numbers count by rank, in whichever direction is better, and missing values as the least or the greatest; words,
    and numbers too, by the mean target of their value in the other four of five folds, so that a value seen once
    cannot vouch for itself (out-of-fold target coding, Micci-Barreca 2001, SIGKDD Explorations 3). The measure is ROC
    AUC with DeLong's interval; for several classes the mean of ROC AUC of each class against the rest; for a number
    the absolute Spearman correlation. It is the largest of many, so luck lifts it: near 0.5 it says nothing. `target`
    holds 0 and 1, positions of classes, or numbers.
    """
    found = []
    for name in features:
        best = _best(features[name], target, task)
        if best is not None:
            found.append((name, best))
    found.sort(key=lambda pair: (-(pair[1].value or 0.0), pair[0]))
    known = [(name, estimate) for name, estimate in found if estimate.value is not None]
    largest = (
        known[0][1]
        if known
        else undefined("No feature has an order to measure.", method="none", n=len(target))
    )
    result: dict[str, Any] = plain(
        {
            "single_feature": largest.as_dict(),
            "features": [{"feature": name, "value": one.as_dict()} for name, one in known[:SHOWN]],
            "suspicious": [name for name, one in known if (one.value or 0.0) >= SUSPICIOUS],
        }
    )
    return result


def _best(values: Any, target: NDArray[Any], task: Task) -> Estimate | None:
    """The better of what the feature's order and what its values tell; None where it holds neither."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_float16(array.type):  # Arrow encodes no half floats
        array = array.cast(pa.float32())
    measured = [
        *(_measured(scores, target, task, either_way=True) for scores in _orders(array)),
        # a mean that points away from the target is the fold's own rows missing from it, no sign
        *(_measured(scores, target, task, either_way=False) for scores in _by_value(array, target, task)),
    ]
    return max(measured, key=lambda one: one.value or 0.0, default=None)


def _orders(array: pa.Array) -> Iterator[FloatArray]:
    """The column as numbers, its missing values below all and above all others."""
    kind = array.type
    if pa.types.is_boolean(kind):
        array = pc.cast(array, pa.int64())
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        array = pc.cast(pc.cast(array, pa.timestamp("us"), safe=False), pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return
    numbers = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    missing = np.isnan(numbers)
    for end in (-np.inf, np.inf) if missing.any() else (0.0,):
        yield np.where(missing, end, numbers)


def _by_value(array: pa.Array, target: NDArray[Any], task: Task) -> Iterator[FloatArray]:
    """The mean target of each row's value in the other folds; for several classes a column for each."""
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if len(encoded.dictionary) > _MOST_VALUES * len(codes):
        return
    if task is Task.MULTICLASS:
        classes = np.unique(target)
        yield np.column_stack([_out_of_fold(codes, (target == one).astype(np.float64)) for one in classes])
    else:
        yield _out_of_fold(codes, np.asarray(target, dtype=np.float64))


def _out_of_fold(codes: IntArray, target: FloatArray) -> FloatArray:
    """Folds by the row's place; a value that the other folds lack has the mean of all rows."""
    values, mean = int(codes.max()) + 1, float(target.mean())
    folds = np.arange(len(codes)) % FOLDS
    sums, counts = np.bincount(codes, target, values), np.bincount(codes, minlength=values)
    scores = np.empty(len(codes))
    for fold in range(FOLDS):
        inside = folds == fold
        rest = sums - np.bincount(codes[inside], target[inside], values)
        left = counts - np.bincount(codes[inside], minlength=values)
        means = np.where(left > 0, rest / np.maximum(left, 1), mean)
        scores[inside] = means[codes[inside]]
    return scores


def _measured(scores: FloatArray, target: NDArray[Any], task: Task, *, either_way: bool) -> Estimate:
    if task is Task.MULTICLASS:
        return _of_classes(scores, target, either_way=either_way)
    if task is Task.BINARY:
        labels = target.astype(np.int64)
        area = roc_auc(labels, scores)
        if either_way and area.value is not None and area.value < 0.5:
            area = roc_auc(labels, -scores)
        return _named(area)
    ranked = np.unique(scores, return_inverse=True)[1].astype(np.float64)  # infinities have a rank too
    rho = errors.spearman(np.asarray(target, dtype=np.float64), ranked)
    if either_way and rho.value is not None and rho.value < 0:
        rho = errors.spearman(np.asarray(target, dtype=np.float64), -ranked)
    return _named(rho)


def _of_classes(scores: FloatArray, target: NDArray[Any], *, either_way: bool) -> Estimate:
    """The mean over classes of ROC AUC against the rest."""
    areas = []
    for at, one in enumerate(np.unique(target)):
        column = scores[:, at] if scores.ndim == 2 else scores
        area = roc_auc((target == one).astype(np.int64), column).value
        if area is None:
            return undefined("There is no order to measure.", method=METHOD, n=len(target))
        areas.append(max(area, 1 - area) if either_way else area)
    value = float(np.mean(areas))
    return Estimate(value, None, None, f"{METHOD}mean over classes, no interval", len(target))


def _named(estimate: Estimate) -> Estimate:
    return Estimate(
        estimate.value,
        estimate.ci_low,
        estimate.ci_high,
        METHOD + estimate.method,
        estimate.n,
        estimate.undefined,
    )
