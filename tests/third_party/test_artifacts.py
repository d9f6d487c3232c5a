"""Model files of others, tried as a user would upload them: the small ones here, all by `make third-party`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from countersign.jobs import runner
from governance.evaluation.actions import request_evaluation
from governance.evaluation.models import Evaluation
from registry.datasets.descriptors import parse_descriptor
from tests.factories import registry as make
from tests.third_party import fetching, record
from tests.third_party.artifacts import ARTIFACTS, Artifact
from tests.third_party.trying import seen


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("artifact", [one for one in ARTIFACTS if one.small], ids=lambda one: one.name)
def test_an_artifact_comes_to_what_is_recorded(
    artifact: Artifact, settings: Settings, tmp_path: Path
) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'blobs'}"
    team, maker = make.make_makers("Third parties")
    fitting, contents = artifact.evaluated_on(), artifact.contents()
    dataset = make.make_dataset(team, actor=maker)
    descriptor = parse_descriptor(fitting.descriptor())
    data = make.make_dataset_version(dataset, actor=maker, content=fitting.parquet(), descriptor=descriptor)
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker, files=contents, signature=fitting.signature())
    asked = request_evaluation(
        version=version, dataset_version=data, suite=f"quick-{fitting.task.value}", actor=maker
    )
    runner.run(asked.job_id)
    ended = Evaluation.objects.select_related("job").get(id=asked.id)
    results: dict[str, Any] = ended.results_document if ended.state == "succeeded" else {}
    now = seen(
        artifact,
        contents,
        kind=version.flavour,
        job=ended.job,
        failure=(ended.failure_code, ended.failure),
        results=results,
    )
    assert record.differences(now, record.recorded()[artifact.name]) == []


def test_every_artifact_is_recorded_and_the_page_says_what_is_recorded() -> None:
    known = record.recorded()
    assert list(known) == [one.name for one in ARTIFACTS]
    assert record.PAGE.read_text(encoding="utf-8") == record.page(list(known.values()))


def test_a_wheel_that_cannot_be_had_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fetching, "CACHE", tmp_path)
    monkeypatch.setattr(
        fetching, "locked", lambda: {"countersign-none": f"countersign-none==1 --hash=sha256:{'0' * 64}"}
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        RuntimeError, match=r"countersign-none==1 could not be fetched\. .* need the package index"
    ):
        fetching.wheel.__wrapped__("countersign-none")
