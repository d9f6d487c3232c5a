"""Uploads and downloads by the REST API: in one call, step by step, and everything that is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from countersign.accounts.models import Team, User
from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.permissions import Role
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.people import make_user
from tests.test_registry.api_kit import API, METADATA, Api, at, stored
from tests.test_registry.kit import leaves, nothing_changes

pytestmark = pytest.mark.django_db


def test_a_version_in_one_call(api: Api, model: dict[str, Any]) -> None:
    content = make.skops_bytes("one call")
    announced = [{"path": "model.skops", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}]
    response = api.upload(
        f"{at('credit default')}/versions", {**METADATA, "files": announced}, {"model.skops": content}
    )
    assert response.status_code == 201, response.content
    body = response.json()
    assert body == api.get(f"{at('credit default')}/versions/1")
    assert (body["number"], body["flavour"], body["entry_file"]) == (1, "skops", "model.skops")
    assert body["signature"] == make.SIGNATURE
    assert body["aliases"] == ["challenger"]
    assert body["tags"] == {"stage": "nightly"}
    assert {(one["user"], one["kind"], one["known_by"]) for one in body["contributors"]} == {
        ("maker", "uploader", "authenticated"),
        ("maker", "trainer", "authenticated"),
    }
    manifest = api.get(f"{at('credit default')}/versions/1/files")
    assert manifest == {"digest": body["digest"], "files": announced}
    canonical = json.dumps({"files": announced}, sort_keys=True, separators=(",", ":")).encode()
    assert body["digest"] == hashlib.sha256(canonical).hexdigest()
    run = api.get(f"runs/{body['run']}")
    assert (run["state"], run["parameters"], run["metrics"]) == ("finished", {"depth": "4"}, {"auc": 0.79})
    lineage = api.get(f"{at('credit default')}/versions/1/lineage")
    assert [edge["kind"] for edge in lineage["edges"]] == ["run", "source_commit"]
    assert leaves()[-1]["via"] == "rest"


def test_files_are_downloaded_by_who_may(api: Api, team: Team, model: dict[str, Any]) -> None:
    path = f"{at('credit default')}/versions"
    assert api.upload(path, {}, {"docs/read me.txt": b"0123456789"}).status_code == 201
    url = f"{API}/{path}/1/files/docs/read%20me.txt"
    whole = api.client.get(url)
    assert whole.getvalue() == b"0123456789"
    assert whole["Content-Disposition"] == 'attachment; filename="read me.txt"'
    assert "sandbox" in whole["Content-Security-Policy"]
    part = api.client.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.getvalue()) == (206, b"234")
    assert api.client.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    assert api.client.head(url).status_code == 200
    for wrong in ("docs/other.txt", "docs", "../1/files", "docs%2F..%2Fx", ""):
        assert api.client.get(f"{API}/{path}/1/files/{wrong}").status_code == 404
    looks = Api(make_user(roles=[(Role.VIEWER, team)]))
    assert looks.get(f"{path}/1/files")["files"]
    looks.refused(403, "permission_missing", "GET", f"{path}/1/files/docs/read%20me.txt")
    storage().delete(ModelVersion.objects.get().files.get().blob.key)
    lost = api.client.get(url)
    assert (lost.status_code, lost.json()["code"]) == (500, "bytes_lost")


@pytest.mark.parametrize(
    ("metadata", "files", "status", "code"),
    [
        ({}, {}, 422, "no_files"),
        ({"typo": 1}, {"a": b"1"}, 422, "bad_metadata"),
        ({}, {"../a": b"1"}, 422, "bad_path"),
        ({}, {"%2e%2e/a": b"1"}, 422, "bad_path"),
        ({"flavour": "skops"}, {"a": b"1"}, 422, "flavour_disagrees"),
        ({"trainers": ["nobody"]}, {"a": b"1"}, 422, "unknown_person"),
        ({"parent": 7}, {"a": b"1"}, 404, "not_found"),
        ({"inputs": [{"dataset": "none", "version": 1}]}, {"a": b"1"}, 404, "not_found"),
        ({"files": [{"path": "a", "size": 1, "sha256": "0" * 64}]}, {"a": b"1"}, 422, "digest_mismatch"),
        ({"files": [{"path": "b", "size": 1, "sha256": "0" * 64}]}, {"a": b"1"}, 422, "files_differ"),
        ({"alias": "latest"}, {"a": b"1"}, 422, "bad_alias"),
        ({"description": "x" * 8_001}, {"a": b"1"}, 422, "invalid"),
    ],
)
def test_a_refused_version_leaves_no_row_and_no_byte(
    api: Api, model: dict[str, Any], metadata: Any, files: dict[str, bytes], status: int, code: str
) -> None:
    before = stored()
    with nothing_changes():
        response = api.upload(f"{at('credit default')}/versions", metadata, files)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert stored() == before


def test_a_body_that_was_cut_leaves_no_row_and_no_byte(api: Api, model: dict[str, Any]) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{}\r\n'
        b'--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nwhole\r\n'
        b'--b\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\nhalf of '
    )
    before = stored()
    with nothing_changes():
        response = api.client.generic(
            "POST",
            f"{API}/{at('credit default')}/versions",
            body,
            content_type="multipart/form-data; boundary=b",
        )
    assert (response.status_code, response.json()["code"]) == (422, "upload_cut")
    assert stored() == before
    assert not Blob.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--b--",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n[]\r\n--b--",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n{\r\n--b--",
        ),
        ("multipart/form-data; boundary=b", b"--b--"),
    ],
)
def test_a_body_that_is_no_upload(api: Api, model: dict[str, Any], content_type: str, body: bytes) -> None:
    with nothing_changes():
        response = api.client.generic(
            "POST", f"{API}/{at('credit default')}/versions", body, content_type=content_type
        )
    assert response.status_code == 422
    assert response.json()["code"] in ("bad_metadata", "bad_multipart")


def test_a_body_beyond_the_limit(api: Api, model: dict[str, Any], settings: Any) -> None:
    settings.MULTIPART_UPLOAD_LIMIT = 1_000
    with nothing_changes():
        response = api.upload(f"{at('credit default')}/versions", {}, {"a": bytes(2_000)})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_the_same_request_twice_is_one_version(api: Api, model: dict[str, Any]) -> None:
    call = lambda: api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"}, **{"Idempotency-Key": "k"})  # noqa: E731
    first, second = call(), call()
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert ModelVersion.objects.count() == 1


def test_a_session_uploads_with_its_csrf_token_only(maker: User, model: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(maker)
    url = f"{API}/{at('credit default')}/versions"
    parts = lambda: {"metadata": "{}", "a": SimpleUploadedFile("a", b"1")}  # noqa: E731
    assert client.post(url, parts()).status_code == 403
    token = "x" * 32
    client.cookies["csrftoken"] = token
    response = client.post(url, parts(), headers={"X-CSRFToken": token})
    assert response.status_code == 201, response.content
    assert ModelVersion.objects.get().files.get().blob.size == 1


def test_step_by_step(api: Api, model: dict[str, Any]) -> None:
    content = make.skops_bytes("step by step")
    digest = hashlib.sha256(content).hexdigest()
    files = [{"path": "m/model.skops", "size": len(content), "sha256": digest}]
    upload = api.make(
        "uploads", {"model": "credit default", "metadata": {"description": "x", "files": files}}
    )
    assert (upload["state"], upload["announced"], upload["arrived"]) == ("open", files, [])
    path = f"uploads/{upload['id']}"
    api.refused(422, "files_differ", "POST", f"{path}/finalise")

    def put(name: str, body: bytes, **headers: str) -> Any:
        return api.client.generic(
            "PUT",
            f"{API}/{path}/files/{name}",
            body,
            content_type="application/octet-stream",
            headers=headers,
        )

    with nothing_changes():
        assert put("m/model.skops", content[:-1]).json()["code"] == "size_mismatch"
        assert put("m/model.skops", bytes(len(content))).json()["code"] == "digest_mismatch"
        assert (
            put("m/model.skops", content, **{"Content-SHA256": "0" * 64}).json()["code"] == "digest_mismatch"
        )
        assert put("other", content).json()["code"] == "files_differ"
        assert put("../m", content).status_code == 422
    assert put("m/model.skops", content, **{"Content-SHA256": digest}).json() == {
        "path": "m/model.skops", "size": len(content), "sha256": digest,
    }  # fmt: skip
    assert api.get(path)["arrived"] == [{"path": "m/model.skops", "size": len(content), "sha256": digest}]
    version = api.make(f"{path}/finalise")
    assert (version["number"], version["description"]) == (1, "x")
    assert api.make(f"{path}/finalise") == version
    assert api.get(path)["version"] == 1
    with nothing_changes():
        assert put("m/model.skops", content).json()["code"] == "upload_closed"
    api.refused(409, "upload_closed", "DELETE", path)


def test_a_file_nobody_announced_needs_its_digest(api: Api, model: dict[str, Any]) -> None:
    upload = api.make("uploads", {"model": "credit default"})
    url = f"{API}/uploads/{upload['id']}/files/a"
    with nothing_changes():
        response = api.client.generic("PUT", url, b"1", content_type="application/octet-stream")
    assert (response.status_code, response.json()["code"]) == (422, "digest_needed")
    digest = hashlib.sha256(b"1").hexdigest()
    assert api.client.generic("PUT", f"{url}?sha256={digest}", b"1").status_code == 201
    assert api.call("DELETE", f"uploads/{upload['id']}").status_code == 204
    assert api.get(f"uploads/{upload['id']}")["state"] == "abandoned"


def test_no_room_is_507_at_once(api: Api, model: dict[str, Any], settings: Any) -> None:
    settings.BLOB_SIZE_LIMIT = 2**60
    files = [{"path": "a", "size": 2**50, "sha256": "0" * 64}]
    api.refused(507, "no_room", "POST", "uploads", {"model": "credit default", "metadata": {"files": files}})


def test_datasets_by_file_and_by_digest(api: Api, team: Team, settings: Any) -> None:
    assert api.make("datasets", {"name": "credit train", "team": team.slug})["team"] == team.slug
    path = "datasets/credit%20train/versions"
    content = make.parquet_bytes()
    metadata = {"target": "default", "sensitive_attributes": ["sex"], "row_key": "row_key"}
    response = api.upload(path, metadata, {"file": content})
    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["number"], body["rows"], body["kept_here"]) == (1, 3, True)
    assert body == api.get(f"{path}/1")
    assert api.client.get(f"{API}/{path}/1/file").getvalue() == content
    before = stored()
    assert api.upload(path, metadata, {"file": content}).json()["code"] == "dataset_version_exists"
    assert api.upload(path, {"target": "none"}, {"file": make.parquet_bytes({"a": [1]})}).status_code == 422
    assert api.upload(path, {}, {"file": b"nonsense"}).json()["code"] == "unreadable_data"
    assert api.upload(path, {}, {"file": b"x", "file2": b"y"}).json()["code"] == "bad_metadata"
    assert stored() == before
    elsewhere = {
        "digest": "0" * 64,
        "location": "s3://x/y",
        "columns": [{"name": "default", "type": "int64"}],
        "target": "default",
    }
    assert api.make(path, elsewhere)["kept_here"] is False
    api.refused(404, "not_found", "GET", f"{path}/2/file")
    api.refused(422, "invalid", "POST", path, {"location": "x"})
    assert [one["number"] for one in api.get(path)["results"]] == [2, 1]
    assert api.get("datasets", name="TRAIN")["results"]
