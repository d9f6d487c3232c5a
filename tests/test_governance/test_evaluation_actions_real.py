"""The evaluation job with real models in the real sandbox: evidence that can be made again, and failures a
person can read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection, transaction
from pytest_django import Settings
from sklearn.metrics import roc_auc_score

from countersign.jobs import runner
from countersign.jobs.actions import cancel_job, enqueue
from countersign.jobs.models import Job
from demo.datasets import descriptors, load_sample, sample_path
from demo.training import TrainedModel, save, single_statement_tree
from governance.evaluation.actions import request_evaluation
from governance.evaluation.jobs import EVALUATE_NEW_VERSION
from governance.evaluation.models import Evaluation
from registry.datasets.descriptors import parse_descriptor
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from registry.versions.values import InputClaim
from tests.factories import registry as make
from tests.stack import until
from tests.test_governance import evidence_kit as kit
from tests.test_governance.sandbox import models
from tests.test_registry.kit import last, verbs_since

pytestmark = pytest.mark.django_db(transaction=True)
FEATURES = {"features": [{"name": name, "type": "int64"} for name in ("credit_limit", "bill_amount")]}


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    return kit.credit_world()


def run(evaluation: Evaluation) -> Evaluation:
    """Do the evaluation's job here and now."""
    runner.run(evaluation.job_id)
    return Evaluation.objects.select_related("job").get(id=evaluation.id)


def ask(world: kit.World, version: ModelVersion, data: DatasetVersion | None = None) -> Evaluation:
    return request_evaluation(version=version, dataset_version=data or world.data, actor=world.maker)


def upload(world: kit.World, artifact: Path, **arguments: Any) -> ModelVersion:
    signature = {"target": "default", "positive_label": "1", "threshold": 0.3} | FEATURES
    return make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature=signature | arguments.pop("signature", {}),
        **arguments,
    )


def register(world: kit.World, columns: dict[str, Any], **described: Any) -> DatasetVersion:
    return make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker),
        actor=world.maker,
        content=kit.parquet(columns),
        descriptor=replace(kit.DESCRIPTOR, sensitive_attributes=(), row_key="", **described),
    )


# --- a model of the demonstration -----------------------------------------------------------------------


def demo_evaluation(world: kit.World, trained: TrainedModel, folder: Path) -> Evaluation:
    descriptor = dict(descriptors()["credit_default_holdout"])
    for key in ("name", "description", "role"):
        descriptor.pop(key)
    data = make.make_dataset_version(
        make.make_dataset(world.team, actor=world.maker, name="credit-default-holdout"),
        actor=world.maker,
        content=sample_path("credit_default_holdout").read_bytes(),
        descriptor=parse_descriptor(descriptor),
    )
    version = upload(
        world,
        save(trained, folder),
        signature={"features": list(trained.features), "threshold": trained.threshold},
    )
    return ask(world, version, data)


def test_a_real_model_gives_evidence_that_can_be_made_again(world: kit.World, tmp_path: Path) -> None:
    trained = replace(single_statement_tree(), flavour="joblib")
    evaluation = run(demo_evaluation(world, trained, tmp_path))
    assert (evaluation.failure, evaluation.state, evaluation.job.state) == ("", "succeeded", "succeeded")
    results, circumstances = evaluation.results_document, evaluation.circumstances_document
    held = load_sample("credit_default_holdout")
    scores = trained.pipeline.predict_proba(held[[column["name"] for column in trained.features]])[:, 1]
    assert results["metrics"]["roc_auc"]["value"] == pytest.approx(roc_auc_score(held["default"], scores))
    assert results["n"] == len(held) == results["dataset"]["rows"]
    assert results["scan"]["verdict"] == "clean"
    assert results["scan"]["built_with"]
    assert results["threshold"] == 0.3
    assert {entry["attribute"] for entry in results["fairness"]} == {"sex", "age_band", "marital_status"}
    assert {"slices", "crossings", "leakage", "data_quality", "power", "label_noise"} <= set(results)
    assert "time" not in orjson.dumps(results).decode()
    assert "evaluation" not in results
    assert circumstances["isolation"]["level"] >= 2
    assert circumstances["evaluation"] == evaluation.number
    assert circumstances["libraries"]["sklearn"]

    leaf = last("governance.evaluation.succeeded")
    assert (leaf["via"], leaf["act"]) == (f"job:{evaluation.job_id}", str(world.maker.act))
    assert [step["state"] for step in evaluation.job.steps] == ["done"] * 6

    again = run(ask(world, evaluation.version, evaluation.dataset_version))
    assert again.number > evaluation.number
    assert bytes(again.results or b"") == bytes(evaluation.results or b"")
    assert again.results_digest == evaluation.results_digest
    assert again.circumstances_digest != evaluation.circumstances_digest


def test_a_job_that_runs_twice_writes_once(world: kit.World, tmp_path: Path) -> None:
    evaluation = kit.make_evidence(world.version, world.data, actor=world.maker)
    with transaction.atomic():
        twin = enqueue(
            kind="governance.evaluate",
            key=f"{evaluation.id}, again",
            actor=world.maker,
            args={"evaluation": str(evaluation.id)},
        )
    before = Evaluation.objects.count()
    runner.run(twin.id)
    assert Job.objects.get(id=twin.id).result == {"evaluation": evaluation.number}
    assert Evaluation.objects.count() == before


def test_the_data_an_upload_names_is_measured_by_itself(world: kit.World) -> None:
    version = make.make_version(world.model, actor=world.maker, inputs=[InputClaim(world.data, "evaluation")])
    job = Job.objects.get(kind=EVALUATE_NEW_VERSION, subject_ref=version.id)
    runner.run(job.id)
    [evaluation] = Evaluation.objects.filter(version=version)
    assert evaluation.dataset_version == world.data
    assert Job.objects.get(id=job.id).result == {"evaluations": [evaluation.number]}
    assert last("governance.evaluation.requested")["act"] == str(world.maker.act)


# --- failures -------------------------------------------------------------------------------------------


def fails(world: kit.World, version: ModelVersion, data: DatasetVersion | None = None) -> Evaluation:
    evaluation = run(ask(world, version, data))
    assert (evaluation.state, evaluation.job.state) == ("failed", "failed"), evaluation.failure
    assert evaluation.results is None
    assert evaluation.results_digest == ""
    assert (evaluation.job.failure_code, evaluation.job.failure) == (
        evaluation.failure_code,
        evaluation.failure,
    )
    assert last("governance.evaluation.failed")["data"]["after"]["failure_code"] == evaluation.failure_code
    return evaluation


THREE = """
import numpy
class Model:
    classes_ = numpy.array([0, 1, 2])
    def predict_proba(self, X):
        return numpy.full((len(X), 3), 1 / 3)
model = Model()
"""


def three_classes(folder: Path) -> Path:
    return models.program(THREE, folder)


def raises(folder: Path) -> Path:
    return models.predicting("raise ValueError('<b>no</b> such month')", folder)


def curious(folder: Path) -> Path:
    return models.predicting(
        "import socket\ntry: socket.socket()\nexcept OSError: raise ValueError('no rates')", folder
    )


def hungry(folder: Path) -> Path:
    return models.predicting("keep = []\nwhile True: keep.append(bytearray(16 << 20))", folder)


def other_columns(folder: Path) -> Path:
    return models.save(models.linear(), models.Flavour.JOBLIB, folder)


@pytest.mark.parametrize(
    ("artifact", "code", "says", "said"),
    [
        (other_columns, "wrong_schema", "lacks age, years", ""),
        (three_classes, "not_binary", "gives 3 scores a row for the classes 0, 1, 2", ""),
        (raises, "crashed", "raised an error while it predicted", "ValueError: <b>no</b> such month"),
        (curious, "forbidden", "The model tried to open a network connection", "ValueError: no rates"),
        (hungry, "out_of_memory", "more memory than allowed (1 GB)", ""),
    ],
)
def test_a_model_that_cannot_be_measured_says_why(
    world: kit.World,
    settings: Settings,
    tmp_path: Path,
    artifact: Callable[[Path], Path],
    code: str,
    says: str,
    said: str,
) -> None:
    settings.EVALUATION_MEMORY_BYTES = 1 << 30
    failed = fails(world, upload(world, artifact(tmp_path)))
    assert failed.failure_code == code
    assert says in failed.failure
    assert said in failed.failure_said
    assert failed.job.steps[-1]["state"] == "failed"
    if code != "not_binary":
        assert failed.circumstances_document["isolation"]["level"] >= 2


def test_a_file_the_scanner_cannot_follow_is_not_run(world: kit.World, tmp_path: Path) -> None:
    broken = tmp_path / "model.pkl"
    broken.write_bytes(b"\x80\x04\x95\xff\xff")
    failed = fails(world, upload(world, broken))
    assert failed.failure_code == "scan_blocked"
    assert "cannot vouch for this file" in failed.failure


def labelled(**changes: Any) -> dict[str, Any]:
    columns = {"credit_limit": [1, 2, 3, 4], "bill_amount": [1, 2, 3, 4], "default": [0, 1, 0, 1]}
    return {name: column for name, column in (columns | changes).items() if column is not None}


@pytest.mark.parametrize(
    ("columns", "described", "code", "says"),
    [
        (labelled(bill_amount=None), {}, "wrong_schema", "lacks the column bill_amount"),
        (labelled(default=[0, 1, 2, 1]), {}, "not_two_classes", "it holds 3: 0, 1, 2."),
        (labelled(default=[0, 1, None, 1]), {}, "labels_missing", "1 rows have no “default”"),
        (labelled(default=["no", "yes", "no", "yes"]), {}, "not_two_classes", "one of them “1”"),
    ],
)
def test_data_that_does_not_fit_says_what_to_mend(
    world: kit.World, tmp_path: Path, columns: dict[str, Any], described: dict[str, Any], code: str, says: str
) -> None:
    version = upload(world, models.predicting(models.HONEST, tmp_path))
    failed = fails(world, version, register(world, columns, **described))
    assert failed.failure_code == code
    assert says in failed.failure
    assert [step["name"] for step in failed.job.steps] == ["Scanning the file", "Reading the data"]


def test_an_attribute_with_a_value_a_row_is_no_attribute(world: kit.World, tmp_path: Path) -> None:
    data = make.make_dataset_version(
        world.data.dataset,
        actor=world.maker,
        content=kit.labelled_parquet(300, 4),
        descriptor=replace(kit.DESCRIPTOR, sensitive_attributes=("row_key",), row_key=""),
    )
    failed = fails(world, upload(world, models.predicting(models.HONEST, tmp_path)), data)
    assert failed.failure_code == "not_measurable"
    assert "has 300 different values; at most 200 can be compared" in failed.failure


def test_what_needs_no_model_to_be_seen_fails_before_it_is_opened(
    world: kit.World, settings: Settings, tmp_path: Path
) -> None:
    unknown = tmp_path / "model.onnx"
    unknown.write_bytes(b"\x08\x08onnx")
    assert fails(world, upload(world, unknown)).failure_code == "flavour_unknown"
    bare = make.make_version(world.model, actor=world.maker, signature=None)
    assert fails(world, bare).failure_code == "no_signature"
    settings.ISOLATION_MINIMUM = 4
    weak = fails(world, world.version)
    assert weak.failure_code == "isolation_too_weak"
    assert "at least 4 is required" in weak.failure
    assert weak.job.steps == []


def test_a_declared_threshold_of_zero_is_a_threshold(world: kit.World, tmp_path: Path) -> None:
    data = register(world, labelled(), favourable_label="")
    artifact = models.predicting(models.HONEST, tmp_path)
    ended = run(ask(world, upload(world, artifact, signature={"threshold": 0}), data))
    assert ended.failure == ""
    results = ended.results_document
    assert results["threshold"] == 0
    # no favourable outcome is declared, so being selected is being predicted positive
    assert results["metrics"]["selection_rate"]["value"] == 1


def test_what_a_model_tried_and_hid_is_in_the_evidence(world: kit.World, tmp_path: Path) -> None:
    hiding = "import socket\ntry: socket.create_connection(('127.0.0.1', 80))\nexcept OSError: pass\n"
    data = register(world, labelled(), favourable_label="")
    ended = run(ask(world, upload(world, models.predicting(hiding + models.HONEST, tmp_path)), data))
    assert ended.failure == ""
    (attempt,) = ended.circumstances_document["attempts"]
    assert attempt["what"] == "tried to open a network connection"
    assert attempt["count"] == attempt["calls"]["socket"] >= 1
    assert ended.circumstances_document["isolation"]["notification"] is True


# --- cancelling -----------------------------------------------------------------------------------------


def test_a_waiting_evaluation_is_cancelled_at_once(world: kit.World) -> None:
    evaluation = ask(world, world.version)
    cancel_job(job=evaluation.job, actor=world.maker)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.failure_code) == ("cancelled", "cancelled")
    assert verbs_since(0)[-2:] == ["governance.evaluation.cancelled", "jobs.job.cancelled"]
    assert ask(world, world.version).number > evaluation.number


@pytest.fixture
def in_the_background() -> Iterator[Callable[[Callable[[], None]], None]]:
    threads: list[threading.Thread] = []

    def start(work: Callable[[], None]) -> None:
        def closing() -> None:
            try:
                work()
            finally:
                connection.close()

        threads.append(threading.Thread(target=closing))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def slowly_scanned(folder: Path) -> Path:
    """A pickle whose instructions take the scanner half a minute."""
    path = folder / "model.pkl"
    path.write_bytes(b"\x80\x04" + b"N0" * 30_000_000 + b"N.")
    return path


@pytest.mark.parametrize(
    ("step", "artifact"),
    [
        ("Scanning the file", slowly_scanned),
        ("Predicting in the sandbox", lambda folder: models.predicting("time.sleep(300)", folder)),
    ],
    ids=["scanning", "predicting"],
)
def test_a_running_evaluation_is_cancelled_with_its_process(
    step: str,
    artifact: Callable[[Path], Path],
    world: kit.World,
    tmp_path: Path,
    in_the_background: Callable[[Callable[[], None]], None],
) -> None:
    evaluation = ask(world, upload(world, artifact(tmp_path)))
    in_the_background(lambda: runner.run(evaluation.job_id))

    def begun() -> bool:
        steps = Job.objects.get(id=evaluation.job_id).steps
        return bool(steps) and steps[-1]["name"] == step

    until(begun, seconds=30, what="the step to begin")
    cancel_job(job=Job.objects.get(id=evaluation.job_id), actor=world.maker)

    def ended() -> bool:
        evaluation.refresh_from_db()
        return evaluation.state != "waiting"

    until(ended, seconds=15, what="the evaluation to end")
    assert (evaluation.state, evaluation.results) == ("cancelled", None)
    assert Job.objects.get(id=evaluation.job_id).state == "cancelled"
    assert last("governance.evaluation.cancelled")["data"]["after"]["state"] == "cancelled"
