"""Awkward data: what is not defined says so in a sentence, is never 0, and never breaks the rest."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.evaluation.measures import Estimate, compare_paired, measure_binary
from governance.evaluation.measures.calibration import equal_count_bins
from governance.evaluation.measures.catalogue import METRICS, Task, of_task
from tests.test_governance.measures.samples import Array, binormal, estimates

NEED_BOTH_CLASSES = {
    "roc_auc", "gini", "ks", "average_precision", "calibration_slope", "calibration_intercept",
    "balanced_accuracy", "matthews",
}  # fmt: skip


def measure(labels: Any, scores: Any, threshold: float = 0.5, **rest: Any) -> dict[str, Any]:
    settings = {"favourable_is_positive": True, "groups": {}, "seed": 3, "draws": 200, **rest}
    return measure_binary(
        labels=np.asarray(labels), scores=np.asarray(scores), threshold=threshold, **settings
    )


def undefined(result: dict[str, Any]) -> set[str]:
    """The names of the metrics without a value; each must say why in a sentence, and the others must not."""
    for _, entry in estimates(result):
        assert (entry["value"] is None) == ("undefined" in entry)
        if entry["value"] is None:
            assert entry["ci_low"] is None
            assert entry["undefined"].endswith(".")
    return {name for name, entry in result["metrics"].items() if entry["value"] is None}


@pytest.fixture
def usual() -> tuple[Array, Array]:
    return binormal(np.random.default_rng(4), 400, prevalence=0.3, shift=1.5)


def test_usual_data_defines_every_measure_of_the_catalogue(usual: tuple[Array, Array]) -> None:
    result = measure(*usual)
    assert set(result["metrics"]) == set(of_task(METRICS, Task.BINARY))
    assert undefined(result) == set()


def test_only_negatives() -> None:
    result = measure(np.zeros(50), np.linspace(0, 1, 50))
    assert undefined(result) == NEED_BOTH_CLASSES | {"recall"}
    assert result["metrics"]["recall"]["undefined"] == "There are no positive rows."
    assert result["metrics"]["precision"]["value"] == 0.0  # 25 rows predicted positive, none is
    assert result["curves"]["roc"] == result["curves"]["precision_recall"] == []
    assert result["curves"]["threshold"][0]["recall"] is None


def test_only_positives() -> None:
    result = measure(np.ones(50), np.linspace(0, 1, 50))
    assert undefined(result) == NEED_BOTH_CLASSES | {"specificity", "false_positive_rate"}


def test_constant_scores() -> None:
    result = measure([0, 1, 0, 0] * 25, np.full(100, 0.25))
    ranking = {"roc_auc", "gini", "ks", "average_precision", "calibration_slope"}
    assert undefined(result) == ranking | {"precision", "matthews"}
    assert result["metrics"]["roc_auc"]["undefined"].startswith("Every row has the same score")
    # All rows tie, so they share one bin, in which the rate is just the score.
    assert result["metrics"]["calibration_error"]["value"] == 0.0
    assert result["metrics"]["calibration_intercept"]["value"] == pytest.approx(0, abs=1e-9)
    assert len(result["curves"]["calibration"]) == 1


def test_tied_scores_go_whole_to_the_bin_of_their_middle_row() -> None:
    labels, scores = np.array([0, 0, 0, 1, 0, 1, 1, 1, 1, 1]), np.repeat([0.1, 0.5, 0.9], [4, 4, 2])
    bins = equal_count_bins(labels, scores, 2)
    assert bins.n.tolist() == [4, 6]  # the middle of the second run is row 6 of 10
    assert bins.positives.tolist() == [1, 5]
    assert bins.mean_score.tolist() == pytest.approx([0.1, 3.8 / 6])


def test_no_row_predicted_positive(usual: tuple[Array, Array]) -> None:
    result = measure(usual[0], usual[1] * 0.9, threshold=1.0)
    assert undefined(result) == {"precision", "matthews"}
    assert result["metrics"]["f1"]["value"] == 0.0
    assert result["metrics"]["f1"]["ci_high"] > 0.0
    assert result["metrics"]["selection_rate"]["value"] == 0.0


def test_every_row_predicted_positive(usual: tuple[Array, Array]) -> None:
    result = measure(*usual, threshold=0.0)
    assert undefined(result) == {"matthews"}
    assert result["metrics"]["recall"]["value"] == result["metrics"]["selection_rate"]["value"] == 1.0
    refused = measure(*usual, threshold=0.0, favourable_is_positive=False)
    assert refused["metrics"]["selection_rate"]["value"] == 0.0


def test_perfection_on_few_rows_is_not_certainty() -> None:
    """Ten right of ten leaves room for doubt in every measure that a floor may be set on."""
    result = measure([0] * 5 + [1] * 5, [0.1] * 5 + [0.9] * 5)
    assert undefined(result) == {"calibration_slope"}
    for name in ("roc_auc", "accuracy", "precision", "recall", "f1", "balanced_accuracy", "matthews", "ks"):
        entry = result["metrics"][name]
        assert entry["value"] == 1.0
        assert entry["ci_low"] < 0.9, name
        assert entry["ci_high"] == 1.0
    assert result["metrics"]["roc_auc"]["method"] == "Newcombe method 5"
    assert result["metrics"]["brier"]["ci_low"] is None
    assert result["metrics"]["brier"]["method"].startswith("no interval")


def test_too_few_positives_leave_average_precision_without_an_interval() -> None:
    labels = np.zeros(200)
    labels[:2] = 1
    entry = measure(labels, np.linspace(1, 0, 200))["metrics"]["average_precision"]
    assert (entry["value"], entry["ci_low"]) == (1.0, None)
    assert entry["method"] == "no interval, too few positives or negatives"


def test_scores_of_exactly_0_and_1() -> None:
    result = measure([0, 0, 0, 1, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1, 1, 0])
    assert undefined(result) == set()
    assert result["metrics"]["log_loss"]["value"] == pytest.approx(-np.log(2.220446049250313e-16) / 4)
    assert result["metrics"]["calibration_slope"]["method"] == "Wald, scores kept a millionth from 0 and 1"


def test_scores_far_from_the_truth_are_recalibrated_all_the_same() -> None:
    """All but one row positive under scores of nearly 0: the intercept is the distance in log-odds."""
    entry = measure([0] + [1] * 99, np.full(100, 1e-9))["metrics"]["calibration_intercept"]
    assert entry["value"] == pytest.approx(np.log(99) + np.log((1 - 1e-6) / 1e-6))


def test_classes_that_overlap_by_a_hair_have_no_slope() -> None:
    result = measure([1, 1, 0, 1], [0.5, 0.500000000000025, 0.50000000025, 0.99999774])
    assert "almost completely" in result["metrics"]["calibration_slope"]["undefined"]


def test_one_row() -> None:
    result = measure([1], [0.7])
    assert result["n"] == 1
    assert result["metrics"]["accuracy"]["value"] == 1.0
    assert result["metrics"]["brier"]["value"] == pytest.approx(0.09)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.booleans(),
)
def test_whatever_the_rows_each_interval_holds_its_value(
    rows: list[tuple[bool, int, int]], threshold: float, favourable_is_positive: bool
) -> None:
    labels, scores, champion = (np.array(column) for column in zip(*rows, strict=True))
    names = np.array([str(value % 3) for value in champion])
    result = measure(
        labels,
        scores / 8,
        threshold,
        favourable_is_positive=favourable_is_positive,
        groups={"third": names},
        draws=100,
    )
    json.dumps(result, allow_nan=False)
    undefined(result)
    for path, entry in estimates(result):
        if entry["ci_low"] is not None:
            assert entry["ci_low"] <= entry["value"] <= entry["ci_high"], path
    paired = compare_paired(
        labels=labels,
        scores=scores / 8,
        champion_scores=champion / 8,
        threshold=threshold,
        seed=1,
        draws=100,
    )
    json.dumps(paired, allow_nan=False)
    for path, entry in estimates(paired):
        assert (entry["value"] is None) == ("undefined" in entry), path
        if entry["diff_ci_low"] is not None:
            assert entry["diff_ci_low"] <= entry["value"] <= entry["diff_ci_high"], path
            assert 0 <= entry["p"] <= 1, path


GOOD: dict[str, Any] = {
    "labels": np.array([0, 1, 1]),
    "scores": np.array([0.1, 0.8, 0.4]),
    "threshold": 0.5,
    "favourable_is_positive": True,
    "groups": {"sex": np.array(["f", "m", "f"])},
    "seed": 1,
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": np.array([]), "scores": np.array([])}, "no rows"),
        ({"labels": np.array([0, 1, 2])}, "labels must be 0 or 1"),
        ({"labels": np.array([0, 1, np.nan])}, "labels must be 0 or 1"),
        ({"labels": np.array(["no", "yes", "no"])}, "encode the classes"),
        ({"labels": np.array([[0, 1, 1]])}, "one column"),
        ({"scores": np.array([0.1, 0.8])}, "scores has 2 rows and labels has 3"),
        ({"scores": np.array([0.1, 0.8, np.nan])}, "missing or infinite"),
        ({"scores": np.array([0.1, 0.8, 1.5])}, "probabilities, not margins"),
        ({"scores": np.array(["a", "b", "c"])}, "scores must be numbers"),
        ({"threshold": 1.2}, "threshold must lie from 0 to 1"),
        ({"threshold": float("nan")}, "threshold must lie from 0 to 1"),
        ({"seed": -1}, "seed"),
        ({"draws": 10}, "draws must be at least 100"),
        ({"groups": {"sex": np.array(["f", "m"])}}, r"groups\['sex'\] has 2 rows"),
        ({"groups": {"sex": np.array(["f", None, "m"], dtype=object)}}, "name missing values"),
        ({"groups": {"age": np.array([31, 45, 50])}}, "must be strings"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        measure_binary(**{**GOOD, **change})


def test_an_identifier_is_refused_as_a_group() -> None:
    rows = np.arange(300)
    with pytest.raises(ValueError, match="300 different values; at most 200"):
        measure(rows % 2, rows / 300, groups={"row": rows.astype(str)})


def test_a_champion_that_does_not_fit_is_refused() -> None:
    columns = {"labels": GOOD["labels"], "scores": GOOD["scores"]}
    with pytest.raises(ValueError, match="champion_scores has 2 rows"):
        compare_paired(**columns, champion_scores=np.array([0.1, 0.2]), threshold=0.5, seed=1)


def test_an_estimate_says_undefined_only_when_it_is() -> None:
    assert Estimate(0.5, 0.4, 0.6, "Wilson", 10).as_dict() == {
        "value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "method": "Wilson", "n": 10,
    }  # fmt: skip
    assert Estimate(None, None, None, "Wilson", 0, "There are no rows.").as_dict()["undefined"]
