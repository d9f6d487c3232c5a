"""Comparing with the champion on the same rows."""

from typing import Any

import numpy as np

from governance.evaluation.measures import compare_paired
from governance.evaluation.measures.catalogue import METRICS
from governance.evaluation.measures.comparison import mcnemar
from tests.test_governance.measures.samples import Array, binormal, breast_cancer


def compare(labels: Array, scores: Array, champion: Array, **rest: Any) -> dict[str, Any]:
    return compare_paired(
        labels=labels, scores=scores, champion_scores=champion, threshold=0.5, seed=1, draws=500, **rest
    )


def test_every_difference_is_of_a_measure_in_the_catalogue() -> None:
    real = breast_cancer()
    result = compare(real.labels, real.scores, real.champion)
    assert set(result["diffs"]) < set(METRICS)
    assert {"roc_auc", "accuracy", "brier", "average_precision", "f1"} < set(result["diffs"])
    assert all(entry["n"] == 569 for entry in result["diffs"].values())


def test_a_model_equals_itself() -> None:
    real = breast_cancer()
    result = compare(real.labels, real.scores, real.scores)
    assert result["discordant"] == {"only_this_right": 0, "only_champion_right": 0}
    for name, entry in result["diffs"].items():
        assert entry["value"] == 0.0
        assert entry["diff_ci_low"] <= 0.0 <= entry["diff_ci_high"]
        assert entry["p"] == 1.0 or entry["method"] == "multinomial draws", name
    assert result["diffs"]["roc_auc"]["diff_ci_low"] == 0.0


def test_swapping_the_models_turns_every_difference_round() -> None:
    real = breast_cancer()
    there = compare(real.labels, real.scores, real.champion)["diffs"]
    back = compare(real.labels, real.champion, real.scores)["diffs"]
    for name in there:
        assert there[name]["value"] == -back[name]["value"]
    for name in ("roc_auc", "gini", "brier", "log_loss"):  # closed forms; the others are drawn anew
        assert there[name]["diff_ci_low"] == -back[name]["diff_ci_high"]
        assert there[name]["p"] == back[name]["p"]


def test_a_clearly_better_model_is_found_better_in_everything() -> None:
    labels, scores = binormal(np.random.default_rng(2), 4000, prevalence=0.4, shift=2.5)
    _, luck = binormal(np.random.default_rng(3), 4000, prevalence=0.4, shift=0.0)
    for name, entry in compare(labels, scores, luck)["diffs"].items():
        worse_end = "diff_ci_low" if METRICS[name].better.name == "HIGHER" else "diff_ci_high"
        sign = 1 if worse_end == "diff_ci_low" else -1
        assert sign * entry[worse_end] > 0, name
        assert entry["p"] < 0.01, name


def test_what_one_side_lacks_has_no_difference() -> None:
    labels, scores = binormal(np.random.default_rng(2), 200, prevalence=0.4, shift=2.5)
    diffs = compare(labels, scores, np.full(200, 0.25))["diffs"]
    assert diffs["roc_auc"]["value"] is None
    assert diffs["roc_auc"]["undefined"] == "The champion gives every row the same score."
    assert diffs["gini"]["value"] is diffs["average_precision"]["value"] is None
    assert diffs["precision"]["undefined"].startswith("The champion: No row is predicted positive")
    assert diffs["accuracy"]["value"] is not None
    assert diffs["brier"]["value"] is not None


def test_a_perfect_model_against_its_opposite_has_no_interval() -> None:
    labels = np.array([0, 0, 1, 1])
    area = compare(labels, labels * 0.8 + 0.1, 0.9 - labels * 0.8)["diffs"]["roc_auc"]
    assert (area["value"], area["diff_ci_low"], area["p"]) == (1.0, None, None)


def test_mcnemar_without_disagreement_is_no_evidence() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
