"""What a client of HTTP expects: methods, media types, slashes, where a made thing is, what a cache may keep."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver

from countersign.accounts.models import Team, User
from countersign.api import problems
from countersign.permissions import Scope
from tests import permissions_kit as routes
from tests import permissions_world
from tests.databases import ROOT
from tests.factories import people
from tests.factories import registry as make
from tests.factories.people import actor_for
from tests.test_governance.review_kit import make_case
from tests.test_registry.api_kit import API, Api, at
from tests.test_registry.kit import nothing_changes

pytestmark = pytest.mark.django_db

DOCUMENT = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post", "put", "patch", "delete")
]

# POSTs that make something and take no Idempotency-Key, with why.
WITHOUT_KEY = {
    "tokens_create": "the answer holds a secret, and is kept nowhere",
    "comparisons_create": "asking twice gives the same job, or what was measured",
    "ledger_verify": "asking twice gives the same job",
    "job_cancel": "a job ends once",
    "job_retry": "a job that runs is not retried",
}


def test_every_create_takes_an_idempotency_key() -> None:
    makes = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", ())}
        for _, method, operation in OPERATIONS
        if method == "post" and {"201", "202"} & operation["responses"].keys()
    }
    assert len(makes) > 20
    assert {name for name, takes in makes.items() if "Idempotency-Key" not in takes} == set(WITHOUT_KEY)


def test_every_edit_takes_if_match() -> None:
    edits = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", ())}
        for _, method, operation in OPERATIONS
        if method in ("put", "patch", "delete")
    }
    own = {"uploads_put_file", "uploads_abandon"}  # an upload is one's own: nobody else may edit it
    assert {name for name, takes in edits.items() if "If-Match" not in takes} == own


def test_every_read_takes_if_none_match_and_every_answer_may_be_a_problem() -> None:
    for path, method, operation in OPERATIONS:
        assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}, path
        if method == "get":
            assert "304" in operation["responses"], path
            assert "If-None-Match" in {one["name"] for one in operation["parameters"]}, path


def test_every_list_has_one_shape() -> None:
    for path, method, operation in OPERATIONS:
        schema = (
            operation["responses"]
            .get("200", {})
            .get("content", {})
            .get("application/json", {})
            .get("schema", {})
        )
        assert schema.get("type") != "array", f"{method} {path} answers with a bare list"
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if "results" in schema.get("properties", ()) and name.endswith("List"):
            assert {"next", "previous", "results"} <= schema["properties"].keys(), name


def test_methods(api: Api, model: dict[str, Any]) -> None:
    path = f"{API}/{at('credit default')}"
    answer = api.client.delete(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, PATCH, HEAD, OPTIONS")
    assert answer.json()["code"] == "method_not_allowed"
    asked = api.client.options(path)
    assert (asked.status_code, asked["Allow"], asked.content) == (204, "GET, PATCH, HEAD, OPTIONS", b"")
    head, get = api.client.head(path), api.client.get(path)
    assert head.content == b""
    for name in ("Content-Type", "ETag", "Cache-Control", "Allow"):
        assert head[name] == get[name]
    for strange in ("TRACE", "CONNECT", "PROPFIND", "X" * 50):
        assert api.client.generic(strange, path).status_code in (400, 405, 501)


def test_every_route_answers_options_and_refuses_what_it_does_not_know() -> None:
    world = permissions_world.build()
    api = people.api_client(people.token_for(world.people["owner"], *Scope))
    for name, pattern in routes.patterns(get_resolver()):
        if not routes.is_rest(name):
            continue
        try:
            url = permissions_world.url_of(world, name, pattern)
        except KeyError:  # tests/test_permissions.py fails and says what is to be told of the route
            continue
        asked = api.options(url)
        assert asked.status_code == 204, name
        known = set(asked["Allow"].split(", "))
        assert set(routes.methods_of(pattern.callback)) <= known, name
        unknown = next(method for method in ("DELETE", "PUT", "PATCH", "POST") if method not in known)
        answer = api.generic(unknown, url)
        assert (answer.status_code, answer["Allow"]) == (405, asked["Allow"]), name
        assert answer["Content-Type"] == problems.CONTENT_TYPE


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("application/json; indent=2", 200),
        ("text/html", 406),
        ("application/xml", 406),
        ("nonsense", 406),
    ],
)
def test_what_is_accepted(api: Api, model: dict[str, Any], accept: str, status: int) -> None:
    answer = api.client.get(f"{API}/models", headers={"Accept": accept})
    assert answer.status_code == status, answer.content
    if status == 406:
        assert answer["Content-Type"] == problems.CONTENT_TYPE
        assert answer.json()["code"] == "not_acceptable"
    else:
        assert answer["Content-Type"] == "application/json"
        assert answer["ETag"] == api.client.get(f"{API}/models")["ETag"]


def test_a_slash_at_the_end_is_said(api: Api, model: dict[str, Any]) -> None:
    for path in ("models/", "me/", f"{at('credit default')}/", "models//"):
        problem = api.refused(404, "not_found", "GET", path)
        assert "no slash at their end" in problem["detail"]
    assert "slash" not in api.refused(404, "not_found", "GET", "nowhere")["detail"]


def test_where_a_made_thing_is_found(api: Api, team: Team, maker: User, model: dict[str, Any]) -> None:
    def made(answer: Any, status: int = 201) -> Any:
        assert answer.status_code == status, answer.content
        found = api.client.get(answer["Location"])
        assert found.status_code == 200, answer["Location"]
        return found.json()

    for name in ("a b", "100 % sure? #1", "模型"):
        answer = api.call("POST", "models", {"name": name, "team": team.slug})
        assert made(answer) == answer.json()
    version = api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"}, **{"Idempotency-Key": "k"})
    assert made(version)["number"] == 1
    again = api.upload(f"{at('credit default')}/versions", {}, {"a": b"1"}, **{"Idempotency-Key": "k"})
    assert again["Location"] == version["Location"]
    upload = api.call("POST", "uploads", {"model": "credit default"})
    assert made(upload)["state"] == "open"
    assert made(api.call("POST", "datasets", {"name": "train 1", "team": team.slug}))["name"] == "train 1"
    api.make("experiments", {"name": "nightly", "team": team.slug})
    assert made(api.call("POST", "runs", {"experiment": "nightly"}))["state"] == "running"
    described = {"target": "default", "positive_label": "1"}
    data = api.upload("datasets/train%201/versions", described, {"file": make.parquet_bytes()})
    assert made(data)["number"] == 1
    evaluation = api.call(
        "POST",
        "evaluations",
        {"model": "credit default", "version": 1, "dataset": "train 1", "dataset_version": 1},
    )
    assert made(evaluation, 202)["state"] == "queued"
    assert int(evaluation["Retry-After"]) > 0


def test_where_a_review_and_an_export_are_found() -> None:
    case = make_case()
    owner = Api(User.objects.get(pk=case.maker.ref), *Scope)
    asked = {"model": case.version.model.name, "version": 1, "environment": "production", "reason": "Better."}
    review = owner.call("POST", "reviews", asked)
    assert owner.client.get(review["Location"]).json()["review"]["number"] == review.json()["number"]
    export = owner.call("POST", "exports", {"model": case.version.model.name, "reason": "Asked."})
    assert (export.status_code, export["Retry-After"]) == (202, "2")
    assert owner.client.get(export["Location"]).json()["state"] == "queued"
    admin = Api(people.make_administrator(), Scope.ADMINISTER)
    user = admin.call("POST", "users", {"username": "new", "full_name": "New", "password": people.PASSWORD})
    assert admin.client.get(user["Location"]).json()["username"] == "new"


def test_what_caches_may_keep(api: Api, maker: User, model: dict[str, Any]) -> None:
    assert api.client.get(f"{API}/models")["Cache-Control"] == "private, no-cache"
    admin = Api(people.make_administrator(), Scope.ADMINISTER)
    for path in ("me", "users", "memberships", "tokens", "teams", "service-accounts"):
        assert admin.client.get(f"{API}/{path}")["Cache-Control"] == "no-store", path
    for answer in (
        Client().get(f"{API}/models"),
        api.client.get(f"{API}/nowhere"),
        api.client.get(f"{API}/models/nothing"),
        api.call("PATCH", at("credit default"), {"description": "x"}),
        api.call("POST", "models", {}),
        admin.call("POST", f"users/{maker.pk}/reset-password"),
    ):
        assert answer["Cache-Control"] == "no-store", answer.content


def test_following_next_leads_through_everything_once(api: Api, team: Team, maker: User) -> None:
    for number in range(7):
        make.make_model(team, actor=actor_for(maker), name=f"m{number}")
    for path in ("models?page_size=3", "ledger/entries"):
        seen, url = [], f"{API}/{path}"
        while url:
            page = api.client.get(url)
            assert page.status_code == 200
            body = page.json()
            assert {"next", "previous", "results"} == body.keys()
            seen += [one["id"] for one in body["results"]]
            url = body["next"]
        assert len(seen) == len(set(seen)) >= 7


def test_the_database_away_is_said() -> None:
    problem = problems.describe(OperationalError("connection to server at 10.0.0.7 failed: secret"))
    assert (problem.status, problem.code) == (503, "unavailable")
    assert "10.0.0.7" not in problem.detail
    answer = problems.respond(Client().get("/healthz").wsgi_request, OperationalError())
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_ranges(api: Api, model: dict[str, Any]) -> None:
    api.upload(f"{at('credit default')}/versions", {}, {"a": b"0123456789"})
    url = f"{API}/{at('credit default')}/versions/1/files/a"
    answer = api.client.get(url, headers={"Range": "bytes=10-"})
    assert (answer.status_code, answer["Content-Range"]) == (416, "bytes */10")
    assert answer.json()["code"] == "range_not_satisfiable"
    with nothing_changes():
        assert api.client.get(url, headers={"Range": "bytes=2-4"}).getvalue() == b"234"
