"""The evaluation job with real models that predict a number, in the real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

from countersign.errors import Invalid
from countersign.jobs import runner
from demo import bills as demo
from demo.datasets import load_sample, sample_path
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from governance.policies.rules import parse
from governance.policies.shipping import SHIPPED
from governance.policies.verdict import judge
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.test_governance import evidence_kit as kit
from tests.test_governance import regression_kit as bills
from tests.test_governance.sandbox import models
from tests.test_registry.kit import last

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    return bills.bill_world()


def run(world: kit.World, version: ModelVersion, data: DatasetVersion | None = None) -> Evaluation:
    """Ask, and do the job here and now."""
    asked = request_evaluation(version=version, dataset_version=data or world.data, actor=world.maker)
    runner.run(asked.job_id)
    return Evaluation.objects.select_related("job").get(id=asked.id)


def forecast(world: kit.World, folder: Path) -> tuple[ModelVersion, DatasetVersion]:
    """The demonstration's model of bills, registered with the accounts it learned from, and the held-out ones."""
    training, holdout = (
        make.make_dataset_version(
            make.make_dataset(world.team, actor=world.maker),
            actor=world.maker,
            content=sample_path(sample).read_bytes(),
            descriptor=bills.DESCRIPTOR,
        )
        for sample in ("credit_default_train", "credit_default_holdout")
    )
    artifact = demo.save(demo.train(), folder)
    version = make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature=demo.metadata({}, {}, "")["signature"],
        inputs=[InputClaim(training, "training", training.digest)],
    )
    return version, holdout


def test_a_real_regression_gives_evidence_that_can_be_made_again(world: kit.World, tmp_path: Path) -> None:
    version, holdout = forecast(world, tmp_path)
    evaluation = run(world, version, holdout)
    assert (evaluation.failure, evaluation.state, evaluation.suite) == ("", "succeeded", "default-regression")
    results, circumstances = evaluation.results_document, evaluation.circumstances_document
    frame = load_sample("credit_default_holdout")
    predicted = demo.train().predict(frame[list(demo.KNOWN)])
    assert results["task"] == "regression"
    assert results["n"] == len(frame) == results["dataset"]["rows"]
    assert results["tolerance"] == bills.TOLERANCE
    assert results["scan"]["verdict"] == "clean"
    assert results["metrics"]["r_squared"]["value"] == pytest.approx(
        r2_score(frame[bills.TARGET], predicted), abs=1e-9
    )
    assert results["metrics"]["mean_absolute_error"]["value"] == pytest.approx(
        mean_absolute_error(frame[bills.TARGET], predicted), rel=1e-9
    )
    assert {entry["attribute"] for entry in results["groups"]} == set(bills.GROUPS)
    assert circumstances["isolation"]["level"] >= 2
    assert circumstances["libraries"]["sklearn"]
    # Its tier is low, as the demonstration sets it: every rule for numbers is measured and met.
    document = parse((SHIPPED / "low-production.yaml").read_text())
    rules = {rule.id for rule in document.rules if Task.REGRESSION in rule.tasks and not rule.compare_to}
    judged = judge(version=version, document=document, evaluation=evaluation, card=None)
    assert {one.rule_id: one.state for one in judged if one.rule_id in rules} == dict.fromkeys(rules, "met")
    assert {"r-squared", "row-overlap", "target-leak", "data-quality", "overfitting", "scan"} == rules
    again = run(world, version, holdout)
    assert again.number != evaluation.number
    assert bytes(again.results) == bytes(evaluation.results)
    assert again.results_digest == evaluation.results_digest


def test_a_joblib_pipeline_of_columns_without_names_is_measured_too(world: kit.World, tmp_path: Path) -> None:
    frame = bills.held().head(500)
    path = tmp_path / "model.joblib"
    joblib.dump(LinearRegression().fit(frame[list(bills.KNOWN)].to_numpy(), frame[bills.TARGET]), path)
    evaluation = run(world, bills.upload(world, path, tolerance=None))
    assert evaluation.failure == ""
    within = evaluation.results_document["metrics"]["share_within_tolerance"]
    assert within["value"] is None
    assert "declares no tolerance" in within["undefined"]


def number_model(body: str) -> Callable[[Path], Path]:
    """A regressor whose predict runs `body`."""

    def made(folder: Path) -> Path:
        return models.program(
            f"import numpy\nclass Model:\n    def predict(self, X):\n        {body}\nmodel = Model()\n",
            folder,
        )

    return made


def a_classifier(folder: Path) -> Path:
    return bills.saved(bills.classifier(), folder)


def without_predict(folder: Path) -> Path:
    return models.program("class Model:\n    pass\nmodel = Model()\n", folder)


@pytest.mark.parametrize(
    ("artifact", "code", "says"),
    [
        (
            a_classifier,
            "not_a_regressor",
            "is a classifier, and its signature says that it predicts a number",
        ),
        (without_predict, "no_predict", "has no predict"),
        (number_model("return numpy.zeros((len(X), 2))"), "several_numbers", "gives 2 numbers for each row"),
        (
            number_model("return numpy.zeros(len(X) - 1)"),
            "wrong_row_count",
            "11956 predictions for 11957 rows",
        ),
        (
            number_model("return numpy.full(len(X), numpy.nan)"),
            "not_finite",
            "11957 of 11957 predictions are not",
        ),
        (number_model("return numpy.full(len(X), numpy.inf)"), "not_finite", "not finite numbers"),
        (number_model("return numpy.array(['a'] * len(X))"), "not_numbers", "predictions are not numbers"),
        (number_model("return numpy.full(len(X), 1e200)"), "not_measurable", "beyond 1e+70"),
    ],
    ids=["classifier", "no-predict", "two-numbers", "row-short", "nan", "infinite", "text", "huge"],
)
def test_a_model_that_cannot_be_measured_says_why(
    world: kit.World, tmp_path: Path, artifact: Callable[[Path], Path], code: str, says: str
) -> None:
    failed = run(world, bills.upload(world, artifact(tmp_path)))
    assert (failed.state, failed.failure_code) == ("failed", code), failed.failure
    assert says in failed.failure
    assert failed.results is None
    assert last("governance.evaluation.failed")["data"]["after"]["failure_code"] == code


def register(world: kit.World, target: Any, **described: Any) -> DatasetVersion:
    """Four accounts with this target."""
    columns = {name: [1, 2, 3, 4] for name in bills.KNOWN} | {bills.TARGET: target}
    return make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=kit.parquet(columns),
        descriptor=Descriptor(target=bills.TARGET, **described),
    )


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ([5, 5, 5, 5], "target_constant", "is 5 in every row"),
        ([1.0, 2.0, None, 4.0], "labels_missing", "1 rows have no"),
        ([1.0, 2.0, float("nan"), float("inf")], "target_not_finite", "2 rows have no finite number"),
    ],
    ids=["constant", "missing", "not-finite"],
)
def test_a_target_that_cannot_be_measured_against_says_why(
    world: kit.World, tmp_path: Path, target: Any, code: str, says: str
) -> None:
    version = bills.upload(world, number_model("return numpy.zeros(len(X))")(tmp_path))
    failed = run(world, version, register(world, target))
    assert (failed.state, failed.failure_code) == ("failed", code)
    assert says in failed.failure
    assert [step["name"] for step in failed.job.steps] == ["Scanning the file", "Reading the data"]


def test_what_does_not_fit_the_task_is_refused_before_anything_runs(world: kit.World) -> None:
    def refused(version: ModelVersion, data: DatasetVersion, **more: Any) -> dict[str, list[str]]:
        with pytest.raises(Invalid) as caught:
            request_evaluation(version=version, dataset_version=data, actor=world.maker, **more)
        return caught.value.fields

    words = register(world, ["a", "b", "c", "d"])
    assert "holds string; a regression needs a number" in refused(world.version, words)["dataset_version"][0]
    classes = register(world, [0, 1, 0, 1], positive_label="1")
    assert "names the positive label “1”" in refused(world.version, classes)["dataset_version"][0]
    other = refused(world.version, world.data, suite="default-binary")
    assert other["suite"] == [
        "The suite “default-binary” measures binary classification; the version's signature says regression."
    ]
    classifier = make.make_version(world.model, actor=world.maker)
    told = refused(classifier, world.data)["dataset_version"][0]
    assert "upload it with task: regression in its signature" in told
    assert not Evaluation.objects.exists()


def test_a_classifiers_suite_says_how_to_declare_a_regressor(world: kit.World, tmp_path: Path) -> None:
    version = make.make_version(
        world.model,
        actor=world.maker,
        files={"model.joblib": bills.saved(bills.linear(), tmp_path).read_bytes()},
        signature={"features": bills.SIGNATURE["features"], "target": "sex", "positive_label": "female"},
    )
    data = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=bills.held_parquet(),
        descriptor=Descriptor(target="sex", positive_label="female"),
    )
    failed = run(world, version, data)
    assert failed.failure_code == "no_probabilities"
    assert "upload it with task: regression in its signature" in failed.failure


def test_predictions_are_the_models_own(world: kit.World, tmp_path: Path) -> None:
    evaluation = run(world, bills.upload(world, number_model("return numpy.full(len(X), 1000.0)")(tmp_path)))
    assert evaluation.failure == ""
    metrics = evaluation.results_document["metrics"]
    actual = bills.held()[bills.TARGET].to_numpy()
    assert metrics["mean_error"]["value"] == pytest.approx(1000 - np.mean(actual), rel=1e-9)
    assert metrics["spearman"]["value"] is None
    assert metrics["r_squared"]["value"] < 0
