"""What errors cost, what the best-scored rows hold, and that many rows are measured as few are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk

from governance.evaluation.measures import measure_binary, sorted_rows
from governance.evaluation.measures.average_precision import average_precision
from governance.evaluation.measures.costs import costs
from governance.evaluation.measures.curves import curves
from governance.evaluation.measures.lift import lift
from governance.evaluation.measures.separation import kolmogorov_smirnov
from governance.evaluation.measures.sorted_rows import MANY_ROWS
from tests.test_governance.measures.samples import Array, binormal, breast_cancer

PRICES = {"false_positive": 2.0, "false_negative": 7.0}


def measure(labels: Array, scores: Array, **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"threshold": 0.4, "favourable_is_positive": True, "groups": {}, "seed": 3}
    return measure_binary(labels=labels, scores=scores, draws=200, **(settings | more))


def cost_at(labels: Array, scores: Array, threshold: float) -> float:
    chosen = scores >= threshold
    wrongly, missed = (chosen & (labels == 0)).sum(), (~chosen & (labels == 1)).sum()
    return float(1000 * (2 * wrongly + 7 * missed) / len(labels))


@pytest.mark.parametrize("digits", [2, 17], ids=["tied", "smooth"])
def test_costs_are_those_of_every_threshold_tried_in_turn(digits: int) -> None:
    real = breast_cancer()
    labels, scores = real.labels, real.scores.round(digits)
    found = measure(labels, scores, costs=PRICES)["costs"]
    assert found["expected"]["value"] == pytest.approx(cost_at(labels, scores, 0.4), rel=1e-9)
    tried = [cost_at(labels, scores, one) for one in np.unique(scores)]
    assert found["best"]["cost"]["value"] == pytest.approx(min(tried), rel=1e-9)
    assert cost_at(labels, scores, found["best"]["threshold"] - 1e-9) == pytest.approx(min(tried), rel=1e-9)
    assert found["calibrated_threshold"] == pytest.approx(2 / 9)
    for point in found["curve"]:
        assert point["cost"] == pytest.approx(cost_at(labels, scores, point["threshold"]), rel=1e-9)
    assert found["nobody_positive"] == pytest.approx(1000 * 7 * labels.mean())
    assert found["everybody_positive"] == pytest.approx(found["curve"][0]["cost"])


def test_where_nobody_should_be_predicted_positive_that_is_said() -> None:
    labels, scores = np.array([1] + [0] * 99), np.arange(100) / 100
    dear = {"false_positive": 100.0, "false_negative": 1.0}
    found = costs(labels, scores, prices=dear, threshold=0.5, rng=np.random.default_rng(1), draws=200)
    assert found["best"]["threshold"] is None
    assert found["best"]["cost"]["value"] == 10.0


def test_without_costs_the_evidence_says_so() -> None:
    real = breast_cancer()
    result = measure(real.labels, real.scores)
    assert "costs" not in result
    assert "declares no costs" in result["not_measured"][0]["why"]


def test_gain_counts_the_positives_among_the_best_scored() -> None:
    real = breast_cancer()
    labels, scores = real.labels[:560], real.scores[:560]  # deciles of whole rows
    found = measure(labels, scores)["lift"]
    best_first = labels[np.argsort(-scores, kind="stable")]
    for decile, row in enumerate(found["deciles"], start=1):
        positives = best_first[: 56 * decile].sum()
        assert row["positives"] == pytest.approx(positives)
        assert row["gain"]["value"] == pytest.approx(positives / labels.sum())
        assert row["lift"]["value"] == pytest.approx(positives / (56 * decile) / labels.mean())
    assert found["top_decile"] == found["deciles"][0]["lift"]
    assert found["deciles"][-1]["gain"]["method"] == "by definition"


def test_tied_rows_count_in_part() -> None:
    labels = np.array([0, 1] * 50)
    for row in lift(labels, np.full(100, 0.5))["deciles"]:
        assert row["lift"]["value"] == pytest.approx(1.0)


def test_one_class_has_no_lift() -> None:
    found = lift(np.ones(50, dtype=np.int64), np.linspace(0, 1, 50))
    assert found["deciles"] == []
    assert "Only one class" in found["top_decile"]["undefined"]


def test_bins_of_score_give_the_interval_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores = binormal(np.random.default_rng(8), MANY_ROWS, prevalence=0.1, shift=1.0)
    order = np.lexsort((labels, scores))
    labels, scores = labels[order], scores[order]
    of_rows = average_precision(labels, scores), kolmogorov_smirnov(labels, scores, np.random.default_rng(1))
    monkeypatch.setattr(sorted_rows, "MANY_ROWS", MANY_ROWS - 1)
    of_bins = average_precision(labels, scores), kolmogorov_smirnov(labels, scores, np.random.default_rng(1))
    for rows, bins in zip(of_rows, of_bins, strict=True):
        assert bins.value == pytest.approx(rows.value, abs=1e-12)
        assert rows.ci_low is not None
        assert rows.ci_high is not None
        width = rows.ci_high - rows.ci_low
        assert bins.ci_low == pytest.approx(rows.ci_low, abs=0.05 * width)
        assert bins.ci_high == pytest.approx(rows.ci_high, abs=0.05 * width)


def test_many_rows_have_the_values_of_scikit_learn() -> None:
    """Smooth and tied scores, past the boundary."""
    labels, smooth = binormal(np.random.default_rng(9), MANY_ROWS + 1, prevalence=0.2, shift=1.0)
    for scores in (smooth, smooth.round(2)):
        result = measure(labels, scores)
        expected = {
            "roc_auc": sk.roc_auc_score(labels, scores),
            "average_precision": sk.average_precision_score(labels, scores),
            "brier": sk.brier_score_loss(labels, scores),
            "log_loss": sk.log_loss(labels, scores),
            "recall": sk.recall_score(labels, scores >= 0.4),
        }
        assert {name: result["metrics"][name]["value"] for name in expected} == pytest.approx(
            expected, abs=1e-9
        )
        false_rate, true_rate, _ = sk.roc_curve(labels, scores)
        assert result["metrics"]["ks"]["value"] == pytest.approx(np.max(true_rate - false_rate), abs=1e-9)
        drawn = np.array([point[:2] for point in curves(labels, scores, favourable_is_positive=True)["roc"]])
        np.testing.assert_allclose(np.interp(drawn[:, 0], false_rate, true_rate), drawn[:, 1], atol=2e-4)
        assert len(drawn) <= 200
        assert tuple(drawn[-1]) == (1.0, 1.0)
