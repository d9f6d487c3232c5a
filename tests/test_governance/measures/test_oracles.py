"""The engine's numbers against those of scikit-learn, statsmodels and fairlearn, on real data."""

from typing import Any

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
import sklearn.metrics as sk
import statsmodels.api as sm
from scipy.special import logit
from scipy.stats import ks_2samp
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from governance.evaluation.measures import compare_paired, measure_binary
from tests.test_governance.measures.samples import breast_cancer

THRESHOLD = 0.4


@pytest.fixture(scope="module", params=["smooth scores", "tied scores"])
def data(request: pytest.FixtureRequest) -> Any:
    real = breast_cancer()
    return real if request.param == "smooth scores" else real._replace(scores=real.champion)


@pytest.fixture(scope="module")
def result(data: Any) -> dict[str, Any]:
    return measure_binary(
        labels=data.labels,
        scores=data.scores,
        threshold=THRESHOLD,
        favourable_is_positive=False,
        groups={"symmetry": data.groups},
        seed=7,
    )


def test_points_agree_with_scikit_learn(data: Any, result: dict[str, Any]) -> None:
    labels, scores = data.labels, data.scores
    predicted = scores >= THRESHOLD
    expected = {
        "roc_auc": sk.roc_auc_score(labels, scores),
        "gini": 2 * sk.roc_auc_score(labels, scores) - 1,
        "average_precision": sk.average_precision_score(labels, scores),
        "brier": sk.brier_score_loss(labels, scores),
        "log_loss": sk.log_loss(labels, scores),
        "accuracy": sk.accuracy_score(labels, predicted),
        "precision": sk.precision_score(labels, predicted),
        "recall": sk.recall_score(labels, predicted),
        "specificity": sk.recall_score(labels, predicted, pos_label=0),
        "false_positive_rate": 1 - sk.recall_score(labels, predicted, pos_label=0),
        "f1": sk.f1_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "matthews": sk.matthews_corrcoef(labels, predicted),
        "ks": ks_2samp(scores[labels == 1], scores[labels == 0]).statistic,
        "selection_rate": 1 - predicted.mean(),
        "base_rate": 1 - labels.mean(),
    }
    measured = {name: result["metrics"][name]["value"] for name in expected}
    assert measured == pytest.approx(expected, rel=1e-9)
    tn, fp, fn, tp = sk.confusion_matrix(labels, predicted).ravel()
    assert result["confusion"] == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    assert (result["n"], result["positives"]) == (569, 212)


def test_shares_of_rows_have_the_wilson_interval_of_statsmodels(result: dict[str, Any]) -> None:
    cells = result["confusion"]
    positives, negatives = cells["tp"] + cells["fn"], cells["tn"] + cells["fp"]
    shares = {
        "accuracy": (cells["tp"] + cells["tn"], 569),
        "precision": (cells["tp"], cells["tp"] + cells["fp"]),
        "recall": (cells["tp"], positives),
        "specificity": (cells["tn"], negatives),
        "false_positive_rate": (cells["fp"], negatives),
        "selection_rate": (cells["tn"] + cells["fn"], 569),
        "base_rate": (negatives, 569),
    }
    for name, (count, n) in shares.items():
        entry = result["metrics"][name]
        assert (entry["ci_low"], entry["ci_high"]) == pytest.approx(
            proportion_confint(count, n, method="wilson")
        )
        assert (entry["n"], entry["method"]) == (n, "Wilson")


def test_the_kolmogorov_smirnov_interval_is_newcombes_with_luck_taken_off(
    data: Any, result: dict[str, Any]
) -> None:
    labels, scores = data.labels, data.scores
    false_rate, true_rate, thresholds = sk.roc_curve(labels, scores)
    chosen = scores >= thresholds[np.argmax(true_rate - false_rate)]
    counts = (int(chosen[labels == side].sum()) for side in (1, 0))
    found, raised = counts
    low, high = confint_proportions_2indep(found, 212, raised, 357, compare="diff", method="newcomb")
    entry = result["metrics"]["ks"]
    luck = low - entry["ci_low"]
    assert 0 < luck < (high - low) / 2
    assert high - entry["ci_high"] == pytest.approx(luck / 2)


def test_recalibration_agrees_with_the_regressions_of_statsmodels(data: Any, result: dict[str, Any]) -> None:
    odds = logit(np.clip(data.scores, 1e-6, 1 - 1e-6))
    slope = sm.Logit(data.labels, sm.add_constant(odds)).fit(disp=0, tol=1e-12)
    shift = sm.GLM(data.labels, np.ones(569), family=sm.families.Binomial(), offset=odds).fit(tol=1e-12)
    for name, fit in (("calibration_slope", slope), ("calibration_intercept", shift)):
        entry = result["metrics"][name]
        assert entry["value"] == pytest.approx(fit.params[-1], rel=1e-6)
        assert (entry["ci_low"], entry["ci_high"]) == pytest.approx(tuple(fit.conf_int()[-1]), rel=1e-5)


def test_calibration_error_is_the_mean_distance_over_equal_bins() -> None:
    real = breast_cancer()
    order = np.argsort(real.scores)
    bins = np.array_split(order[:555], 15)  # 555 = 15 × 37, so all bins are exactly equal
    expected = np.mean([abs(real.labels[rows].mean() - real.scores[rows].mean()) for rows in bins])
    rows = order[:555]
    result = measure_binary(
        labels=real.labels[rows],
        scores=real.scores[rows],
        threshold=0.5,
        favourable_is_positive=True,
        groups={},
        seed=1,
    )
    assert result["metrics"]["calibration_error"]["value"] == pytest.approx(expected)


def test_group_measures_agree_with_fairlearn(data: Any, result: dict[str, Any]) -> None:
    predicted = (data.scores >= THRESHOLD).astype(int)
    frame = fairlearn.MetricFrame(
        metrics={
            "recall": fairlearn.true_positive_rate,
            "false_positive_rate": fairlearn.false_positive_rate,
            "precision": sk.precision_score,
            "accuracy": sk.accuracy_score,
        },
        y_true=data.labels,
        y_pred=predicted,
        sensitive_features=data.groups,
    )
    for entry in result["groups"]:
        inside = data.groups == entry["group"]
        assert entry["n"] == inside.sum()
        assert entry["positives"] == data.labels[inside].sum()
        assert entry["metrics"]["roc_auc"]["value"] == pytest.approx(
            sk.roc_auc_score(data.labels[inside], data.scores[inside])
        )
        for name, expected in frame.by_group.loc[entry["group"]].items():
            assert entry["metrics"][name]["value"] == pytest.approx(expected), name

    (symmetry,) = result["fairness"]
    sides = {"sensitive_features": data.groups}
    favoured = fairlearn.demographic_parity_ratio(data.labels, 1 - predicted, **sides)
    odds = fairlearn.equalized_odds_difference(data.labels, predicted, **sides)
    assert symmetry["selection_rate_ratio"]["value"] == pytest.approx(favoured)
    assert symmetry["equalised_odds_difference"]["value"] == pytest.approx(odds)
    assert symmetry["true_positive_rate_gap"]["value"] == pytest.approx(frame.difference()["recall"])
    measured, reference = symmetry["groups"]
    assert (measured["status"], reference["status"]) == ("measured", "reference")
    signed = frame.by_group.loc[measured["group"]] - frame.by_group.loc[reference["group"]]
    assert measured["true_positive_rate_difference"]["value"] == pytest.approx(signed["recall"])
    assert measured["false_positive_rate_difference"]["value"] == pytest.approx(signed["false_positive_rate"])
    assert measured["predictive_parity_difference"]["value"] == pytest.approx(signed["precision"])
    assert measured["equalised_odds_difference"]["value"] == pytest.approx(odds)


def test_differences_agree_with_scikit_learn_and_mcnemar() -> None:
    real = breast_cancer()
    result = compare_paired(
        labels=real.labels,
        scores=real.scores,
        champion_scores=real.champion,
        threshold=THRESHOLD,
        seed=7,
    )
    ours, theirs = real.scores >= THRESHOLD, real.champion >= THRESHOLD
    by_score = {
        "roc_auc": sk.roc_auc_score,
        "average_precision": sk.average_precision_score,
        "brier": sk.brier_score_loss,
        "log_loss": sk.log_loss,
    }
    by_decision = {
        "accuracy": sk.accuracy_score,
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "matthews": sk.matthews_corrcoef,
    }
    for measures, this, champion in ((by_score, real.scores, real.champion), (by_decision, ours, theirs)):
        for name, measure in measures.items():
            expected = measure(real.labels, this) - measure(real.labels, champion)
            assert result["diffs"][name]["value"] == pytest.approx(expected), name
    assert result["diffs"]["gini"]["value"] == pytest.approx(2 * result["diffs"]["roc_auc"]["value"])

    right = (ours == real.labels, theirs == real.labels)
    cells = [[np.sum((right[0] == a) & (right[1] == b)) for b in (True, False)] for a in (True, False)]
    assert result["discordant"] == {"only_this_right": cells[0][1], "only_champion_right": cells[1][0]}
    assert result["diffs"]["accuracy"]["p"] == pytest.approx(mcnemar(cells, exact=True).pvalue)


def test_curves_lie_on_those_of_scikit_learn(data: Any, result: dict[str, Any]) -> None:
    labels, scores, curves = data.labels, data.scores, result["curves"]
    roc = np.array([point[:2] for point in curves["roc"]])
    assert curves["roc"][0] == [0.0, 0.0, None]
    assert tuple(roc[-1]) == (1.0, 1.0)
    assert sk.auc(roc[:, 0], roc[:, 1]) == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-3)
    for false_rate, true_rate, threshold in curves["roc"][1:]:
        chosen = scores >= threshold - 1e-12  # thresholds are printed with 12 digits
        assert true_rate == pytest.approx(chosen[labels == 1].mean())
        assert false_rate == pytest.approx(chosen[labels == 0].mean())
    for recall, precision, threshold in curves["precision_recall"]:
        chosen = scores >= threshold - 1e-12
        assert recall == pytest.approx(sk.recall_score(labels, chosen))
        assert precision == pytest.approx(sk.precision_score(labels, chosen))
    assert max(len(curves["roc"]), len(curves["precision_recall"])) <= 200
    assert len(curves["threshold"]) == 50
    for point in curves["threshold"]:
        chosen = scores >= point["threshold"]
        assert point["recall"] == pytest.approx(sk.recall_score(labels, chosen))
        assert point["selection_rate"] == pytest.approx(1 - chosen.mean())
        if chosen.any():
            assert point["precision"] == pytest.approx(sk.precision_score(labels, chosen))
        else:
            assert point["precision"] is None
    histogram = curves["score_histogram"]
    assert (sum(histogram["positive"]), sum(histogram["negative"])) == (212, 357)
    assert len(histogram["positive"]) == len(histogram["edges"]) - 1 == 20
    assert sum(point["n"] for point in curves["calibration"]) == 569
    assert len(curves["calibration"]) <= 10
