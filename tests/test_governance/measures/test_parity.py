"""Groups by order and calibration, their crossings, and p-values: against fairlearn, statsmodels and scikit-learn on
the demonstration's credit data."""

from typing import Any

import fairlearn.metrics as fairlearn
import numpy as np
import pyarrow.parquet as pq
import pytest
import sklearn.metrics as sk
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from demo.datasets import DATA
from governance.evaluation.measures import measure_binary, measure_regression
from governance.evaluation.measures.crossings import SMALL, crossed
from governance.evaluation.measures.holm import holm, two_shares
from governance.evaluation.measures.ranking import placements, roc_auc, variance
from governance.evaluation.measures.shortfall import Whole, influence
from tests.test_governance.measures.samples import Array, binormal

THRESHOLD = 0.35


@pytest.fixture(scope="module")
def credit() -> dict[str, Array]:
    """Real labels and attributes, and scores drawn from the months of delay in September."""
    table = pq.read_table(DATA / "credit_default_holdout.parquet")
    columns = {name: np.array(table[name].to_pylist()) for name in ("sex", "age_band", "default")}
    delay = table["repayment_status_september"].to_numpy()
    rng = np.random.default_rng(1)
    columns["scores"] = 1 / (1 + np.exp(1.5 - 0.8 * delay - rng.normal(0, 0.3, size=len(delay))))
    return columns


@pytest.fixture(scope="module")
def result(credit: dict[str, Array]) -> dict[str, Any]:
    return measure_binary(
        labels=credit["default"],
        scores=credit["scores"],
        threshold=THRESHOLD,
        favourable_is_positive=False,
        groups={name: credit[name] for name in ("sex", "age_band")},
        seed=7,
    )


def of(result: dict[str, Any], attribute: str) -> dict[str, Any]:
    return next(entry for entry in result["fairness"] if entry["attribute"] == attribute)


@pytest.mark.parametrize("attribute", ["sex", "age_band"])
def test_every_distance_agrees_with_fairlearn(
    credit: dict[str, Array], result: dict[str, Any], attribute: str
) -> None:
    labels, scores, groups = credit["default"], credit["scores"], credit[attribute]
    predicted = (scores >= THRESHOLD).astype(int)

    def frame(metric: Any, given: Array) -> Any:
        return fairlearn.MetricFrame(metrics=metric, y_true=labels, y_pred=given, sensitive_features=groups)

    approve = fairlearn.MetricFrame(
        metrics=fairlearn.selection_rate, y_true=1 - labels, y_pred=1 - predicted, sensitive_features=groups
    )
    expected = {
        "selection_rate_ratio": approve.ratio(),
        "true_positive_rate_gap": fairlearn.equal_opportunity_difference(
            labels, predicted, sensitive_features=groups
        ),
        "equalised_odds_difference": fairlearn.equalized_odds_difference(
            labels, predicted, sensitive_features=groups
        ),
        "predictive_parity_gap": frame(sk.precision_score, predicted).difference(),
        "roc_auc_gap": frame(sk.roc_auc_score, scores).difference(),
        "calibration_gap": frame(lambda truth, given: given.mean() - truth.mean(), scores).difference(),
    }
    found = of(result, attribute)
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
        assert found[name]["ci_low"] <= value <= found[name]["ci_high"]


def test_each_group_is_held_against_all_rows(credit: dict[str, Array], result: dict[str, Any]) -> None:
    labels, scores = credit["default"], credit["scores"]
    for entry in result["groups"]:
        inside = credit[entry["attribute"]] == entry["group"]
        metrics = entry["metrics"]
        shortfall = sk.roc_auc_score(labels, scores) - sk.roc_auc_score(labels[inside], scores[inside])
        assert metrics["roc_auc_shortfall"]["value"] == pytest.approx(shortfall, abs=1e-9)
        assert metrics["mean_calibration"]["value"] == pytest.approx(
            scores[inside].mean() - labels[inside].mean()
        )
        assert 0 <= metrics["calibration_error"]["ci_low"] <= metrics["calibration_error"]["value"] < 0.3


def test_p_values_are_held_for_the_number_of_groups(credit: dict[str, Array], result: dict[str, Any]) -> None:
    found = of(result, "age_band")
    labels, predicted = credit["default"], credit["scores"] >= THRESHOLD
    reference = credit["age_band"] == found["reference"]
    compared = [group for group in found["groups"] if group["status"] == "measured"]
    assert len(compared) == 4
    assert "p_values" not in found["groups"][-1]

    def tested(inside: Array, among: Array, hits: Array) -> float:
        counts = [(hits & among & rows).sum() for rows in (inside, reference)]
        sizes = [(among & rows).sum() for rows in (inside, reference)]
        return float(proportions_ztest(counts, sizes)[1])

    everybody = np.ones(len(labels), dtype=bool)
    for name, among, hits in (
        ("selection_rate_ratio", everybody, ~predicted),
        ("true_positive_rate_difference", labels == 1, predicted),
        ("false_positive_rate_difference", labels == 0, predicted),
        ("predictive_parity_difference", predicted, labels == 1),
    ):
        expected = [tested(credit["age_band"] == group["group"], among, hits) for group in compared]
        assert [group["p_values"][name]["p_value"] for group in compared] == pytest.approx(expected, rel=1e-9)
        held = multipletests(expected, method="holm")[1]
        assert [group["p_values"][name]["p_holm"] for group in compared] == pytest.approx(held, rel=1e-9)


def test_crossings_hold_the_rows_of_both_attributes(credit: dict[str, Array], result: dict[str, Any]) -> None:
    predicted = (credit["scores"] < THRESHOLD).astype(int)
    frame = fairlearn.MetricFrame(
        metrics=fairlearn.selection_rate,
        y_true=1 - credit["default"],
        y_pred=predicted,
        sensitive_features={"age_band": credit["age_band"], "sex": credit["sex"]},
    )
    crossings = {entry["group"]: entry for entry in result["crossings"]}
    assert {entry["attribute"] for entry in crossings.values()} == {"age_band × sex"}
    assert all(entry["sufficient"] for entry in crossings.values())
    rates = {f"{age} × {sex}": rate for (age, sex), rate in frame.by_group.items()}
    assert set(crossings) == set(rates)
    for name, entry in crossings.items():
        assert entry["metrics"]["selection_rate"]["value"] == pytest.approx(rates[name], abs=1e-9)
        ratio = entry["metrics"]["selection_rate_ratio"]["value"]
        assert ratio == pytest.approx(rates[name] / max(rates.values()), abs=1e-9)


def test_small_crossings_are_left_out_and_there_are_at_most_so_many() -> None:
    first = np.repeat(["a", "b"], [250, 150])
    second = np.tile(["x", "y"], 200)
    second[250:] = "x"
    second[250] = "y"
    [(name, cells)] = crossed({"two": second, "one": first})
    assert name == "one × two"
    assert cells.names == (SMALL, "a × x", "a × y", "b × x")
    assert np.bincount(cells.codes).tolist() == [1, 125, 125, 149]
    [(_, largest)] = crossed({"two": second, "one": first}, most=1)
    assert largest.names == (SMALL, "b × x")


def test_a_regression_has_crossings_and_p_values_too() -> None:
    rng = np.random.default_rng(3)
    actual = rng.normal(size=1200)
    groups = {"sex": np.tile(["f", "m"], 600), "age": np.repeat(["old", "young", "child"], 400)}
    predicted = actual + rng.normal(np.where(groups["sex"] == "f", 0.3, 0.0), 1.0)
    result = measure_regression(
        actual=actual, predicted=predicted, tolerance=None, groups=groups, seed=1, draws=200
    )
    assert len(result["crossings"]) == 6
    [age, sex] = result["fairness"]
    assert all(group["p_values"]["mean_error_difference"]["p_holm"] < 0.05 for group in sex["groups"])
    assert all(group["p_values"]["mean_error_difference"]["p_holm"] > 0.05 for group in age["groups"])


def test_holm_and_the_test_of_two_shares_agree_with_statsmodels() -> None:
    given = [0.04, 0.001, 0.03, 0.001, 0.8]
    assert holm(given) == pytest.approx(multipletests(given, method="holm")[1])
    assert holm([]).tolist() == []
    assert two_shares(30, 100, 55, 120) == pytest.approx(proportions_ztest([30, 55], [100, 120])[1])
    assert two_shares(0, 100, 0, 120) == 1.0
    assert two_shares(0, 0, 10, 120) is None


def test_the_influence_of_rows_adds_up_to_delongs_variance() -> None:
    labels, scores = binormal(np.random.default_rng(1), 400, prevalence=0.3, shift=1.0)
    assert np.sum(influence(labels, scores) ** 2) == pytest.approx(
        variance(*placements(labels, scores)), rel=1e-12
    )
    whole = Whole(labels, scores)
    everybody = whole.shortfall(np.ones(400, dtype=bool), whole.area)
    assert (everybody.value, everybody.ci_low, everybody.ci_high) == (0.0, 0.0, 0.0)
    positive = labels == 1
    one_class = whole.shortfall(positive, roc_auc(labels[positive], scores[positive]))
    assert one_class.value is None
    assert one_class.undefined == "Only one class is present, so there is no order to measure."


def test_the_interval_of_the_shortfall_holds_the_truth() -> None:
    """A group of three rows in ten with a weaker order; the truth from a million rows."""

    def drawn(rng: np.random.Generator, n: int) -> tuple[Array, Array, Array]:
        inside = rng.random(n) < 0.3
        labels, strong = binormal(rng, n, prevalence=0.3, shift=1.5)
        weak = 1 / (1 + np.exp(-rng.normal(size=n) - 0.7 * (labels - 0.5)))
        return inside, labels, np.where(inside, weak, strong)

    inside, labels, scores = drawn(np.random.default_rng(0), 1_000_000)
    truth = sk.roc_auc_score(labels, scores) - sk.roc_auc_score(labels[inside], scores[inside])
    held = 0
    for seed in range(200):
        inside, labels, scores = drawn(np.random.default_rng(seed), 700)
        found = Whole(labels, scores).shortfall(inside, roc_auc(labels[inside], scores[inside]))
        held += found.ci_low <= truth <= found.ci_high  # type: ignore[operator]
    assert 181 <= held <= 199  # 190 are expected, plus or minus three standard errors
