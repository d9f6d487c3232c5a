"""Two models on the same rows, group by group: whom a version serves better or worse than the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import ranking
from governance.evaluation.measures.catalogue import MIN_POSITIVES, MIN_ROWS
from governance.evaluation.measures.differences import (
    difference,
    mean_difference,
    share_difference,
    undefined_difference,
)
from governance.evaluation.measures.estimate import FloatArray, IntArray, few
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.holm import holm
from governance.evaluation.measures.rows import checked_group

Mask = NDArray[np.bool_]
Diffs = dict[str, dict[str, Any]]


def binary_groups(
    labels: IntArray,
    ours: FloatArray,
    theirs: FloatArray,
    *,
    groups: Mapping[str, Any],
    order: IntArray,
    threshold: float,
    favourable_is_positive: bool,
) -> list[dict[str, Any]]:
    """Of each group the paired difference in ROC AUC (DeLong), in the true-positive rate and in the selection rate
    (McNemar). The rows are sorted by `order`; the columns of `groups` are as the caller gave them."""
    our_yes, their_yes = ours >= threshold, theirs >= threshold
    chosen = (our_yes, their_yes) if favourable_is_positive else (~our_yes, ~their_yes)

    def diffs(inside: Mask) -> Diffs:
        truth = labels[inside]
        positive = inside & (labels == 1)
        return {
            "roc_auc": area_difference(truth, ours[inside], theirs[inside]),
            "recall": _shares(our_yes[positive], their_yes[positive], ranking.ONE_CLASS),
            "selection_rate": _shares(chosen[0][inside], chosen[1][inside], ""),
        }

    entries = _each(groups, order, diffs, positives=labels)
    return _held(entries)


def regression_groups(
    our_errors: FloatArray, their_errors: FloatArray, *, groups: Mapping[str, Any], order: IntArray
) -> list[dict[str, Any]]:
    """Of each group the paired difference in the mean absolute error and in the mean error."""

    def diffs(inside: Mask) -> Diffs:
        ours, theirs = our_errors[inside], their_errors[inside]
        return {
            "mean_absolute_error": mean_difference(np.abs(ours) - np.abs(theirs)),
            "mean_error": mean_difference(ours - theirs),
        }

    return _held(_each(groups, order, diffs))


def class_groups(
    ours_right: Mask, theirs_right: Mask, *, groups: Mapping[str, Any], order: IntArray
) -> list[dict[str, Any]]:
    """Of each group the paired difference in accuracy."""

    def diffs(inside: Mask) -> Diffs:
        return {"accuracy": share_difference(ours_right[inside], theirs_right[inside])}

    return _held(_each(groups, order, diffs))


def query_groups(
    diffs_of: Callable[[Mask], Diffs], *, groups: Mapping[str, Any], order: IntArray
) -> list[dict[str, Any]]:
    """Of each group of queries the paired differences that `diffs_of` makes of them. The queries are sorted by `order`;
    the columns of `groups` name each query's group."""
    return _held(_each(groups, order, diffs_of))


def area_difference(labels: IntArray, ours: FloatArray, theirs: FloatArray) -> dict[str, Any]:
    """The difference in ROC AUC by paired DeLong (`auc_difference`); undefined where either has no order."""
    positives = int(labels.sum())
    n = len(labels)
    method = few(ranking.PAIRED, rows=min(positives, n - positives), least=ranking.LEAST_OF_DIFFERENCE)
    if reason := why_no_order(labels, ours, theirs):
        return undefined_difference(reason, method, n)
    return difference(*ranking.auc_difference(labels, ours, theirs), method, n)


def why_no_order(labels: IntArray, ours: FloatArray, theirs: FloatArray) -> str:
    """Why a difference in ranking is not defined; empty where it is."""
    for whose, scores in (("This version", ours), ("The champion", theirs)):
        reason = ranking.no_order(labels, scores)
        if reason:
            return reason if reason == ranking.ONE_CLASS else f"{whose} gives every row the same score."
    return ""


def _shares(ours: Mask, theirs: Mask, empty: str) -> dict[str, Any]:
    if not len(ours):
        return undefined_difference(empty, "paired normal approximation", 0)
    return share_difference(ours, theirs)


def _each(
    groups: Mapping[str, Any],
    order: IntArray,
    diffs: Callable[[Mask], Diffs],
    *,
    positives: IntArray | None = None,
) -> list[dict[str, Any]]:
    """One entry a group of each attribute; the differences of those with enough rows."""
    entries = []
    for attribute in sorted(groups):
        names, codes = checked_group(groups[attribute], attribute=attribute, rows=len(order), most=MAX_GROUPS)
        codes = codes[order]
        for code, name in enumerate(names):
            inside = codes == code
            n = int(inside.sum())
            found = int(positives[inside].sum()) if positives is not None else None
            enough = n >= MIN_ROWS and (found is None or found >= MIN_POSITIVES)
            entry: dict[str, Any] = {"attribute": attribute, "group": name, "n": n, "sufficient": enough}
            if found is not None:
                entry["positives"] = found
            entries.append(entry | {"diffs": diffs(inside) if enough else {}})
    return entries


def _held(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with each p held for the number of groups that were compared by its measure (`holm`)."""
    names = {name for entry in entries for name in entry["diffs"]}
    for name in sorted(names):
        tested = [
            entry["diffs"][name] for entry in entries if entry["diffs"].get(name, {}).get("p") is not None
        ]
        for one, adjusted in zip(tested, holm([one["p"] for one in tested]), strict=True):
            one["p_holm"] = float(adjusted)
    return entries
