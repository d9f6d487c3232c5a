"""The demonstration keeps its promises: real data, and models that meet or miss the limits for one reason."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io

from demo.card import BOOSTED_TREES_CARD, RANDOM_FOREST_CARD
from demo.datasets import (
    CREDIT_FEATURES,
    DATA,
    EMPLOYMENT_FEATURES,
    EXTRACT,
    descriptors,
    load_sample,
    sample_path,
)
from demo.training import TrainedModel, boosted_trees, faulty_extract, save, save_extract
from governance.evaluation.measures import compare_paired, measure_binary

COMMITTED = [name for name in descriptors() if name != EXTRACT]
HOLDOUT = {"credit-default": "credit_default_holdout", "employment-status": "employment_holdout"}
WRITTEN_AT_HIGH_TIER = {
    "purpose", "out_of_scope", "affected", "design", "training_data", "performance", "fairness", "robustness",
    "limitations", "risks", "oversight", "operation", "monitoring", "changes",
}  # fmt: skip

# The high-tier limits that the shipped policy sets on measures of one version.
LIMITS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "ROC AUC": lambda evidence: evidence["metrics"]["roc_auc"]["ci_low"] >= 0.70,
    "calibration error": lambda evidence: evidence["metrics"]["calibration_error"]["ci_high"] <= 0.05,
    "true-positive-rate gap by sex": lambda evidence: (
        fairness_of(evidence, "sex")["true_positive_rate_gap"]["ci_high"] <= 0.10
    ),
    "approval ratio by sex": lambda evidence: (
        fairness_of(evidence, "sex")["selection_rate_ratio"]["ci_low"] >= 0.80
    ),
    "approval ratio by age band": lambda evidence: (
        fairness_of(evidence, "age_band")["selection_rate_ratio"]["ci_low"] >= 0.80
    ),
}


def fairness_of(evidence: dict[str, Any], attribute: str) -> dict[str, Any]:
    return next(entry for entry in evidence["fairness"] if entry["attribute"] == attribute)


def missed(evidence: dict[str, Any]) -> list[str]:
    return [name for name, met in LIMITS.items() if not met(evidence)]


def scores_of(trained: TrainedModel, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    inputs = frame[[column["name"] for column in trained.features]]
    return np.asarray(trained.pipeline.predict_proba(inputs))[:, 1]


@pytest.fixture(scope="module")
def evidence(trained: dict[str, TrainedModel]) -> dict[str, dict[str, Any]]:
    """Each model measured on its holdout as an evaluation would."""
    measured = {}
    for name, model in trained.items():
        sample = HOLDOUT[model.model]
        descriptor, frame = descriptors()[sample], load_sample(sample)
        measured[name] = measure_binary(
            labels=frame[descriptor["target"]].to_numpy(),
            scores=scores_of(model, frame),
            threshold=model.threshold,
            favourable_is_positive=descriptor["favourable_label"] == descriptor["positive_label"],
            groups={name: frame[name].to_numpy(str) for name in descriptor["sensitive_attributes"]},
            seed=7,
        )
    return measured


def test_every_file_has_the_checksum_that_the_documentation_gives() -> None:
    documented = dict(
        re.findall(
            r"\| `(\w+)\.parquet` \| [\d,]+ \| `([0-9a-f]{64})` \|", (DATA.parent / "DATASETS.md").read_text()
        )
    )
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.iterdir()}
    assert documented == found
    assert set(found) == set(COMMITTED)
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 3_000_000


@pytest.mark.parametrize("sample", COMMITTED)
def test_a_descriptor_tells_the_truth_about_its_file(sample: str) -> None:
    descriptor, frame = descriptors()[sample], load_sample(sample)
    assert [column["name"] for column in descriptor["columns"]] == list(frame.columns)
    assert {column["type"] for column in descriptor["columns"]} == {"int64", "string"}
    assert not frame.isna().to_numpy().any()
    assert frame[descriptor["row_key"]].is_unique
    assert set(frame[descriptor["target"]].astype(str)) == {"0", "1"}
    assert {descriptor["positive_label"], descriptor["favourable_label"]} <= {"0", "1"}
    assert descriptor["time_column"] in {"", *frame.columns}
    for attribute in descriptor["sensitive_attributes"]:
        assert all(value == value.lower() and not value.isdigit() for value in frame[attribute].unique())


def test_training_and_evaluation_share_no_row() -> None:
    for line in ("credit_default", "employment"):
        training, holdout = load_sample(f"{line}_train"), load_sample(f"{line}_holdout")
        assert not set(training["row_key"]) & set(holdout["row_key"])
    credit = [load_sample(f"credit_default_{side}")[list(CREDIT_FEATURES)] for side in ("train", "holdout")]
    seen, unseen = ({tuple(row) for row in frame.itertuples(index=False)} for frame in credit)
    assert not seen & unseen


def test_no_model_but_the_faulty_one_reads_more_than_the_declared_inputs(
    trained: dict[str, TrainedModel],
) -> None:
    for name, model in trained.items():
        inputs = {column["name"] for column in model.features}
        allowed = set(EMPLOYMENT_FEATURES if model.model == "employment-status" else CREDIT_FEATURES)
        assert inputs - allowed == ({"age"} if name == "boosted_trees_refresh" else set())
        assert not inputs & set(descriptors()[model.dataset]["sensitive_attributes"])


@pytest.mark.parametrize("name", ["boosted_trees", "random_forest"])
def test_the_good_model_and_the_candidate_meet_every_limit(
    name: str, evidence: dict[str, dict[str, Any]]
) -> None:
    assert missed(evidence[name]) == []


def test_the_baseline_misses_the_ranking_floor_and_nothing_else(evidence: dict[str, dict[str, Any]]) -> None:
    assert missed(evidence["single_statement_tree"]) == ["ROC AUC"]
    assert evidence["single_statement_tree"]["metrics"]["roc_auc"]["ci_high"] < 0.70


def test_the_refresh_misses_the_approval_ratio_of_the_youngest_and_nothing_else(
    evidence: dict[str, dict[str, Any]],
) -> None:
    assert missed(evidence["boosted_trees_refresh"]) == ["approval ratio by age band"]
    by_age = fairness_of(evidence["boosted_trees_refresh"], "age_band")
    assert by_age["groups"][0]["group"] == "21 to 25"
    assert by_age["selection_rate_ratio"]["ci_high"] < 0.60


def test_the_refresh_looks_better_to_the_training_job_itself(trained: dict[str, TrainedModel]) -> None:
    assert (
        trained["boosted_trees_refresh"].metrics["validation_roc_auc"]
        > trained["boosted_trees"].metrics["validation_roc_auc"]
    )


def test_every_group_of_the_credit_holdout_is_large_enough_to_judge(
    evidence: dict[str, dict[str, Any]],
) -> None:
    assert all(entry["sufficient"] for entry in evidence["boosted_trees"]["groups"])


def test_the_candidate_is_not_worse_than_the_champion(trained: dict[str, TrainedModel]) -> None:
    frame = load_sample("credit_default_holdout")
    compared = compare_paired(
        labels=frame["default"].to_numpy(),
        scores=scores_of(trained["random_forest"], frame),
        champion_scores=scores_of(trained["boosted_trees"], frame),
        threshold=trained["random_forest"].threshold,
        seed=7,
    )
    assert compared["diffs"]["roc_auc"]["diff_ci_low"] >= -0.01


def test_the_employment_model_ranks_and_is_calibrated(evidence: dict[str, dict[str, Any]]) -> None:
    assert not {"ROC AUC", "calibration error"} & set(missed(evidence["employment_status"]))


def test_no_model_learnt_its_training_rows_by_heart(
    trained: dict[str, TrainedModel], evidence: dict[str, dict[str, Any]]
) -> None:
    for name, model in trained.items():
        holdout = evidence[name]["metrics"]["roc_auc"]["value"]
        assert model.metrics["training_roc_auc"] - holdout <= 0.05


def test_missing_inputs_cost_little(
    trained: dict[str, TrainedModel], evidence: dict[str, dict[str, Any]]
) -> None:
    """A tenth of the inputs missing, as the robustness suite makes them."""
    for name, model in trained.items():
        sample = HOLDOUT[model.model]
        descriptor, frame = descriptors()[sample], load_sample(sample)
        inputs = frame[[column["name"] for column in model.features]]
        lost = np.random.default_rng(7).random(inputs.shape) < 0.10
        numbers = {column["name"]: "float64" for column in model.features if column["type"] == "int64"}
        frame[inputs.columns] = inputs.astype(numbers).mask(lost)
        measured = measure_binary(
            labels=frame[descriptor["target"]].to_numpy(),
            scores=scores_of(model, frame),
            threshold=model.threshold,
            favourable_is_positive=False,
            groups={},
            seed=7,
            draws=100,
        )
        whole = evidence[name]["metrics"]["roc_auc"]["value"]
        assert whole - measured["metrics"]["roc_auc"]["value"] <= 0.04, name


def test_training_again_gives_the_same_bytes(trained: dict[str, TrainedModel], tmp_path: Path) -> None:
    first = save(trained["boosted_trees"], tmp_path / "first")
    second = save(boosted_trees(), tmp_path / "second")
    assert first.name == "model.skops"
    assert first.read_bytes() == second.read_bytes()


def test_a_saved_model_scores_as_the_trained_one_did(
    trained: dict[str, TrainedModel], tmp_path: Path
) -> None:
    reviewed = {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
    for name, model in trained.items():
        path = save(model, tmp_path / name)
        if model.flavour == "skops":
            needed = skops.io.get_untrusted_types(file=path)
            assert set(needed) <= reviewed
            loaded = skops.io.load(path, trusted=needed)
        else:
            loaded = joblib.load(path)
        rows = load_sample(HOLDOUT[model.model])[[column["name"] for column in model.features]].head(500)
        assert np.array_equal(loaded.predict_proba(rows), model.pipeline.predict_proba(rows))


def test_the_extract_lost_young_customers_who_paid_and_nobody_else(tmp_path: Path) -> None:
    whole, left = load_sample("credit_default_train"), faulty_extract()
    lost = whole[~whole["row_key"].isin(left["row_key"])]
    assert set(lost["age_band"]) == {"21 to 25"}
    assert set(lost["default"]) == {0}
    saved = pd.read_parquet(save_extract(tmp_path))
    pd.testing.assert_frame_equal(saved, left.reset_index(drop=True))
    assert list(saved.columns) == list(pd.read_parquet(sample_path("credit_default_train")).columns)


@pytest.mark.parametrize("card", [BOOSTED_TREES_CARD, RANDOM_FOREST_CARD])
def test_a_card_is_complete_and_types_no_measured_number(card: dict[str, str]) -> None:
    assert set(card) == WRITTEN_AT_HIGH_TIER
    for text in card.values():
        assert not re.search(r"\d\.\d|\d ?%", text)
