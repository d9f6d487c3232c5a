"""The REST API of models, versions, runs, datasets and lineage, as a client meets it."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from countersign.accounts.models import Team, User
from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.permissions import Role, Scope
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.people import actor_for, api_client, make_team, make_user, token_for
from tests.test_registry.kit import REFUSAL, leaves, nothing_changes

pytestmark = pytest.mark.django_db

API = "/api/v1"


class Api:
    """A client that speaks JSON."""

    def __init__(self, holder: User, *scopes: Scope) -> None:
        self.client: Client = api_client(token_for(holder, *scopes))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response."""
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, f"{API}/{path}", **sent, headers=headers)

    def get(self, path: str, **query: str) -> Any:
        """The parsed body of a GET that succeeds."""
        response = self.client.get(f"{API}/{path}", query)
        assert response.status_code == 200, response.content
        return response.json()

    def make(self, path: str, body: Any = None) -> Any:
        """The parsed body of a POST that creates."""
        response = self.call("POST", path, body or {})
        assert response.status_code in (200, 201), response.content
        return response.json()

    def upload(self, path: str, metadata: Any, files: dict[str, bytes], **headers: str) -> Any:
        """The response to a multipart POST."""
        parts: dict[str, Any] = {name: SimpleUploadedFile("f", content) for name, content in files.items()}
        return self.client.post(f"{API}/{path}", {"metadata": json.dumps(metadata), **parts}, headers=headers)

    def refused(self, status: int, code: str, method: str, path: str, body: Any = None) -> Any:
        """The problem a request is answered with; nothing changed."""
        with nothing_changes(but=REFUSAL if status == 403 else ""):
            response = self.call(method, path, body)
        assert response.status_code == status, response.content
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["code"] == code
        assert problem["detail"]
        return problem


@pytest.fixture
def team() -> Team:
    """A team."""
    return make_team("Risk")


@pytest.fixture
def maker(team: Team) -> User:
    """A contributor and owner of it."""
    return make_user("maker", full_name="Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])


@pytest.fixture
def api(maker: User) -> Api:
    """Their client."""
    return Api(maker)


@pytest.fixture
def model(api: Api, team: Team) -> dict[str, Any]:
    """A model."""
    body: dict[str, Any] = api.make(
        "models", {"name": "credit default", "team": team.slug, "description": "Scores."}
    )
    return body


def at(name: str) -> str:
    """The path of a model."""
    return f"models/{quote(name, safe='')}"


def test_a_model_from_register_to_archive(api: Api, team: Team, model: dict[str, Any]) -> None:
    path = at("credit default")
    assert model == api.get(path)
    assert {key: model[key] for key in ("name", "team", "description", "aliases", "tags", "archived_at")} == {
        "name": "credit default", "team": team.slug, "description": "Scores.", "aliases": {}, "tags": {},
        "archived_at": None,
    }  # fmt: skip
    assert api.call("PATCH", path, {"description": "Better."}).json()["description"] == "Better."
    assert api.call("PUT", f"{path}/tags/owner/name", {"value": "x"}).json() == {
        "key": "owner/name",
        "value": "x",
    }
    assert api.get(path)["tags"] == {"owner/name": "x"}
    assert api.call("DELETE", f"{path}/tags/owner/name").status_code == 204
    api.refused(404, "not_found", "DELETE", f"{path}/tags/owner/name")
    assert api.make(f"{path}/rename", {"name": "Kredit-Ausfall ü"})["name"] == "Kredit-Ausfall ü"
    path = at("Kredit-Ausfall ü")
    assert api.make(f"{path}/archive")["archived_at"]
    api.refused(403, "archived", "POST", f"{path}/archive")
    assert api.get("models")["results"] == []
    assert len(api.get("models", archived="true")["results"]) == 1
    assert api.make(f"{path}/restore")["archived_at"] is None


def test_names_in_urls(api: Api, team: Team) -> None:
    for name in ("a b", "模型", "100 % sure?", "x#y&z=1", "a+b", "it's", "a.b", "CAFÉ"):
        api.make("models", {"name": name, "team": team.slug})
        assert api.get(at(name))["name"] == name
        assert api.get(at(name.upper()))["name"] == name
    api.refused(404, "not_found", "GET", "models/a%2Fb")
    api.refused(404, "not_found", "GET", "models/a%3Ab")
    api.refused(404, "not_found", "GET", "models/" + "x" * 5_000)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "a:b",
        "x" * 201,
        "x" * 5_000,
        "a\u200bb",
        "a\x00b",
        "..",
        "Credit Default",
        "сredit default",
    ],
)
def test_names_that_are_refused(api: Api, team: Team, model: dict[str, Any], name: str) -> None:
    with nothing_changes():
        response = api.call("POST", "models", {"name": name, "team": team.slug})
    assert response.status_code in (409, 422), response.content
    assert response.json()["code"] in ("bad_name", "name_in_use", "invalid")


def test_lists_are_narrowed_and_paged(api: Api, team: Team, maker: User) -> None:
    actor = actor_for(maker)
    models = [make.make_model(team, actor=actor, name=f"model {n}") for n in range(5)]
    make.make_version(models[0], actor=actor)
    api.call("PUT", f"{at('model 1')}/tags/kind", {"value": "tree"})
    names = lambda **query: [one["name"] for one in api.get("models", **query)["results"]]  # noqa: E731
    newest_first = [one.name for one in sorted(models, key=lambda one: one.pk, reverse=True)]
    assert names() == newest_first
    for _ in range(2):
        make.make_version(models[2], actor=actor, tags={"kind": "tree"})
    assert names(name="MODEL 3") == ["model 3"]
    assert sorted(names(flavour="skops")) == ["model 0", "model 2"]
    assert names(tag="kind") == names(tag="kind=tree") == ["model 1"]
    assert names(tag="kind=other") == names(team="other") == []
    assert len(names(team=team.slug)) == 5
    page = api.get("models", page_size="2")
    assert [one["name"] for one in page["results"]] == newest_first[:2]
    following = api.client.get(page["next"]).json()
    assert [one["name"] for one in following["results"]] == newest_first[2:4]
    api.refused(422, "invalid", "GET", "models?archived=maybe")


def test_a_list_costs_the_same_however_long(
    api: Api, team: Team, maker: User, django_assert_max_num_queries: Any
) -> None:
    actor = actor_for(maker)
    for n in range(6):
        version = make.make_version(
            make.make_model(team, actor=actor, name=f"m{n}"), actor=actor, alias="challenger", tags={"a": "b"}
        )
        make.make_version(version.model, actor=actor, parent=version)
    with django_assert_max_num_queries(8):
        assert len(api.get("models")["results"]) == 6
    with django_assert_max_num_queries(14):
        assert len(api.get(f"{at('m0')}/versions")["results"]) == 2


METADATA = {
    "description": "One call.",
    "signature": make.SIGNATURE,
    "libraries": {"scikit-learn": "1.9.1"},
    "trainers": ["maker"],
    "tags": {"stage": "nightly"},
    "alias": "challenger",
    "run": {
        "experiment": "Nightly",
        "name": "heron",
        "parameters": {"depth": "4"},
        "metrics": {"auc": 0.79},
        "source_commit": "5bd87e35",
        "source_repository": "git@x:y",
        "source_clean": True,
    },
}


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


def stored() -> int:
    """How many files the storage holds."""
    return sum(path.is_file() for path in storage().root.rglob("*"))  # type: ignore[attr-defined]


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


def test_aliases(api: Api, model: dict[str, Any], maker: User) -> None:
    for _ in range(2):
        api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"})
    path = f"{at('credit default')}/aliases"
    assert api.call("PUT", f"{path}/challenger", {"version": 1}).json() == {
        "name": "challenger",
        "version": 1,
    }
    assert api.call("PUT", f"{path}/challenger", {"version": 2}).json() == {
        "name": "challenger",
        "version": 2,
    }
    assert api.get(f"{path}/challenger")["version"] == 2
    assert api.get(path)["results"] == [{"name": "challenger", "version": 2}]
    assert api.get(at("credit default"))["aliases"] == {"challenger": 2}
    api.refused(404, "not_found", "PUT", f"{path}/challenger", {"version": 3})
    api.refused(422, "bad_alias", "PUT", f"{path}/latest", {"version": 1})
    api.refused(422, "bad_alias", "PUT", f"{path}/v1", {"version": 1})
    api.refused(422, "invalid", "PUT", f"{path}/challenger", {"version": "one"})
    assert api.call("DELETE", f"{path}/challenger").status_code == 204
    api.refused(404, "not_found", "DELETE", f"{path}/challenger")
    api.refused(404, "not_found", "GET", f"{path}/challenger")


def test_a_version_s_description_tags_and_archive(api: Api, model: dict[str, Any]) -> None:
    api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"})
    path = f"{at('credit default')}/versions/1"
    assert api.call("PATCH", path, {"description": "Words."}).json()["description"] == "Words."
    api.call("PUT", f"{path}/tags/k", {"value": ""})
    assert api.get(path)["tags"] == {"k": ""}
    assert api.get(f"{at('credit default')}/versions", tag="k", flavour="unknown")["results"]
    assert api.call("DELETE", f"{path}/tags/k").status_code == 204
    assert api.make(f"{path}/archive")["archived_at"]
    assert api.get(f"{at('credit default')}/versions")["results"] == []
    assert api.make(f"{path}/restore")["archived_at"] is None
    api.refused(404, "not_found", "GET", f"{at('credit default')}/versions/2")


def test_runs_step_by_step(api: Api, team: Team, maker: User) -> None:
    make.make_distant_data(
        make.make_dataset(team, actor=actor_for(maker), name="train"), actor=actor_for(maker)
    )
    assert api.make("experiments", {"name": "Nightly / one", "team": team.slug})["name"] == "Nightly / one"
    run = api.make("runs", {"experiment": "nightly / ONE", "name": "heron", "source_commit": "5bd87e35"})
    path = f"runs/{run['id']}"
    told = {
        "parameters": {"depth": 4},
        "metrics": [
            {"key": "auc", "value": 0.5, "step": 1},
            {"key": "auc", "value": 0.79, "step": 2},
            {"key": "loss", "value": "NaN"},
        ],
        "inputs": [{"dataset": "train", "version": 1}],
    }
    assert api.call("POST", f"{path}/log", told).status_code == 204
    api.refused(409, "parameter_logged", "POST", f"{path}/log", {"parameters": {"depth": "5"}})
    api.refused(422, "invalid", "POST", f"{path}/log", {"metric": {}})
    api.refused(422, "invalid", "POST", f"{path}/log", {"inputs": [{"dataset": "train"}]})
    api.refused(404, "not_found", "POST", f"{path}/log", {"inputs": [{"dataset": "none", "version": 1}]})
    body = api.get(path)
    assert (body["parameters"], body["metrics"]) == ({"depth": "4"}, {"auc": 0.79, "loss": "NaN"})
    assert body["inputs"] == [{"dataset": "train", "version": 1, "context": "training"}]
    assert api.make(f"{path}/end", {"state": "failed"})["telemetry_digest"]
    api.refused(409, "run_ended", "POST", f"{path}/end")
    api.refused(409, "run_ended", "POST", f"{path}/log", {"parameters": {"x": "1"}})
    assert [one["id"] for one in api.get("runs", experiment="Nightly / one")["results"]] == [run["id"]]
    assert api.get("experiments", name="night")["results"]


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


def test_lineage_edges(api: Api, model: dict[str, Any]) -> None:
    api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"})
    path = f"{at('credit default')}/versions/1/lineage"
    before = api.get(path)
    added = api.make(path, {"kind": "pipeline", "name": "nightly", "reference": "https://ci/1"})
    assert added["digest"] != before["digest"]
    assert added["edges"] == [
        {
            "kind": "pipeline", "name": "nightly", "reference": "https://ci/1", "digest": "",
            "claim": "declared", "context": "", "direction": "upstream",
        }
    ]  # fmt: skip
    api.refused(409, "edge_exists", "POST", path, {"kind": "pipeline", "name": "nightly"})
    api.refused(422, "invalid", "POST", path, {"kind": "magic", "name": "x"})


def everything(model: str, run: str, upload: str) -> list[tuple[str, str, Any]]:
    """Every request about things of a team."""
    path = at(model)
    return [
        ("GET", path, None),
        ("PATCH", path, {"description": "x"}),
        ("POST", f"{path}/rename", {"name": "x"}),
        ("POST", f"{path}/archive", None),
        ("POST", f"{path}/restore", None),
        ("PUT", f"{path}/tags/k", {"value": "v"}),
        ("DELETE", f"{path}/tags/k", None),
        ("GET", f"{path}/aliases", None),
        ("GET", f"{path}/aliases/challenger", None),
        ("PUT", f"{path}/aliases/challenger", {"version": 1}),
        ("DELETE", f"{path}/aliases/challenger", None),
        ("GET", f"{path}/versions", None),
        ("POST", f"{path}/versions", {}),
        ("GET", f"{path}/versions/1", None),
        ("PATCH", f"{path}/versions/1", {"description": "x"}),
        ("POST", f"{path}/versions/1/archive", None),
        ("POST", f"{path}/versions/1/restore", None),
        ("PUT", f"{path}/versions/1/tags/k", {"value": "v"}),
        ("DELETE", f"{path}/versions/1/tags/k", None),
        ("GET", f"{path}/versions/1/files", None),
        ("GET", f"{path}/versions/1/files/model.skops", None),
        ("GET", f"{path}/versions/1/lineage", None),
        ("POST", f"{path}/versions/1/lineage", {"kind": "pipeline", "name": "x"}),
        ("POST", "uploads", {"model": model}),
        ("GET", f"uploads/{upload}", None),
        ("PUT", f"uploads/{upload}/files/a?sha256={'0' * 64}", {}),
        ("POST", f"uploads/{upload}/finalise", None),
        ("DELETE", f"uploads/{upload}", None),
        ("GET", "runs?experiment=Nightly", None),
        ("POST", "runs", {"experiment": "Nightly"}),
        ("GET", f"runs/{run}", None),
        ("POST", f"runs/{run}/log", {}),
        ("POST", f"runs/{run}/end", {}),
        ("GET", "datasets/train", None),
        ("GET", "datasets/train/versions", None),
        ("POST", "datasets/train/versions", {"digest": "1" * 64, "location": "x"}),
        ("GET", "datasets/train/versions/1", None),
        ("GET", "datasets/train/versions/1/file", None),
    ]


@pytest.fixture
def things(api: Api, team: Team, maker: User, model: dict[str, Any]) -> tuple[str, str]:
    """One of everything; the ids of the run and of an upload."""
    make.make_distant_data(
        make.make_dataset(team, actor=actor_for(maker), name="train"), actor=actor_for(maker)
    )
    body = api.upload(
        f"{at('credit default')}/versions", METADATA, {"model.skops": make.skops_bytes()}
    ).json()
    return body["run"], api.make("uploads", {"model": "credit default"})["id"]


def test_what_another_team_has_is_not_there(things: tuple[str, str]) -> None:
    other = make_team("Other")
    stranger = Api(make_user(roles=[(Role.CONTRIBUTOR, other), (Role.OWNER, other)]))
    for method, path, body in everything("credit default", *things):
        stranger.refused(404, "not_found", method, path, body)
    for path in ("models", "runs", "experiments", "datasets"):
        assert stranger.get(path)["results"] == []


def test_a_viewer_reads_and_changes_nothing(things: tuple[str, str], team: Team) -> None:
    looks = Api(make_user(roles=[(Role.VIEWER, team)]))
    for method, path, body in everything("credit default", *things):
        with nothing_changes(but=REFUSAL):
            response = looks.call(method, path, body)
        allowed = method == "GET" and not path.endswith(("/file", "model.skops")) and "uploads" not in path
        assert (response.status_code == 200) == allowed, f"{method} {path}: {response.content!r}"
        if not allowed:
            assert response.status_code == 403, f"{method} {path}: {response.content!r}"


def test_a_token_that_only_reads_changes_nothing(things: tuple[str, str], maker: User) -> None:
    reads = Api(maker, Scope.READ)
    for method, path, body in everything("credit default", *things):
        if method == "GET":
            continue
        response = reads.call(method, path, body)
        assert (response.status_code, response.json()["code"]) == (403, "token_scope"), f"{method} {path}"
    assert reads.get(at("credit default"))["name"] == "credit default"


def test_strangers_and_unknown_urls(things: tuple[str, str], api: Api) -> None:
    for method, path, _ in everything("credit default", *things):
        response = Client().generic(method, f"{API}/{path}")
        assert response.status_code == 401, path
        assert response["Content-Type"] == "application/problem+json"
    api.refused(404, "not_found", "GET", "nothing")
    api.refused(404, "not_found", "GET", "models/x/versions/0x1")
    api.refused(405, "method_not_allowed", "DELETE", at("credit default"))
    api.refused(405, "method_not_allowed", "PUT", "models")


def test_the_document_describes_every_request(capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
    from drf_spectacular.generators import SchemaGenerator

    reset_generator_stats()
    document = SchemaGenerator().get_schema(request=None, public=True)
    said = [
        message for cache in (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache) for message in cache
    ]
    assert [message for message in said if "registry" in message] == []
    paths = document["paths"]
    version = paths["/api/v1/models/{name}/versions"]["post"]
    assert "multipart/form-data" in version["requestBody"]["content"]
    assert {one["name"] for one in version["parameters"]} == {"name", "Idempotency-Key"}
    upload = paths["/api/v1/uploads/{upload}/files/{path}"]["put"]
    assert list(upload["requestBody"]["content"]) == ["application/octet-stream"]
    operations = [one["operationId"] for path in paths.values() for one in path.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize(
    "path",
    ["models/a%00b", "models?name=%00", "models?flavour=%00", "models?tag=%00", "models?team=%00",
     "runs?experiment=%00", "datasets/%00", "models/credit%20default/versions?flavour=%00", "models/credit%20default/aliases/%00",
     "models/credit%20default/versions/1/files/%00", "models/credit%20default/tags/%00"],
)  # fmt: skip
def test_a_url_with_nul_is_no_crash(api: Api, model: dict[str, Any], path: str) -> None:
    response = api.call("DELETE" if "/tags/" in path else "GET", path)
    assert response.status_code in (404, 422), response.content
