"""Measuring one model that predicts a number, on one dataset that holds what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import errors
from governance.evaluation.measures.columns import Numbers, stored
from governance.evaluation.measures.crossings import crossed, judged
from governance.evaluation.measures.estimate import Estimate, FloatArray, plain
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.regression_groups import Group, fairness, group_measures, split
from governance.evaluation.measures.residuals import drawings
from governance.evaluation.measures.rows import Column, checked_numbers, checked_seed, in_order
from governance.evaluation.measures.sorted_rows import filled, linear, order_of
from registry.versions.tasks import Task


def measure_regression(
    *,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    tolerance: float | None,
    groups: Mapping[str, Column],
    seed: int,
    draws: int = 2000,
) -> dict[str, Any]:
    """Every measure of a regression, with 95 % intervals, as a JSON-able dict.

    `actual` is what happened and `predicted` what the model said, in the same unit; an error is predicted
    minus actual. A row within `tolerance` (None: none is declared) counts as predicted closely enough.
    `groups` maps an attribute to one string for each row. `draws` stand behind the intervals that have no
    closed form.

    As with `measure_binary`, the result depends on these arguments alone and not on the order of rows, floats
    carry 12 significant digits, and what is not defined is None with a sentence. Raises ValueError, with a
    sentence, when the columns do not fit together.
    """
    checked_seed(seed=seed, draws=draws)
    if tolerance is not None and not 0 < tolerance < np.inf:
        raise ValueError(f"tolerance must be a number above 0, not {tolerance}.")
    truth = checked_numbers(actual, name="actual")
    given = checked_numbers(predicted, name="predicted", rows=len(truth))
    order = order_of(truth, given)
    groups = in_order(groups, order, most=MAX_GROUPS)
    happened, said = _sorted(truth, order), _sorted(given, order)
    del order
    spread = errors.deviation(happened)

    def members_of(attribute: str, column: Any) -> list[Group]:
        return split(column, attribute=attribute, actual=happened, predicted=said)

    attributes = {attribute: members_of(attribute, groups[attribute]) for attribute in sorted(groups)}
    result: dict[str, Any] = {
        "task": Task.REGRESSION.value,
        "n": len(happened),
        "tolerance": tolerance,
        "target": _described(happened),
        "predictions": _described(said),
        "metrics": {
            name: estimate.as_dict() for name, estimate in _metrics(happened, said, tolerance).items()
        },
        "curves": drawings(happened, said),
        "groups": [
            entry
            for attribute, members in attributes.items()
            for entry in group_measures(attribute, members, tolerance=tolerance, spread=spread)
        ],
        "crossings": [
            entry
            for attribute, cells in crossed(groups)
            for entry in group_measures(
                attribute, judged(members_of(attribute, cells)), tolerance=tolerance, spread=spread
            )
        ],
        "fairness": [
            fairness(attribute, members, seed=seed, draws=draws, spread=spread)
            for attribute, members in attributes.items()
        ],
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _sorted(column: FloatArray, order: NDArray[np.int32]) -> Numbers:
    return stored(len(order), np.float64, lambda rows: column[order[rows]])


def _described(values: Numbers) -> dict[str, float]:
    held, n = errors.moments(values), len(values)
    column = filled(n, np.float64, lambda rows: values[rows])
    column.sort()
    return {
        "mean": held.mean,
        "standard_deviation": errors.deviation(values),
        "minimum": held.least,
        "median": linear(lambda place: float(column[place]), n, 0.5),
        "maximum": held.most,
    }


def _metrics(actual: Numbers, predicted: Numbers, tolerance: float | None) -> dict[str, Estimate]:
    return {
        "r_squared": errors.r_squared(actual, predicted),
        "mean_absolute_error": errors.absolute(actual, predicted),
        "root_mean_squared_error": errors.root_mean_squared(actual, predicted),
        "median_absolute_error": errors.median_absolute(actual, predicted),
        "absolute_error_90th_percentile": errors.quantile_of_absolute(actual, predicted, 0.9),
        "mean_error": errors.bias(actual, predicted),
        "standardised_mean_error": errors.standardised_bias(actual, predicted),
        "mean_absolute_percentage_error": errors.absolute_percentage(actual, predicted),
        "explained_variance": errors.explained_variance(actual, predicted),
        "spearman": errors.spearman(actual, predicted),
        "share_within_tolerance": errors.within(actual, predicted, tolerance),
    }
