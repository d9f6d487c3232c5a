"""The REST API of models, versions, runs and lineage, as a client meets it."""

from __future__ import annotations

from typing import Any

import pytest

from countersign.accounts.models import Team, User
from tests.factories import registry as make
from tests.factories.people import actor_for
from tests.test_registry.api_kit import Api, at
from tests.test_registry.kit import nothing_changes

pytestmark = pytest.mark.django_db


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
