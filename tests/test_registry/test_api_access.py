"""Whose requests the REST API answers: strangers, other teams, viewers, tokens that only read."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from countersign.accounts.models import Team, User
from countersign.permissions import Role, Scope
from tests.factories import registry as make
from tests.factories.people import actor_for, make_team, make_user
from tests.test_registry.api_kit import API, METADATA, Api, at
from tests.test_registry.kit import REFUSAL, nothing_changes

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize(
    "path",
    [
        *("models/a%00b", "datasets/%00", "runs?experiment=%00"),
        *(f"models?{name}=%00" for name in ("name", "team", "tag", "flavour")),
        *(
            f"models/credit%20default/{rest}"
            for rest in ("versions?flavour=%00", "aliases/%00", "versions/1/files/%00", "tags/%00")
        ),
    ],
)
def test_a_url_with_nul_is_no_crash(api: Api, model: dict[str, Any], path: str) -> None:
    response = api.call("DELETE" if "/tags/" in path else "GET", path)
    assert response.status_code in (404, 422), response.content
