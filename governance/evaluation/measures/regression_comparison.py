"""A version that predicts a number against the champion on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.differences import (
    drawn_difference,
    mean_difference,
    share_difference,
    undefined_difference,
)
from governance.evaluation.measures.estimate import FloatArray, centred, plain, stream
from governance.evaluation.measures.groups_comparison import regression_groups
from governance.evaluation.measures.ranking import resample
from governance.evaluation.measures.rows import checked_numbers, checked_seed

BOOTSTRAP = "paired bootstrap"


def compare_paired_regression(
    *,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    champion_predicted: NDArray[Any],
    tolerance: float | None,
    seed: int,
    draws: int = 2000,
    groups: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The difference, `predicted` minus `champion_predicted`, in each measure, from the same rows.

    The form of `compare_paired`: `n`, `tolerance`, `diffs`, and `discordant` (rows that only one of the two
    predicted closely enough; absent without a tolerance). Means of rows have the paired normal interval; roots and
    ratios of means the paired percentile bootstrap, moved to their value (Efron & Tibshirani 1993, chapters 10 and
    13). Independent of the order of rows; raises ValueError as `measure_regression` does.
    """
    checked_seed(seed=seed, draws=draws)
    truth = checked_numbers(actual, name="actual")
    ours = checked_numbers(predicted, name="predicted", rows=len(truth))
    theirs = checked_numbers(champion_predicted, name="champion_predicted", rows=len(truth))
    order = np.lexsort((truth, theirs, ours))
    truth, ours, theirs = truth[order], ours[order], theirs[order]
    our_errors, their_errors = ours - truth, theirs - truth
    diffs = {
        "mean_absolute_error": mean_difference(np.abs(our_errors) - np.abs(their_errors)),
        "mean_error": mean_difference(our_errors - their_errors),
        **_drawn(truth, our_errors, their_errors, stream(seed, "paired rows"), draws),
    }
    result: dict[str, Any] = {"n": len(truth), "tolerance": tolerance}
    if tolerance is not None:
        close, champion_close = np.abs(our_errors) <= tolerance, np.abs(their_errors) <= tolerance
        only_ours, only_theirs = int((close & ~champion_close).sum()), int((champion_close & ~close).sum())
        diffs["share_within_tolerance"] = share_difference(close, champion_close)
        result["discordant"] = {"only_this_right": only_ours, "only_champion_right": only_theirs}
    found = regression_groups(our_errors, their_errors, groups=groups or {}, order=order)
    rounded: dict[str, Any] = plain({**result, "diffs": diffs, "groups": found})
    return rounded


def _drawn(
    truth: FloatArray, ours: FloatArray, theirs: FloatArray, rng: np.random.Generator, draws: int
) -> dict[str, dict[str, Any]]:
    """What is no mean of rows, from draws of rows: root mean squared error and R squared."""
    n = len(truth)
    squares = np.stack([ours**2, theirs**2, truth, truth**2])

    def measures(weights: NDArray[Any]) -> tuple[float, float]:
        ours_squared, theirs_squared, mean, square = squares @ weights / n
        variance = square - mean**2
        root = float(np.sqrt(ours_squared) - np.sqrt(theirs_squared))
        return root, float((theirs_squared - ours_squared) / variance) if variance > 0 else float("nan")

    once = measures(np.ones(n))
    drawn = np.array([measures(weights) for weights in resample(rng, n, draws)])
    found = {}
    for column, name in enumerate(("root_mean_squared_error", "r_squared")):
        value, column_draws = once[column], drawn[:, column][~np.isnan(drawn[:, column])]
        if np.isnan(value) or not len(column_draws):
            found[name] = undefined_difference("The target is the same in every row.", BOOTSTRAP, n)
            continue
        found[name] = drawn_difference(value, centred(value, column_draws), BOOTSTRAP, n)
    return found
