"""What a decision was made on cannot be changed, not even by the serving role with SQL of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection

from registry.lineage.actions import add_lineage_edge
from registry.runs.actions import end_run, log_run
from registry.runs.telemetry import MetricValue, ReadDataset
from registry.versions.actions import InputClaim
from tests.factories import registry as make
from tests.test_registry.kit import as_serving_role, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def names() -> dict[str, Any]:
    """One of everything, by its ids."""
    team, maker = make.make_makers()
    data, other = (
        make.make_distant_data(make.make_dataset(team, actor=maker), actor=maker) for _ in range(2)
    )
    run = make.make_run(team, actor=maker)
    log_run(
        run=run,
        parameters={"a": "1"},
        metrics=[MetricValue("m", 0.5)],
        inputs=[ReadDataset(data)],
        actor=maker,
    )
    end_run(run=run, actor=maker)
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker, run=run, inputs=[InputClaim(data)])
    add_lineage_edge(version=version, kind="pipeline", name="nightly", actor=maker)
    return {
        "model": model.pk,
        "other_model": make.make_model(team, actor=maker).pk,
        "version": version.pk,
        "data": data.pk,
        "other_data": other.pk,
        "run": run.pk,
        "sha": "0" * 64,
        "blob": version.files.get().blob_id,
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE registry_modelversion SET digest = %(sha)s",
        "UPDATE registry_modelversion SET number = 7",
        "UPDATE registry_modelversion SET model_id = %(other_model)s",
        "UPDATE registry_modelversion SET flavour = 'joblib'",
        "UPDATE registry_modelversion SET signature = '{}'",
        "UPDATE registry_modelversion SET run_id = NULL",
        "UPDATE registry_modelversion SET created_by_label = 'somebody else'",
        "DELETE FROM registry_modelversion WHERE id = %(version)s",
        "UPDATE registry_manifestfile SET path = 'x'",
        "UPDATE registry_manifestfile SET blob_id = %(blob)s",
        "DELETE FROM registry_manifestfile",
        "INSERT INTO registry_manifestfile (version_id, path, size, blob_id) VALUES (%(version)s, 'x', 0, "
        "%(blob)s)",
        "UPDATE registry_contributor SET user_id = NULL, declared_identity = 'x'",
        "DELETE FROM registry_contributor",
        "UPDATE registry_versioninput SET dataset_version_id = %(other_data)s",
        "DELETE FROM registry_versioninput",
        "UPDATE registry_lineageedge SET name = 'x'",
        "DELETE FROM registry_lineageedge",
        "DELETE FROM registry_registeredmodel",
        "UPDATE registry_datasetversion SET sensitive_attributes = '[]'",
        "UPDATE registry_datasetversion SET target = 'sex'",
        "DELETE FROM registry_datasetversion",
        "UPDATE registry_run SET state = 'running', telemetry_digest = ''",
        "UPDATE registry_run SET source_commit = '1234567'",
        "DELETE FROM registry_run",
        "UPDATE registry_runparameter SET value = '2'",
        "DELETE FROM registry_runparameter",
        "INSERT INTO registry_runparameter (run_id, key, value) VALUES (%(run)s, 'b', '2')",
        "UPDATE registry_runmetric SET value = 0.9",
        "DELETE FROM registry_runmetric",
        "INSERT INTO registry_runmetric (run_id, key, value, step, recorded_at) VALUES (%(run)s, 'm', 1, 1, "
        "now())",
        "DELETE FROM registry_runinput",
        "INSERT INTO registry_runinput (run_id, dataset_version_id, context) VALUES (%(run)s, "
        "%(other_data)s, 'x')",
        "DELETE FROM blobs_blob",
    ],
)
def test_the_serving_role_cannot(names: dict[str, Any], statement: str) -> None:
    with nothing_changes(), pytest.raises(IntegrityError):
        as_serving_role(statement, names)


def test_these_tests_run_as_the_serving_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, pg_has_role(current_user, 'countersign_owner', 'MEMBER') FROM pg_roles WHERE "
            "rolname = current_user"
        )
        assert cursor.fetchone() == (False, False)


def test_a_version_without_the_files_of_its_digest_is_refused_at_commit(names: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="digest is of"):
        as_serving_role(
            "INSERT INTO registry_modelversion (id, model_id, number, digest, flavour, entry_file, size,"
            " description, signature, libraries, created_at, created_by_kind, created_by_label)"
            " VALUES (gen_random_uuid(), %(model)s, 99, %(sha)s, 'skops', 'm', 0, '', '{}', '{}', now(),"
            " 'person', 'x')",
            names,
        )


@pytest.mark.parametrize(
    "paths",
    [["ü.bin", "a b", 'with "quotes"', "模型", "Z", "a", "a-b/c", "a_b"], ["\U0001f600", "\uffee", "z"]],
)
def test_the_database_reads_manifests_as_we_write_them(paths: list[str]) -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    version = make.make_version(model, actor=maker, files={path: path.encode() for path in paths})
    with connection.cursor() as cursor:
        cursor.execute("SELECT registry_manifest_holds(%s)", [version.pk])
        assert cursor.fetchone() == (True,)
    assert [file.path for file in version.files.order_by("path")] != []
