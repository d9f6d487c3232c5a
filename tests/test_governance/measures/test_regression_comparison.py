"""Comparing two models that predict a number on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from governance.evaluation.measures import compare_paired_regression
from governance.evaluation.measures.catalogue import METRICS


@pytest.fixture(scope="module")
def real() -> tuple[Any, Any, Any]:
    """Disease progression of 442 patients, and two predictions of it from their features."""
    features, target = load_diabetes(return_X_y=True)
    design = np.column_stack([np.ones(len(target)), features])
    good = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    poor = design[:, :2] @ np.linalg.lstsq(design[:, :2], target, rcond=None)[0]
    return target, good, poor


def compare(target: Any, ours: Any, theirs: Any, tolerance: float | None = 50.0) -> dict[str, Any]:
    return compare_paired_regression(
        actual=target, predicted=ours, champion_predicted=theirs, tolerance=tolerance, seed=1, draws=500
    )


def test_values_are_the_differences_of_scikit_learn(real: Any) -> None:
    target, good, poor = real
    diffs = compare(*real)["diffs"]
    for name, measure in (
        ("mean_absolute_error", mean_absolute_error),
        ("root_mean_squared_error", root_mean_squared_error),
        ("r_squared", r2_score),
    ):
        assert diffs[name]["value"] == pytest.approx(
            measure(target, good) - measure(target, poor), rel=1e-9
        ), name
    assert set(diffs) < set(METRICS)


def test_the_interval_of_a_mean_is_the_paired_one(real: Any) -> None:
    target, good, poor = real
    gained = np.abs(good - target) - np.abs(poor - target)
    low, high = stats.norm.interval(0.95, gained.mean(), stats.sem(gained))
    found = compare(*real)["diffs"]["mean_absolute_error"]
    assert (found["diff_ci_low"], found["diff_ci_high"]) == (pytest.approx(low), pytest.approx(high))


def test_a_clearly_better_model_is_found_better_and_a_model_equals_itself(real: Any) -> None:
    target, good, _ = real
    diffs = compare(*real)["diffs"]
    assert diffs["r_squared"]["diff_ci_low"] > 0
    assert diffs["root_mean_squared_error"]["diff_ci_high"] < 0
    same = compare(target, good, good)
    assert same["discordant"] == {"only_this_right": 0, "only_champion_right": 0}
    assert all(entry["value"] == 0.0 for entry in same["diffs"].values())


def test_the_order_of_rows_does_not_matter_and_a_tolerance_is_optional(real: Any) -> None:
    order = np.random.default_rng(4).permutation(len(real[0]))
    assert compare(*(column[order] for column in real)) == compare(*real)
    without = compare(*real, tolerance=None)
    assert "discordant" not in without
    assert "share_within_tolerance" not in without["diffs"]


def test_rows_that_do_not_fit_are_refused(real: Any) -> None:
    with pytest.raises(ValueError, match="rows"):
        compare(real[0], real[1][:-1], real[2])
