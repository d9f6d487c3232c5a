"""An evaluation in parts: the evidence of one run, from as many workers as there are, or one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from pytest_django import Settings

from countersign import clock
from countersign.blobs.actions import collect_unreferenced
from countersign.blobs.models import Blob
from countersign.jobs import runner
from countersign.jobs.actions import cancel_job
from countersign.jobs.models import Job
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation, EvaluationPart
from governance.evaluation.parts.actions import EVALUATE_PART
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.stack import until
from tests.test_governance import evidence_kit as kit
from tests.test_governance.sandbox import models
from tests.test_registry.kit import last

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 67_000
MARK = -1
"""A credit limit that no row but one of the second part has."""

SCORES = """
z = (X["credit_limit"] - 2 * X["bill_amount"] + 4) / 8
p = 1 / (1 + numpy.exp(z))
return numpy.column_stack([1 - p, p])
"""


@pytest.fixture
def world(transactional_db: None) -> kit.World:
    return kit.credit_world()


@pytest.fixture
def data(world: kit.World) -> DatasetVersion:
    random = np.random.default_rng(5)
    limit, bill = random.normal(50, 12, ROWS), random.normal(20, 8, ROWS)
    limit[66_000] = MARK
    content = kit.parquet(
        {
            "row_key": np.arange(ROWS),
            "credit_limit": limit,
            "bill_amount": bill,
            "sex": random.choice(["f", "m"], ROWS),
            "age_band": random.choice(kit.AGE_BANDS, ROWS),
            "default": (random.random(ROWS) < 1 / (1 + np.exp((limit - 2 * bill + 4) / 8))).astype(int),
        }
    )
    return make.make_dataset_version(
        world.data.dataset, actor=world.maker, content=content, descriptor=kit.DESCRIPTOR
    )


def upload(world: kit.World, body: str, folder: Path) -> ModelVersion:
    artifact = models.predicting(body, folder)
    features = [{"name": name, "type": "double"} for name in ("credit_limit", "bill_amount")]
    return make.make_version(
        world.model,
        actor=world.maker,
        files={artifact.name: artifact.read_bytes()},
        signature={"target": "default", "positive_label": "1", "threshold": 0.3, "features": features},
    )


def ask(world: kit.World, version: ModelVersion, data: DatasetVersion) -> Evaluation:
    return request_evaluation(version=version, dataset_version=data, suite="quick-binary", actor=world.maker)


def split(evaluation: Evaluation, settings: Settings) -> list[Job]:
    """Let the evaluation begin and make its parts; their jobs, in order."""
    settings.EVALUATION_PART_ROWS = 65_536
    runner.run(evaluation.job_id)
    jobs = list(Job.objects.filter(kind=EVALUATE_PART, subject_ref=evaluation.id).order_by("created_at"))
    job = Job.objects.get(id=evaluation.job_id)
    assert (job.state, job.attempts, len(jobs)) == ("queued", 0, 2), job.failure
    assert "2 parts" in job.message
    return jobs


def fresh(evaluation: Evaluation) -> Evaluation:
    return Evaluation.objects.select_related("job", "scores").get(id=evaluation.id)


def one_worker_does_all() -> None:
    """What is due, one job after the other, as a single place for work would."""
    while (
        job := Job.objects.filter(queue="evaluation", state="queued", run_after__lte=clock.now())
        .order_by("created_at")
        .first()
    ):
        runner.run(job.id)


def at_once(*works: Callable[[], None]) -> None:
    def closing(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=closing, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_parts_give_the_evidence_of_one_run_with_one_worker(
    world: kit.World, data: DatasetVersion, settings: Settings, tmp_path: Path
) -> None:
    version = upload(world, SCORES, tmp_path)
    whole = ask(world, version, data)
    runner.run(whole.job_id)
    whole = fresh(whole)
    assert whole.failure == ""
    parted = ask(world, version, data)
    split(parted, settings)
    one_worker_does_all()
    parted = fresh(parted)
    assert (parted.failure, parted.state, parted.job.state) == ("", "succeeded", "succeeded")
    assert bytes(parted.results or b"") == bytes(whole.results or b"")
    assert parted.scores == whole.scores
    told = parted.circumstances_document
    assert [part["rows"] for part in told["parts"]] == [65_536, ROWS - 65_536]
    assert told["latency"]["batches"] == whole.circumstances_document["latency"]["batches"] == 2
    assert told["started_at"] < told["finished_at"]
    assert told["libraries"] == whole.circumstances_document["libraries"]
    assert not EvaluationPart.objects.exists()
    # their bytes were named until now, and are collected like any others that nothing names
    named = Blob.objects.count()
    assert collect_unreferenced(older_than=timedelta(0)).blobs >= 2
    assert Blob.objects.count() < named
    assert Blob.objects.filter(sha256=parted.scores_id).exists()


def test_parts_that_end_at_the_same_moment_are_merged_once(
    world: kit.World, data: DatasetVersion, settings: Settings, tmp_path: Path
) -> None:
    evaluation = ask(world, upload(world, SCORES, tmp_path), data)
    first, *others = split(evaluation, settings)
    assert EvaluationPart.objects.filter(scores=None).count() == 2
    # its worker is lost, and the sweeper gives it to another
    taken = runner.claim(first.id)
    assert taken is not None
    Job.objects.filter(id=first.id).update(heartbeat_at=clock.now() - timedelta(hours=1))
    assert runner.sweep()["taken_back"] == 1
    at_once(*(lambda job=job: runner.run(job.id) for job in (first, *others)))
    job = Job.objects.get(id=evaluation.job_id)
    assert job.run_after <= clock.now()  # woken, well before it would look by itself
    at_once(*[lambda: runner.run(evaluation.job_id)] * 2)
    evaluation = fresh(evaluation)
    assert evaluation.failure == ""
    assert (evaluation.state, evaluation.job.attempts) == ("succeeded", 1)
    attempts = (
        Job.objects.filter(kind=EVALUATE_PART).order_by("created_at").values_list("attempts", flat=True)
    )
    assert list(attempts) == [2, 1]


def test_what_one_part_fails_of_the_evaluation_fails_of(
    world: kit.World, data: DatasetVersion, settings: Settings, tmp_path: Path
) -> None:
    body = f"if (X['credit_limit'] == {MARK}).any(): raise ValueError('no such limit')\n{SCORES}"
    evaluation = ask(world, upload(world, body, tmp_path), data)
    first, second = split(evaluation, settings)
    runner.run(second.id)
    runner.run(evaluation.job_id)
    evaluation = fresh(evaluation)
    assert (evaluation.state, evaluation.failure_code) == ("failed", "crashed")
    assert "no such limit" in evaluation.failure_said
    assert evaluation.circumstances_document["isolation"]["level"] >= 2
    assert last("governance.evaluation.failed")["data"]["after"]["failure_code"] == "crashed"
    states = {job.id: job.state for job in Job.objects.filter(kind=EVALUATE_PART)}
    assert states == {first.id: "cancelled", second.id: "failed"}
    assert not EvaluationPart.objects.exists()


def test_cancelling_an_evaluation_ends_its_parts(
    world: kit.World, data: DatasetVersion, settings: Settings, tmp_path: Path
) -> None:
    evaluation = ask(world, upload(world, "time.sleep(300)", tmp_path), data)
    first, *others = split(evaluation, settings)

    def cancel() -> None:
        def predicting() -> bool:
            steps = Job.objects.get(id=first.id).steps
            return bool(steps) and steps[-1]["name"] == "Predicting in the sandbox"

        until(predicting, seconds=30, what="the first part to predict")
        cancel_job(job=Job.objects.get(id=evaluation.job_id), actor=world.maker)

    at_once(lambda: runner.run(first.id), cancel)
    assert fresh(evaluation).state == "cancelled"
    assert {Job.objects.get(id=job.id).state for job in (first, *others)} == {"cancelled"}
    assert not EvaluationPart.objects.exists()
