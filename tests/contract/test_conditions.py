"""ETags: what has not changed is not sent again, and nobody writes over what they have not seen."""

from __future__ import annotations

from typing import Any

import pytest

from countersign.accounts.models import Team, User
from countersign.permissions import Role, Scope
from registry.versions.models import RegisteredModel
from tests.factories import governance, people
from tests.factories import registry as make
from tests.factories.people import actor_for
from tests.test_core.accounts_kit import at_once
from tests.test_registry.api_kit import API, Api, at
from tests.test_registry.kit import nothing_changes

pytestmark = pytest.mark.django_db

MODEL = at("credit default")
STALE = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture
def version(team: Team, maker: User, model: dict[str, Any]) -> str:
    """The path of a version."""
    version = make.make_version(RegisteredModel.objects.get(), actor=actor_for(maker))
    return f"{MODEL}/versions/{version.number}"


def stale(api: Api, method: str, path: str, body: Any = None, etag: str = STALE) -> Any:
    """A request with an ETag of before is answered by 412 and changes nothing."""
    with nothing_changes():
        answer = api.call(method, path, body, **{"If-Match": etag})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), answer.content
    assert "Read it" in answer.json()["detail"] or "nothing here yet" in answer.json()["detail"]
    return answer


@pytest.mark.parametrize(
    "path", ["", "/versions", "/versions/1", "/versions/1/files", "/versions/1/lineage", "/versions/1/card"]
)
def test_what_has_not_changed_is_not_sent_again(api: Api, version: str, path: str) -> None:
    url = f"{API}/{MODEL}{path}"
    first = api.client.get(url)
    assert first.status_code == 200
    assert first["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= {name.strip() for name in first["Vary"].split(",")}
    for known in (first["ETag"], f'"other", W/{first["ETag"]}', "*"):
        again = api.client.get(url, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
        assert again["Cache-Control"] == "private, no-cache"
    assert api.client.get(url, headers={"If-None-Match": STALE}).status_code == 200
    assert api.client.get(url, headers={"If-None-Match": "not an etag"}).status_code == 200
    head = api.client.head(url)
    assert (head.status_code, head["ETag"], head.content) == (200, first["ETag"], b"")


def test_an_etag_changes_with_what_it_stands_for(api: Api, model: dict[str, Any], version: str) -> None:
    before = api.client.get(f"{API}/{MODEL}")["ETag"]
    listed = api.client.get(f"{API}/models")["ETag"]
    changed = api.call("PATCH", MODEL, {"description": "Other."}, **{"If-Match": before})
    assert changed.status_code == 200
    assert changed["ETag"] == api.client.get(f"{API}/{MODEL}")["ETag"] != before
    assert api.client.get(f"{API}/models", headers={"If-None-Match": listed}).status_code == 200
    answer = stale(api, "PATCH", MODEL, {"description": "Mine."}, before)
    assert answer["ETag"] == changed["ETag"]


def test_every_edit_takes_a_condition(api: Api, version: str) -> None:
    for method, path, body in (
        ("PATCH", MODEL, {"description": "x"}),
        ("PATCH", version, {"description": "x"}),
        ("PUT", f"{MODEL}/tags/stage", {"value": "x"}),
        ("PUT", f"{version}/tags/stage", {"value": "x"}),
        ("PUT", f"{MODEL}/aliases/challenger", {"version": 1}),
        ("PUT", f"{MODEL}/profile", {"risk_tier": "low", "purpose": "Scores applications."}),
        ("PUT", f"{version}/card", {"sections": {"purpose": "Scores."}, "base_revision": None}),
    ):
        stale(api, method, path, body)
        if method == "PUT" and not path.endswith("/card"):
            made = api.call(method, path, body, **{"If-None-Match": "*"})
            assert made.status_code in (200, 201), made.content
            with nothing_changes():
                again = api.call(method, path, body, **{"If-None-Match": "*"})
            assert (again.status_code, again.json()["code"]) == (412, "precondition_failed")
            assert again["ETag"] == made["ETag"]
        read = api.client.get(f"{API}/{path}")
        done = api.call(method, path, body, **{"If-Match": read["ETag"]})
        assert done.status_code in (200, 201), done.content
        assert done["ETag"] == api.client.get(f"{API}/{path}")["ETag"]
    for path in (f"{MODEL}/tags/stage", f"{version}/tags/stage", f"{MODEL}/aliases/challenger"):
        stale(api, "DELETE", path)
        etag = api.client.get(f"{API}/{path}")["ETag"]
        assert api.call("DELETE", path, **{"If-Match": etag}).status_code == 204
        api.refused(404, "not_found", "GET", path)


@pytest.mark.parametrize("header", ['W/"{}"', "{}", '"x", "y"', "", "garbage"])
def test_what_is_no_strong_etag_never_matches(api: Api, model: dict[str, Any], header: str) -> None:
    etag = api.client.get(f"{API}/{MODEL}")["ETag"].strip('"')
    stale(api, "PATCH", MODEL, {"description": "x"}, header.format(etag))


def test_a_condition_is_no_way_to_look(api: Api, team: Team, model: dict[str, Any]) -> None:
    stranger = Api(people.make_user(roles=[(Role.OWNER, people.make_team("Other"))]))
    answer = stranger.call("PATCH", MODEL, {"description": "x"}, **{"If-Match": STALE})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    viewer = Api(people.make_user(roles=[(Role.VIEWER, team)]))
    answer = viewer.call("PATCH", MODEL, {"description": "x"}, **{"If-Match": STALE})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert "ETag" not in answer


def test_a_policy_is_edited_under_its_etag() -> None:
    governance.make_policy(governance.policy_text(rules=[governance.AUC]))
    compliance = Api(people.make_user(roles=[(Role.COMPLIANCE, None)]), Scope.READ, Scope.WRITE)
    policy = compliance.get("policies")["results"][0]["id"]
    whole = compliance.client.get(f"{API}/policies/{policy}")
    text = whole.json()["revisions"][0]["text"] + "\n# Said again.\n"
    path = f"policies/{policy}/revisions"
    stale(compliance, "POST", path, {"text": text})
    first = compliance.call("POST", path, {"text": text}, **{"If-Match": whole["ETag"]})
    assert first.status_code == 201, first.content
    stale(compliance, "POST", path, {"text": text + "# And again.\n"}, whole["ETag"])


@pytest.mark.django_db(transaction=True)
def test_of_two_edits_of_the_same_state_one_is_told() -> None:
    team = people.make_team("Risk")
    user = people.make_user(roles=[(Role.CONTRIBUTOR, team)])
    make.make_model(team, actor=actor_for(user), name="credit default")
    token = people.token_for(user)
    etag = people.api_client(token).get(f"{API}/{MODEL}")["ETag"]

    def edit(words: str) -> Any:
        client = people.api_client(token)
        return client.patch(
            f"{API}/{MODEL}",
            {"description": words},
            content_type="application/json",
            headers={"If-Match": etag},
        )

    answers = at_once(*[lambda n=n: edit(f"Words {n}") for n in range(5)])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 412, 412, 412, 412]
    won = next(answer for answer in answers if answer.status_code == 200)
    assert RegisteredModel.objects.get().description == won.json()["description"]
