"""Measures of a model that predicts a number, against scikit-learn and scipy, and on awkward data."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_predict

from governance.evaluation.measures import errors, measure_regression
from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Task, of_task
from tests.test_governance.measures.samples import Array, estimates

EXACT = 1e-9


@cache
def diabetes() -> tuple[Array, Array, Array]:
    """442 real patients: the progression of a year later, cross-validated predictions of it, and their sex."""
    data = load_diabetes(as_frame=True)
    predicted = cross_val_predict(LinearRegression(), data.data, data.target, cv=5)
    return data.target.to_numpy(), predicted, np.where(data.data["sex"] > 0, "two", "one")


def measure(actual: Any, predicted: Any, **changes: Any) -> dict[str, Any]:
    given = {"tolerance": 40.0, "groups": {}, "seed": 3, "draws": 500} | changes
    return measure_regression(actual=np.asarray(actual), predicted=np.asarray(predicted), **given)


def ends(estimate: dict[str, Any]) -> tuple[float, float]:
    return estimate["ci_low"], estimate["ci_high"]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("r_squared", oracle.r2_score),
        ("mean_absolute_error", oracle.mean_absolute_error),
        ("root_mean_squared_error", oracle.root_mean_squared_error),
        ("median_absolute_error", oracle.median_absolute_error),
        ("mean_absolute_percentage_error", oracle.mean_absolute_percentage_error),
        ("explained_variance", oracle.explained_variance_score),
        ("spearman", lambda actual, predicted: stats.spearmanr(actual, predicted).statistic),
        ("mean_error", lambda actual, predicted: np.mean(predicted - actual)),
        ("standardised_mean_error", lambda actual, predicted: np.mean(predicted - actual) / np.std(actual)),
        ("share_within_tolerance", lambda actual, predicted: np.mean(np.abs(predicted - actual) <= 40)),
        ("absolute_error_90th_percentile", lambda a, p: np.percentile(np.abs(p - a), 90)),
    ],
)
def test_values_are_those_of_scikit_learn_and_scipy(name: str, of: Any) -> None:
    actual, predicted, _ = diabetes()
    found = measure(actual, predicted)["metrics"][name]
    assert found["value"] == pytest.approx(of(actual, predicted), rel=EXACT, abs=EXACT)
    assert found["n"] == 442
    assert found["ci_low"] < found["value"] < found["ci_high"]


def test_every_measure_of_the_catalogue_is_measured() -> None:
    actual, predicted, sex = diabetes()
    result = measure(actual, predicted, groups={"sex": sex})
    assert set(result["metrics"]) == set(of_task(METRICS, Task.REGRESSION))
    entry = result["fairness"][0]
    assert {*entry, *entry["groups"][0]} > set(of_task(FAIRNESS, Task.REGRESSION))
    assert json.loads(json.dumps(result)) == result


def test_intervals_of_means_are_students() -> None:
    """Of losses on the scale of logarithms: the t interval over the mean is that of the mean's logarithm."""
    actual, predicted, _ = diabetes()
    found, wrong = measure(actual, predicted)["metrics"], predicted - actual
    theirs = stats.ttest_1samp(wrong, 0).confidence_interval(0.95)
    assert ends(found["mean_error"]) == pytest.approx((theirs.low, theirs.high), rel=EXACT)
    for name, losses, power in (
        ("mean_absolute_error", np.abs(wrong), 1),
        ("mean_absolute_percentage_error", np.abs(wrong / actual), 1),
        ("root_mean_squared_error", wrong**2, 0.5),
    ):
        mean = losses.mean()
        theirs = stats.ttest_1samp(losses, 0).confidence_interval(0.95)
        expected = [(mean * np.exp(end / mean - 1)) ** power for end in (theirs.low, theirs.high)]
        assert ends(found[name]) == pytest.approx(expected, rel=EXACT)


def test_the_interval_of_a_quantile_is_that_of_scipys_quantile_test() -> None:
    actual, predicted, _ = diabetes()
    found = measure(actual, predicted)["metrics"]
    wrong = np.abs(predicted - actual)
    for name, share in (("median_absolute_error", 0.5), ("absolute_error_90th_percentile", 0.9)):
        theirs = stats.quantile_test(wrong, p=share).confidence_interval(0.95)
        low, high = ends(found[name])
        assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_the_interval_of_a_share_is_wilsons() -> None:
    actual, predicted, _ = diabetes()
    hits = int((np.abs(predicted - actual) <= 40).sum())
    theirs = stats.binomtest(hits, 442).proportion_ci(0.95, method="wilson")
    found = measure(actual, predicted)["metrics"]["share_within_tolerance"]
    assert ends(found) == pytest.approx((theirs.low, theirs.high), rel=EXACT)


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("r_squared", lambda a, p: 1 - np.mean((p - a) ** 2, -1) / np.var(a, -1)),
        ("explained_variance", lambda a, p: 1 - np.var(p - a, -1) / np.var(a, -1)),
        ("standardised_mean_error", lambda a, p: np.mean(p - a, -1) / np.std(a, -1)),
    ],
)
def test_closed_forms_agree_with_scipys_bootstrap(name: str, of: Any) -> None:
    actual, predicted, _ = diabetes()
    found = measure(actual, predicted)["metrics"][name]
    theirs = stats.bootstrap(
        (actual, predicted), of, paired=True, n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ends(found) == pytest.approx((theirs.low, theirs.high), abs=0.08 * width)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random, holds, runs = (
        np.random.default_rng(8),
        dict.fromkeys(("r_squared", "mean_error", "spearman"), 0),
        300,
    )
    truth = {"r_squared": 1 - 5 / 9, "mean_error": 1.0, "spearman": 6 / np.pi * np.arcsin(5**0.5 / 3 / 2)}
    for _ in range(runs):
        signal = random.normal(0, 5**0.5, 400)
        actual = signal + random.normal(0, 2, 400)
        for name, of in (
            ("r_squared", errors.r_squared),
            ("mean_error", errors.bias),
            ("spearman", errors.spearman),
        ):
            low, high = ends(of(actual, signal + 1.0).as_dict())
            holds[name] += low <= truth[name] <= high
    assert all(count / runs > 0.91 for count in holds.values()), holds


def test_a_group_is_held_against_all_other_rows() -> None:
    actual, predicted, sex = diabetes()
    entry = measure(actual, predicted, groups={"sex": sex})["fairness"][0]
    wrong, one = predicted - actual, sex == "one"
    found = next(group for group in entry["groups"] if group["group"] == "one")
    for name, first, second in (
        ("mean_error_difference", wrong[one], wrong[~one]),
        ("mean_absolute_error_difference", np.abs(wrong[one]), np.abs(wrong[~one])),
    ):
        theirs = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
        assert found[name]["value"] == pytest.approx(first.mean() - second.mean(), rel=EXACT)
        assert ends(found[name]) == pytest.approx((theirs.low, theirs.high), rel=EXACT)
    ratio = found["mean_absolute_error_ratio"]
    assert ratio["value"] == pytest.approx(np.abs(wrong[one]).mean() / np.abs(wrong[~one]).mean(), rel=EXACT)
    other = next(group for group in entry["groups"] if group["group"] == "two")
    assert ratio["value"] * other["mean_absolute_error_ratio"]["value"] == pytest.approx(1)
    assert ratio["ci_low"] * other["mean_absolute_error_ratio"]["ci_high"] == pytest.approx(1)
    gap = entry["mean_error_gap"]
    assert gap["value"] == pytest.approx(abs(found["mean_error_difference"]["value"]), rel=EXACT)
    assert entry["standardised_mean_error_gap"]["value"] == pytest.approx(
        gap["value"] / actual.std(), rel=EXACT
    )


def test_groups_come_worst_first_and_small_ones_last() -> None:
    random = np.random.default_rng(4)
    sizes = {"fine": 400, "worse": 300, "worst": 200, "few": 99}
    names = np.repeat(list(sizes), list(sizes.values()))
    actual = random.normal(100, 20, len(names))
    spread = np.select([names == "worst", names == "worse", names == "few"], [9.0, 4.0, 50.0], 1.0)
    result = measure(actual, actual + random.normal(0, spread), groups={"g": names})
    assert [entry["group"] for entry in result["groups"]] == ["worst", "worse", "fine", "few"]
    assert [entry["sufficient"] for entry in result["groups"]] == [True, True, True, False]
    compared = result["fairness"][0]["groups"]
    assert (compared[0]["group"], compared[0]["status"]) == ("worst", "measured")
    assert [group["status"] for group in compared][-1] == "insufficient"
    assert result["fairness"][0]["mean_error_gap"]["n"] == 900


def test_two_groups_alike_have_a_gap_that_reaches_zero() -> None:
    random = np.random.default_rng(5)
    actual, names = random.normal(0, 1, 4000), np.repeat(["a", "b"], 2000)
    gap = measure(actual, actual + random.normal(0, 1, 4000), groups={"g": names})["fairness"][0][
        "mean_error_gap"
    ]
    assert gap["ci_low"] == 0.0
    assert gap["ci_high"] > gap["value"] > 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    actual, predicted, sex = diabetes()
    order = np.random.default_rng(seed).permutation(len(actual))
    one = measure(actual, predicted, groups={"sex": sex})
    other = measure(actual[order], predicted[order], groups={"sex": sex[order]})
    assert json.dumps(one) == json.dumps(other)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.sampled_from(["a", "b"])),
        min_size=1,
        max_size=12,
    )
)
def test_any_rows_are_measured_without_a_number_that_is_none(rows: list[tuple[float, float, str]]) -> None:
    actual, predicted, names = (list(column) for column in zip(*rows, strict=True))
    result = measure(actual, predicted, groups={"g": np.array(names)})
    for path, entry in estimates(result):
        assert (entry["value"] is None) == ("undefined" in entry), path
        if entry["value"] is None:
            assert entry["undefined"].endswith(".")
            assert (entry["ci_low"], entry["ci_high"]) == (None, None)
        elif entry["ci_low"] is not None:
            assert entry["ci_low"] <= entry["value"] <= entry["ci_high"], path


def undefined(result: dict[str, Any]) -> dict[str, str]:
    return {name: one["undefined"] for name, one in result["metrics"].items() if one["value"] is None}


def test_what_is_not_defined_says_why_and_is_never_zero() -> None:
    constant = undefined(measure([5.0, 5.0, 5.0], [4.0, 5.0, 6.0]))
    assert set(constant) == {"r_squared", "explained_variance", "standardised_mean_error", "spearman"}
    assert constant["r_squared"] == "The target is the same in every row, so it has no variance to explain."
    same = undefined(measure([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]))
    assert list(same) == ["spearman"]
    zeros = undefined(measure([0.0, 2.0, 0.0], [1.0, 2.0, 3.0], tolerance=None))
    assert zeros["mean_absolute_percentage_error"] == (
        "A percentage of 0 has no meaning, and 2 rows have a target of 0."
    )
    assert "declares no tolerance" in zeros["share_within_tolerance"]
    single = undefined(measure([1.0], [2.0]))
    assert single["r_squared"] == "There is one row only, which shows no spread."


def test_a_perfect_model_claims_no_interval_it_has_not() -> None:
    actual = np.arange(1.0, 200.0)
    found = measure(actual, actual)["metrics"]
    assert (found["r_squared"]["value"], *ends(found["r_squared"])) == (1.0, None, None)
    assert (found["mean_absolute_error"]["value"], *ends(found["mean_absolute_error"])) == (0.0, None, None)
    assert found["mean_absolute_error"]["method"] == "no interval, the loss is the same in every row"
    assert found["spearman"]["method"] == "no interval, the order is perfect"
    assert found["share_within_tolerance"]["ci_high"] == 1.0


@pytest.mark.parametrize(
    ("actual", "predicted", "changes", "says"),
    [
        ([], [], {}, "actual has no rows"),
        ([1.0], [1.0, 2.0], {}, "predicted has 2 rows and actual has 1"),
        ([1.0, np.nan], [1.0, 2.0], {}, "actual holds missing or infinite values"),
        ([1.0, 2.0], [1.0, np.inf], {}, "predicted holds missing or infinite values"),
        (["a", "b"], [1.0, 2.0], {}, "actual must be numbers"),
        ([1.0, 1e80], [1.0, 2.0], {}, "beyond 1e"),
        ([1.0, 2.0], [1.0, 2.0], {"tolerance": 0.0}, "tolerance must be a number above 0"),
        ([1.0, 2.0], [1.0, 2.0], {"seed": -1}, "seed must be 0"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    actual: Any, predicted: Any, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        measure(actual, predicted, **changes)


def test_drawings_count_every_row_once() -> None:
    actual, predicted, _ = diabetes()
    curves = measure(actual, predicted)["curves"]
    density, histogram = curves["density"], curves["residual_histogram"]
    assert sum(cell[2] for cell in density["cells"]) + density["outside"] == 442
    assert sum(histogram["counts"]) + histogram["below"] + histogram["above"] == 442
    points = curves["by_prediction"]
    assert sum(point["n"] for point in points) == 442
    assert len(points) == 10
    assert [point["mean_prediction"] for point in points] == sorted(
        point["mean_prediction"] for point in points
    )
    first = np.argsort(predicted)[: points[0]["n"]]
    assert points[0]["mean_actual"] == pytest.approx(actual[first].mean(), rel=EXACT)
    assert points[0]["errors"][2] == pytest.approx(np.median(predicted[first] - actual[first]), rel=EXACT)
