"""A version against the champion on the same rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import calibration, table
from governance.evaluation.measures.average_precision import PAIRED, average_precision_difference
from governance.evaluation.measures.differences import (
    drawn_difference,
    mcnemar,
    mean_difference,
    undefined_difference,
)
from governance.evaluation.measures.estimate import FloatArray, IntArray, plain, stream
from governance.evaluation.measures.groups_comparison import area_difference, binary_groups, why_no_order
from governance.evaluation.measures.rows import checked_labels, checked_scores, checked_settings


def compare_paired(
    *,
    labels: NDArray[Any],
    scores: NDArray[Any],
    champion_scores: NDArray[Any],
    threshold: float,
    seed: int,
    draws: int = 2000,
    groups: Mapping[str, Any] | None = None,
    favourable_is_positive: bool = True,
) -> dict[str, Any]:
    """The difference, `scores` minus `champion_scores`, in each measure, from the same labelled rows.

    Returns `n`, `threshold` (one for both), `discordant` (rows that only one of the two got right), `answers` (the
    rows by what either predicted, each with how many of them were positive) and `diffs`: for each measure `value`,
    the ends of its 95 % interval `diff_ci_low` and `diff_ci_high`, the two-sided `p` against no difference, `method`
    and `n`. Below 0 is better for measures of which lower is better. A difference is None with an `undefined`
    sentence when either side is. `groups` has the differences of the groups of each attribute given (a string, or
    `Coded`, for each row), as `binary_groups` makes them. Independent of the order of the rows, as `measure_binary`;
    raises ValueError likewise.
    """
    checked_settings(threshold=threshold, seed=seed, draws=draws)
    truth = checked_labels(labels)
    ours = checked_scores(scores, rows=len(truth))
    theirs = checked_scores(champion_scores, rows=len(truth), name="champion_scores")
    order = np.lexsort((truth, theirs, ours))
    truth, ours, theirs = truth[order], ours[order], theirs[order]

    cells = _joint_cells(truth, ours >= threshold, theirs >= threshold)
    only_ours = int(cells[1, 1, 0] + cells[0, 0, 1])
    only_theirs = int(cells[1, 0, 1] + cells[0, 1, 0])
    area = area_difference(truth, ours, theirs)
    diffs = {
        "roc_auc": area,
        "gini": _doubled(area),
        "average_precision": _average_precision(truth, ours, theirs),
        "brier": mean_difference(
            calibration.brier_losses(truth, ours) - calibration.brier_losses(truth, theirs)
        ),
        "log_loss": mean_difference(
            calibration.log_losses(truth, ours) - calibration.log_losses(truth, theirs)
        ),
        **table_measures(cells, stream(seed, "paired table"), draws),
    }
    diffs["accuracy"]["p"] = mcnemar(only_ours, only_theirs)
    diffs["accuracy"]["method"] = "multinomial draws, p by McNemar's exact test"
    result = {
        "n": len(truth),
        "threshold": float(threshold),
        "discordant": {"only_this_right": only_ours, "only_champion_right": only_theirs},
        "answers": _answers(cells),
        "diffs": diffs,
        "groups": binary_groups(
            truth,
            ours,
            theirs,
            groups=groups or {},
            order=order,
            threshold=threshold,
            favourable_is_positive=favourable_is_positive,
        ),
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _doubled(area: dict[str, Any]) -> dict[str, Any]:
    """The Gini difference: twice that of the AUC, with the same p."""
    ends = ("value", "diff_ci_low", "diff_ci_high")
    return {**area, **{key: None if area[key] is None else 2 * area[key] for key in ends}}


def _average_precision(labels: IntArray, ours: FloatArray, theirs: FloatArray) -> dict[str, Any]:
    if reason := why_no_order(labels, ours, theirs):
        return undefined_difference(reason, PAIRED, len(labels))
    return average_precision_difference(labels, ours, theirs)


def _joint_cells(labels: IntArray, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> IntArray:
    """Rows by label, our prediction and the champion's prediction, in a table of 2 by 2 by 2."""
    return np.bincount(labels * 4 + ours * 2 + theirs, minlength=8).reshape(2, 2, 2)


def _answers(cells: IntArray) -> list[dict[str, Any]]:
    """Whose answer changes: rows by this version's and the champion's prediction, and the positives among them."""
    return [
        {
            "this_positive": bool(ours),
            "champion_positive": bool(theirs),
            "n": int(cells[:, ours, theirs].sum()),
            "positives": int(cells[1, ours, theirs]),
        }
        for ours in (0, 1)
        for theirs in (0, 1)
    ]


def _tables(cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The confusion tables of either model, as `table` orders them, from joint cells on the last axes."""
    both = []
    for axis in (-1, -2):  # summing over the other model's prediction
        own = cells.sum(axis=axis)
        both.append(np.stack([own[..., 1, 1], own[..., 0, 1], own[..., 1, 0], own[..., 0, 0]], axis=-1))
    return both[0], both[1]


def table_measures(cells: IntArray, rng: np.random.Generator, draws: int) -> dict[str, dict[str, Any]]:
    """Every measure of the confusion table, from draws of the joint one, so that pairing is kept."""
    n = int(cells.sum())
    ours, theirs = _tables(cells.astype(np.float64))
    our_draws, their_draws = _tables(table.draw_tables(cells, rng, draws))
    diffs = {}
    for name, measure in table.MEASURES.items():
        value = float(measure.of(ours) - measure.of(theirs))
        if np.isnan(value):
            whose = "This version" if np.isnan(measure.of(ours)) else "The champion"
            diffs[name] = undefined_difference(f"{whose}: {measure.when_undefined}", table.METHOD, n)
        else:
            drawn = measure.of(our_draws) - measure.of(their_draws)
            diffs[name] = drawn_difference(value, drawn, table.METHOD, n)
    return diffs
