"""A second process of a real model in the sandbox, and whole evaluations that ask it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from countersign.jobs import runner
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from governance.evaluation.probes.latency import Latency
from governance.evaluation.probes.passes import Chain, Found, Pass
from governance.evaluation.probes.reproduction import Reproduction
from governance.evaluation.probes.robustness import Robustness
from governance.evaluation.sandbox import Flavour, Limits, Outcome, detect_isolation, predict
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.test_governance import evidence_kit as kit
from tests.test_governance.sandbox import models

from . import asking

LIMITS = Limits(memory_bytes=2 << 30, cpu_seconds=30, wall_seconds=60)
PROBES_STEP = "Asking another process of the model"


def scored(artifact: Path, batches: Any, rows: int, **more: Any) -> Outcome:
    return predict(
        artifact=artifact,
        flavour=Flavour.PICKLE,
        batches=batches,
        rows=rows,
        limits=LIMITS,
        isolation=detect_isolation(),
        trusted_types=(),
        keep="1",
        **more,
    )


def asked_again(artifact: Path, rows: pa.Table, *, disturbing: bool) -> Found:
    """Both processes, and what the second is asked: the rows again, and disturbed where wanted."""
    [features] = rows.combine_chunks().to_batches()
    first = scored(artifact, [features], rows.num_rows)
    asked: list[Any] = [Reproduction(features, first.scores, single_precision=False)]
    if disturbing:
        subject = asking.subject(lambda frame: first.scores, rows=rows)
        asked += [Latency(subject, 30), Robustness(subject)]
    heard: list[Pass] = []
    chain = Chain([one for probe in asked for one in probe.passes()], heard.append)
    second = scored(artifact, chain, chain.rows, tolerated_from=0)
    assert [one.name for one in heard][:2] == ["reproduction.ahead", "reproduction"]
    answers = chain.answers(second.scores, second.latencies, second.refusals)
    found = Found()
    for probe in asked:
        found.add(probe.found(answers))
    return found


def test_a_model_gives_the_same_bytes_again_and_may_refuse_what_is_missing(tmp_path: Path) -> None:
    rows = asking.table().select(list(asking.FEATURES))
    found = asked_again(models.save(asking.linear(), Flavour.PICKLE, tmp_path), rows, disturbing=True)
    assert found.results["reproduction"] == {
        "verdict": "identical",
        "rows": asking.ROWS,
        "largest_difference": 0,
        "tolerance": 1e-9,
    }
    scenarios = {entry["name"]: entry for entry in found.results["robustness"]["scenarios"]}
    assert "Input X contains NaN" in scenarios["missing_5"]["failed"]
    assert scenarios["noise_0.3"]["drop"]["value"] > 0
    latency = found.circumstances["row_latency"]
    assert latency["calls"] == 30
    assert 0 < latency["p50_seconds"] <= latency["p95_seconds"] < 5


def test_a_model_with_randomness_is_different_though_both_processes_begin_alike(tmp_path: Path) -> None:
    artifact = models.predicting(
        "p = numpy.random.random(len(X))\nreturn numpy.column_stack([1 - p, p])", tmp_path
    )
    found = asked_again(artifact, asking.table().select(["strong"]), disturbing=False)
    reproduction = found.results["reproduction"]
    assert reproduction["verdict"] == "different"
    assert 0.5 < reproduction["largest_difference"] < 1


@pytest.mark.parametrize(
    ("moved", "single", "verdict"),
    [
        (0.0, False, "identical"),
        (1e-12, False, "equivalent"),
        (1e-8, False, "different"),
        (1e-8, True, "equivalent"),
        (1e-5, True, "different"),
    ],
)
def test_rounding_is_told_from_another_answer(moved: float, single: bool, verdict: str) -> None:
    predicted = asking.positive(asking.linear())
    [batch] = asking.table().combine_chunks().to_batches()
    first = predicted(batch.to_pandas())
    probe = Reproduction(batch, first, single_precision=single)
    found = asking.ask(probe, lambda frame: predicted(frame) + moved)
    assert found.results["reproduction"]["verdict"] == verdict
    assert found.results["reproduction"]["largest_difference"] == pytest.approx(moved, rel=1e-3)


def test_rows_that_are_refused_the_second_time_are_another_answer() -> None:
    calls: list[int] = []

    def once(frame: Any) -> Any:
        calls.append(len(frame))
        if len(calls) > 1:
            raise ValueError("not again")
        return np.full((len(frame), 1), 0.5)

    [batch] = asking.table().combine_chunks().to_batches()
    probe = Reproduction(batch, np.full((asking.ROWS, 1), 0.5), single_precision=False)
    reproduction = asking.ask(probe, once).results["reproduction"]
    assert (reproduction["verdict"], reproduction["largest_difference"]) == ("different", None)
    assert "not again" in reproduction["why"]


# --- whole evaluations ----------------------------------------------------------------------------------


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    return kit.credit_world()


def frame(rows: int, seed: int) -> dict[str, Any]:
    """Inputs and a label that only partly follows from them."""
    random = np.random.default_rng(seed)
    limit, bill, female = (*random.normal(0, 1, (2, rows)).tolist(), random.integers(0, 2, rows).tolist())
    logit = np.array(limit) - np.array(bill) + 0.5 * np.array(female)
    label = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int).tolist()
    return {"credit_limit": limit, "bill_amount": bill, "female": female, "default": label}


COLUMNS = ("credit_limit", "bill_amount", "female")


def registered(world: kit.World, columns: dict[str, Any], **described: Any) -> DatasetVersion:
    return make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=kit.parquet(columns),
        descriptor=replace(kit.DESCRIPTOR, row_key="", **{"sensitive_attributes": ("female",)} | described),
    )


def uploaded(world: kit.World, artifact: Path, inputs: list[InputClaim]) -> ModelVersion:
    signature = {
        "features": [{"name": name, "type": "double" if name != "female" else "int64"} for name in COLUMNS],
        "target": "default",
        "positive_label": "1",
        "threshold": 0.5,
    }
    return make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature=signature,
        inputs=inputs,
    )


def evaluated(world: kit.World, version: ModelVersion, data: DatasetVersion, suite: str) -> Evaluation:
    evaluation = request_evaluation(version=version, dataset_version=data, suite=suite, actor=world.maker)
    runner.run(evaluation.job_id)
    return Evaluation.objects.select_related("job").get(id=evaluation.id)


def test_an_overfitted_forest_is_found_out_and_every_probe_is_in_the_evidence(
    world: kit.World, tmp_path: Path
) -> None:
    train, held = frame(600, 1), frame(900, 2)
    forest = RandomForestClassifier(15, random_state=1).fit(
        pd.DataFrame(train)[list(COLUMNS)], train["default"]
    )
    learned = registered(world, train, sensitive_attributes=())
    distant = make.make_distant_data(make.make_dataset(world.team, actor=world.maker), actor=world.maker)
    other = registered(
        world, {name: train[name] for name in ("credit_limit", "default")}, sensitive_attributes=()
    )
    version = uploaded(
        world,
        models.save(forest, Flavour.JOBLIB, tmp_path),
        [InputClaim(learned), InputClaim(distant), InputClaim(other)],
    )
    ended = evaluated(world, version, registered(world, held), "full-binary")
    assert (ended.failure, ended.state) == ("", "succeeded")
    results, circumstances = ended.results_document, ended.circumstances_document

    overfitting = results["overfitting"]
    scores = forest.predict_proba(pd.DataFrame(train)[list(COLUMNS)])[:, 1]
    assert overfitting["training"]["value"] == pytest.approx(
        roc_auc_score(train["default"], scores), abs=1e-9
    )
    assert overfitting["evaluation"] == results["metrics"]["roc_auc"]
    gap = overfitting["training"]["value"] - overfitting["evaluation"]["value"]
    assert overfitting["gap"]["value"] == pytest.approx(gap, abs=1e-9)
    assert overfitting["gap"]["ci_low"] > 0.1
    assert [one["rows"] for one in overfitting["dataset"]] == [600]
    why = [one["why"] for one in results["not_measured"] if one["what"].startswith("Gap")]
    assert len(why) == 2
    assert any("It is kept elsewhere." in sentence for sentence in why)
    assert any("lacks the columns bill_amount, female" in sentence for sentence in why)

    assert results["reproduction"]["verdict"] == "identical"
    assert [entry["name"] for entry in results["robustness"]["scenarios"]][-1] == "out_of_range"
    assert results["flip"][0]["attribute"] == "female"
    assert 0 < results["flip_rate"]["value"] < 1
    assert {entry["feature"] for entry in results["importance"]} == set(COLUMNS)
    assert results["importance"][-1]["feature"] == "female"

    cost = circumstances["cost"]
    assert cost["artifact_bytes"] == (tmp_path / "model.joblib").stat().st_size
    assert cost["row"]["calls"] == 200
    assert cost["batch"]["batches"] == 1
    assert cost["peak_memory_bytes"] > 50 << 20
    assert cost["host"]["processors"] >= 1
    assert circumstances["probes"]["passes"][1]["name"] == "reproduction"
    assert circumstances["probes"]["cpu_seconds"] > 0
    assert [step["name"] for step in ended.job.steps][-2] == PROBES_STEP
    assert "seconds" not in orjson.dumps(results).decode()


def test_a_second_process_that_dies_leaves_the_evidence_and_says_what_is_missing(
    world: kit.World, tmp_path: Path
) -> None:
    artifact = models.predicting(
        "if len(X) == 1: os._exit(3)\n"
        "p = 1 / (1 + numpy.exp(-X['credit_limit'].to_numpy()))\nreturn numpy.column_stack([1 - p, p])",
        tmp_path,
    )
    version = uploaded(world, artifact, [])
    ended = evaluated(world, version, registered(world, frame(300, 3)), "default-binary")
    assert (ended.failure, ended.state) == ("", "succeeded")
    results = ended.results_document
    assert results["metrics"]["roc_auc"]["value"] > 0.5
    assert not {"reproduction", "robustness", "flip_rate", "overfitting"} & set(results)
    why = {one["what"]: one["why"] for one in results["not_measured"]}
    assert why["Gap between training and evaluation"] == "The version names no training data."
    for name in ("Reproduction", "Robustness", "Flip test", "Latency by row"):
        assert "exit code 3" in why[name]
    assert ended.circumstances_document["probes"]["failed"] == "crashed"
    assert "row" not in ended.circumstances_document["cost"]
