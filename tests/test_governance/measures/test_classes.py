"""Several classes: the numbers of scikit-learn, on real data; what is not defined says so."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from governance.evaluation.measures import classes, measure_binary, measure_multiclass
from governance.evaluation.measures.catalogue import FAIRNESS, GROUP_METRICS, METRICS, Task, of_task
from governance.evaluation.measures.multiclass import one_vs_rest
from tests.test_governance.measures.samples import Array, breast_cancer, estimates

NAMES = [str(digit) for digit in range(10)]


@cache
def digits() -> tuple[Array, Array]:
    """900 real handwritten digits and their cross-validated probabilities, from every fourth pixel."""
    pixels, labels = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02))
    rows = slice(0, 900)
    return labels[rows], cross_val_predict(
        model, pixels[rows, ::4], labels[rows], cv=3, method="predict_proba"
    )


def measure(labels: Any, probabilities: Any, classes: Any = NAMES, **more: Any) -> dict[str, Any]:
    settings = {"groups": {}, "seed": 3, "draws": 200, **more}
    return measure_multiclass(
        labels=np.asarray(labels), probabilities=np.asarray(probabilities), classes=classes, **settings
    )


def test_points_agree_with_scikit_learn() -> None:
    labels, given = digits()
    predicted = given.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro_roc_auc": sk.roc_auc_score(labels, given, multi_class="ovr", average="macro"),
        "top_3_accuracy": sk.top_k_accuracy_score(labels, given, k=3),
        "log_loss": sk.log_loss(labels, given),
        "brier": sk.brier_score_loss(labels, given, scale_by_half=True),
        "cohens_kappa": sk.cohen_kappa_score(labels, predicted),
        "matthews": sk.matthews_corrcoef(labels, predicted),
    }
    for average in ("macro", "weighted"):
        for name, of in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            expected[f"{average}_{name}"] = of(labels, predicted, average=average)
    result = measure(labels, given)
    assert {name: result["metrics"][name]["value"] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert (
        set(result["metrics"])
        == set(expected) | {"calibration_error"}
        == set(of_task(METRICS, Task.MULTICLASS))
    )
    table = sk.confusion_matrix(labels, predicted)
    assert result["confusion"] == {"classes": NAMES, "counts": table.tolist()}
    assert cohens_kappa(table).kappa == pytest.approx(expected["cohens_kappa"], abs=1e-9)


def test_each_class_agrees_with_scikit_learn_and_statsmodels() -> None:
    labels, given = digits()
    predicted = given.argmax(axis=1)
    found = measure(labels, given)["per_class"]
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted)
    for at, entry in enumerate(found):
        assert (entry["class"], entry["support"]) == (NAMES[at], support[at])
        values = [entry[name]["value"] for name in ("precision", "recall", "f1", "roc_auc")]
        area = sk.roc_auc_score(labels == at, given[:, at])
        assert values == pytest.approx([precision[at], recall[at], f1[at], area], abs=1e-9)
        right = int(((labels == at) & (predicted == at)).sum())
        ends = proportion_confint(right, int(support[at]), method="wilson")
        assert (entry["recall"]["ci_low"], entry["recall"]["ci_high"]) == pytest.approx(ends, abs=1e-9)


def test_two_classes_are_measured_as_a_binary_classifier_is() -> None:
    real = breast_cancer()
    both = np.column_stack([1 - real.scores, real.scores])
    several = measure(real.labels, both, ["benign", "malignant"])["metrics"]
    binary = measure_binary(
        labels=real.labels,
        scores=real.scores,
        threshold=0.5,
        favourable_is_positive=True,
        groups={},
        seed=3,
        draws=200,
    )["metrics"]
    for name in ("accuracy", "brier", "log_loss"):
        assert several[name] == pytest.approx(binary[name], abs=1e-9), name
    for name in ("balanced_accuracy", "matthews"):
        assert several[name]["value"] == pytest.approx(binary[name]["value"], abs=1e-9), name
    assert several["macro_roc_auc"]["ci_low"] == pytest.approx(binary["roc_auc"]["ci_low"], abs=1e-9)
    assert several["top_3_accuracy"]["value"] is None


def test_the_interval_of_the_mean_area_agrees_with_the_bootstrap() -> None:
    labels, given = digits()
    found, _ = one_vs_rest(labels, given, NAMES)
    rng = np.random.default_rng(4)
    drawn = []
    for _ in range(200):
        rows = rng.integers(len(labels), size=len(labels))
        drawn.append(sk.roc_auc_score(labels[rows], given[rows], multi_class="ovr"))
    assert found.ci_low is not None
    assert found.ci_high is not None
    error = (found.ci_high - found.ci_low) / 2 / norm.ppf(0.975)
    assert error == pytest.approx(np.std(drawn), rel=0.15)  # 200 draws know it to 5 % (one standard error)


def test_the_order_of_rows_does_not_matter() -> None:
    labels, given = digits()
    given = given.round(2) / given.round(2).sum(axis=1, keepdims=True)
    groups = np.where(np.arange(900) % 3, "a", "b")
    order = np.random.default_rng(1).permutation(900)
    one = measure(labels, given, groups={"g": groups})
    two = measure(labels[order], given[order], groups={"g": groups[order]})
    assert json.dumps(one, allow_nan=False) == json.dumps(two, allow_nan=False)


def test_groups_are_held_against_all_others() -> None:
    labels, given = digits()
    predicted = given.argmax(axis=1)
    groups = np.where(np.arange(900) < 40, "few", np.where(np.arange(900) % 2, "odd", "even"))
    result = measure(labels, given, groups={"g": groups})
    for entry in result["groups"]:
        inside = groups == entry["group"]
        assert entry["metrics"]["accuracy"]["value"] == pytest.approx(
            sk.accuracy_score(labels[inside], predicted[inside]), abs=1e-9
        )
        assert entry["metrics"]["balanced_accuracy"]["value"] == pytest.approx(
            sk.balanced_accuracy_score(labels[inside], predicted[inside]), abs=1e-9
        )
    (found,) = result["fairness"]
    assert [one["status"] for one in found["groups"]].count("insufficient") == 1
    odd, even = (
        sk.accuracy_score(labels[groups == one], predicted[groups == one]) for one in ("odd", "even")
    )
    assert found["accuracy_gap"]["value"] == pytest.approx(abs(odd - even), abs=1e-9)
    assert set(found) - {"attribute", "reference", "groups"} <= set(FAIRNESS)


def test_classes_that_one_side_lacks_are_said_and_never_zero() -> None:
    """The model knows a, b, c; the data holds a, b, d. Class b is never predicted."""
    given = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.1, 0.4, 0.5]] * 20)
    result = measure([0, 1, 3, 0] * 20, given, ["a", "b", "c", "d"])
    assert result["absent"] == {"from_model": ["d"], "from_data": ["c"]}
    assert "No row is predicted “b”, “d”" in result["metrics"]["macro_precision"]["undefined"]
    assert "does not know this class" in result["metrics"]["macro_roc_auc"]["undefined"]
    assert result["metrics"]["accuracy"]["value"] == 0.25
    assert result["metrics"]["macro_recall"]["value"] == pytest.approx((0.5 + 0 + 0) / 3)
    assert result["metrics"]["log_loss"]["value"] > 8  # a quarter of the rows had probability 0
    for _, entry in estimates(result):
        assert (entry["value"] is None) == ("undefined" in entry)
    by_name = {entry["class"]: entry for entry in result["per_class"]}
    assert by_name["c"]["recall"]["undefined"] == "No row of the data is of this class."
    assert by_name["d"]["precision"]["undefined"] == "No row is predicted this class."


def test_perfection_on_few_rows_is_not_certainty() -> None:
    result = measure([0, 1, 2] * 4, np.eye(3)[[0, 1, 2] * 4] * 0.9 + 1 / 30, ["a", "b", "c"])["metrics"]
    for name in ("accuracy", "macro_f1", "balanced_accuracy", "cohens_kappa", "matthews", "macro_roc_auc"):
        assert result[name]["value"] == 1.0, name
        assert result[name]["ci_low"] < 0.95, name


def test_equal_probabilities_flatter_nobody() -> None:
    result = measure([0, 1, 2, 3] * 25, np.full((100, 4), 0.25), ["a", "b", "c", "d"])["metrics"]
    assert result["top_3_accuracy"]["value"] == 0.0
    assert result["macro_roc_auc"]["value"] is None
    assert result["matthews"]["value"] is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": []}, "no rows"),
        ({"labels": [0, 1, 10]}, "must lie from 0 to 9"),
        ({"labels": [0.0, 1.0, 2.0]}, "encode the classes"),
        ({"probabilities": np.eye(10)[:2]}, "a table of 3 rows"),
        ({"probabilities": np.ones((3, 1))}, "1 columns for 10 classes"),
        ({"probabilities": np.full((3, 10), 0.2)}, "add up to 1"),
        ({"probabilities": np.full((3, 10), np.nan)}, "missing or infinite"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change: dict[str, Any], says: str) -> None:
    columns = {"labels": [0, 1, 2], "probabilities": np.eye(10)[:3]} | change
    with pytest.raises(ValueError, match=says):
        measure(columns["labels"], columns["probabilities"])


def test_groups_give_what_a_policy_may_demand_of_them() -> None:
    """Each group measure that belongs to the task, so that no rule on it waits for evidence that never comes."""
    labels, given = digits()
    result = measure(labels, given, groups={"g": np.where(np.arange(900) % 3, "a", "b")})
    for entry in result["groups"]:
        assert set(of_task(GROUP_METRICS, Task.MULTICLASS)) - {"error_rate_difference"} <= set(
            entry["metrics"]
        )
        inside = entry["metrics"]["calibration_error"]
        assert inside["n"] == entry["n"]
        assert inside["ci_low"] <= inside["value"] <= inside["ci_high"]


@pytest.mark.parametrize(
    ("of_each", "says"),
    [([30, 30, 30, 30], False), ([29, 30, 30, 30], True), ([9, 60, 60, 60], True), ([10, 60, 60, 60], False)],
)
def test_averages_of_few_rows_a_class_say_so(of_each: list[int], says: bool) -> None:
    right = np.diag(of_each)
    counts = right - np.diag([3] * 4) + np.roll(np.diag([3] * 4), 1, axis=1)
    found, _ = classes.measures(counts, list("abcd"), np.random.default_rng(1), 50)
    for name in ("macro_precision", "macro_f1", "balanced_accuracy", "cohens_kappa"):
        assert found[name].method.endswith(", few rows") is says, name
