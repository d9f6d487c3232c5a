"""A classifier of several classes against the champion on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import calibration, classes
from governance.evaluation.measures.differences import (
    drawn_difference,
    mcnemar,
    mean_difference,
    resampled_cells,
    students_difference,
    undefined_difference,
)
from governance.evaluation.measures.estimate import (
    FloatArray,
    IntArray,
    centred,
    few,
    plain,
    stream,
)
from governance.evaluation.measures.groups_comparison import class_groups, why_no_order
from governance.evaluation.measures.multiclass import brier_losses
from governance.evaluation.measures.ranking import LEAST_OF_DIFFERENCE, of_samples, placements
from governance.evaluation.measures.rows import checked_codes, checked_probabilities, checked_seed
from governance.evaluation.measures.shortfall import influence

BOOTSTRAP, PAIRED_MEAN = "paired bootstrap", "paired DeLong of the mean, Student's t"
NOT_DEFINED = "Of one of the two it is not defined on these rows."

#: So many numbers are held at a time: 128 MB.
AT_ONCE = 2**24


def compare_paired_classes(
    *,
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    champion_probabilities: NDArray[Any],
    names: Sequence[str],
    seed: int,
    draws: int = 2000,
    groups: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The difference, `probabilities` minus `champion_probabilities`, in each measure, from the same labelled rows.

    The form of `compare_paired`: `n`, `discordant`, `diffs`, `groups`. `labels` are positions in `names`; both tables
    have a column for each of them, of a class that a model does not know 0. What follows from the confusion tables
    has the interval of the paired bootstrap, accuracy the p of McNemar's exact test; means of rows have the paired
    normal interval, the mean of the ROC AUC against all others DeLong's. Independent of the order of the rows; raises
    ValueError as `measure_multiclass` does.
    """
    checked_seed(seed=seed, draws=draws)
    many = len(names)
    truth = checked_codes(labels, classes=many)
    ours = checked_probabilities(probabilities, rows=len(truth), classes=many)
    theirs = checked_probabilities(champion_probabilities, rows=len(truth), classes=many)
    order = np.lexsort((truth, *theirs.T, *ours.T))
    truth, ours, theirs = truth[order], ours[order], theirs[order]
    our_class, their_class = ours.argmax(axis=1), theirs.argmax(axis=1)
    right, champion_right = our_class == truth, their_class == truth
    only_ours, only_theirs = int((right & ~champion_right).sum()), int((champion_right & ~right).sum())
    diffs = _of_tables(truth, our_class, their_class, many, stream(seed, "paired rows"), draws)
    diffs["accuracy"]["p"] = mcnemar(only_ours, only_theirs)
    diffs["accuracy"]["method"] = f"{BOOTSTRAP}, p by McNemar's exact test"
    diffs["macro_roc_auc"] = _macro_area(truth, ours, theirs, list(names))
    for name, losses in (("log_loss", _log_losses), ("brier", _brier_losses)):
        diffs[name] = mean_difference(losses(truth, ours) - losses(truth, theirs))
    result = {
        "n": len(truth),
        "discordant": {"only_this_right": only_ours, "only_champion_right": only_theirs},
        "diffs": diffs,
        "groups": class_groups(right, champion_right, groups=groups or {}, order=order),
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _macro_area(labels: IntArray, ours: FloatArray, theirs: FloatArray, names: list[str]) -> dict[str, Any]:
    """The difference in the mean over the classes of the data of the ROC AUC against all others.

    The variance is that of the mean of the differences of what each row adds to either area (paired DeLong, of the mean
    as in `multiclass.one_vs_rest`). Undefined where either gives a class with rows no order.
    """
    n, present = len(labels), np.flatnonzero(np.bincount(labels, minlength=len(names)))
    value, moved = 0.0, np.zeros(n)
    for at in present:
        own = (labels == at).astype(np.int64)
        if reason := why_no_order(own, ours[:, at], theirs[:, at]):
            return undefined_difference(f"Class “{names[at]}”: {reason}", PAIRED_MEAN, n)
        for given, sign in ((ours, 1), (theirs, -1)):
            value += sign * float(placements(own, given[:, at])[0].mean()) / len(present)
            moved += sign * influence(own, given[:, at]) / len(present)
    rows = np.bincount(labels)[present]
    parts = np.bincount(labels, weights=moved**2)[present]
    spread, freedom = of_samples([float(part) for part in parts], [int(one) for one in rows])
    method = few(PAIRED_MEAN, rows=int(rows.min()), least=LEAST_OF_DIFFERENCE)
    return students_difference(value, spread, freedom, method, n)


def _of_truth(labels: IntArray, given: FloatArray) -> FloatArray:
    found: FloatArray = given[np.arange(len(labels)), labels]
    return found


def _log_losses(labels: IntArray, given: FloatArray) -> FloatArray:
    return calibration.log_losses(np.ones(len(labels), dtype=np.int64), _of_truth(labels, given))


def _brier_losses(labels: IntArray, given: FloatArray) -> FloatArray:
    return brier_losses(labels, given, _of_truth(labels, given))


def _of_tables(
    labels: IntArray, ours: IntArray, theirs: IntArray, many: int, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, Any]]:
    """What follows from the two confusion tables, from resampled rows: of them only the cells (label, ours, theirs)
    matter that hold any."""
    n = len(labels)
    codes, counts = np.unique((labels * many + ours) * many + theirs, return_counts=True)
    label, mine, other = codes // many**2, codes // many % many, codes % many
    present = np.flatnonzero(np.bincount(labels, minlength=many))

    def both(weights: NDArray[Any]) -> dict[str, FloatArray]:
        found = []
        for predicted in (mine, other):
            flat = np.zeros((len(weights), many * many))
            np.add.at(flat.T, label * many + predicted, weights.T)
            tables = flat.reshape(-1, many, many)
            accuracy = np.trace(tables, axis1=1, axis2=2) / n
            found.append({"accuracy": accuracy, **classes.summaries(tables, present)})
        first, second = found
        return {name: first[name] - second[name] for name in first}

    values = {name: float(value[0]) for name, value in both(counts[None, :].astype(np.float64)).items()}
    at_once = max(1, AT_ONCE // max(many * many, len(codes)))
    blocks = [
        both(resampled_cells(counts, rng, min(at_once, draws - begin)).astype(np.float64))
        for begin in range(0, draws, at_once)
    ]
    found = {}
    for name, value in values.items():
        drawn = np.concatenate([block[name] for block in blocks])
        drawn = drawn[~np.isnan(drawn)]
        if np.isnan(value) or not len(drawn):
            found[name] = undefined_difference(NOT_DEFINED, BOOTSTRAP, n)
        else:
            found[name] = drawn_difference(value, centred(value, drawn), BOOTSTRAP, n)
    return found
