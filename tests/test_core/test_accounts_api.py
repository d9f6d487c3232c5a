"""REST: who asks, and setting an instance up with tokens alone."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from countersign.accounts import actions
from countersign.accounts.models import ApiToken, Membership, Team, User
from countersign.ledger.models import Entry
from countersign.permissions import Role, Scope
from tests.factories import people
from tests.test_core.accounts_kit import leaves, newest

pytestmark = pytest.mark.django_db

ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def _no_refusals_before() -> None:
    cache.clear()


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def owner(risk: Team) -> User:
    return people.make_user("owner", full_name="Olga Owner", roles=[(Role.OWNER, risk)])


@pytest.fixture
def admin_api(db: None) -> Client:
    return people.api_client(people.token_for(people.make_administrator("admin"), Scope.ADMINISTER))


def post(client: Client, url: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(url, body or {}, content_type="application/json", headers=headers or None)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_me_says_who_asks(owner: User, risk: Team) -> None:
    api = people.api_client(people.token_for(owner, Scope.READ))
    answer = api.get(ME)
    assert answer.status_code == 200
    assert answer.json() == {
        "kind": "person",
        "id": str(owner.pk),
        "name": "Olga Owner",
        "person": str(owner.pk),
        "roles": [{"role": "owner", "team": "risk"}],
        "scopes": ["read"],
        "instance_permissions": [],
    }


def test_a_machine_says_who_answers_for_it(owner: User, risk: Team) -> None:
    account = people.make_service_account(risk, owner, name="ci")
    said = people.api_client(people.token_for(account)).get(ME).json()
    assert (said["kind"], said["name"], said["person"]) == ("service", "ci", str(owner.pk))


def test_basic_with_the_token_as_password(client: Client, owner: User) -> None:
    token = people.token_for(owner)
    value = base64.b64encode(f"anything:{token}".encode()).decode()
    assert client.get(ME, headers={"Authorization": f"Basic {value}"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Bearer "}, "token_malformed"),
        ({"Authorization": "Bearer cs_short"}, "token_malformed"),
        ({"Authorization": "Basic !!!"}, "token_malformed"),
        ({"Authorization": "Basic " + base64.b64encode(b"ada:correct horse").decode()}, "token_malformed"),
        ({"Authorization": "Bearer cs_" + "x" * 43}, "token_unknown"),
        ({"Authorization": "Digest x"}, "not_authenticated"),
    ],
)
def test_without_a_token_nothing_is_told(client: Client, headers: dict[str, str], code: str) -> None:
    answer = client.get(ME, headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code


def test_a_token_stops_when_it_should(client: Client, owner: User, settings: Any) -> None:
    token = people.token_for(owner)
    row = ApiToken.objects.get()
    settings.CLOCK_OFFSET_SECONDS = 31 * 86_400
    assert client.get(ME, headers=bearer(token)).json()["code"] == "token_expired"
    settings.CLOCK_OFFSET_SECONDS = 0
    actions.revoke_token(token=row, actor=people.actor_for(owner))
    assert client.get(ME, headers=bearer(token)).json()["code"] == "token_revoked"


def test_a_deactivated_holder_opens_nothing(client: Client, owner: User, risk: Team) -> None:
    machine = people.token_for(people.make_service_account(risk, owner))
    own = people.token_for(owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    for token in (machine, own):
        answer = client.get(ME, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (401, "holder_inactive")


@pytest.mark.parametrize("name", ["token", "access_token", "x"])
def test_a_token_in_the_url_is_refused(client: Client, owner: User, name: str) -> None:
    token = people.token_for(owner)
    for headers in ({}, bearer(token)):
        answer = client.get(ME, {name: token}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_in_url")
        assert token not in answer.content.decode()


def test_last_use_is_noted_once_a_minute(owner: User, settings: Any) -> None:
    api = people.api_client(people.token_for(owner))
    start = Entry.objects.count()
    api.get(ME)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    api.get(ME)
    assert ApiToken.objects.get().last_used_at == first
    settings.CLOCK_OFFSET_SECONDS = 61
    api.get(ME)
    assert ApiToken.objects.get().last_used_at > first + timedelta(seconds=60)  # type: ignore[operator]
    assert Entry.objects.count() == start


def test_scopes_bound_what_roles_allow(owner: User) -> None:
    administrator = people.make_administrator()
    api = people.api_client(people.token_for(administrator, Scope.READ))
    answer = post(api, "/api/v1/teams", {"name": "Cards"})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_scope")
    assert "Use a token with scope administer" in answer.json()["detail"]
    assert not Team.objects.filter(name="Cards").exists()


def test_a_browser_needs_its_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.make_administrator())
    assert client.get(ME).json()["scopes"] is None
    answer = post(client, "/api/v1/teams", {"name": "Cards"})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    client.get("/profile/")
    sent = post(
        client, "/api/v1/teams", {"name": "Cards"}, **{"X-CSRFToken": client.cookies["csrftoken"].value}
    )
    assert sent.status_code == 201


def test_curl_alone_sets_an_instance_up(admin_api: Client, client: Client) -> None:
    team = post(admin_api, "/api/v1/teams", {"name": "Risk"}).json()
    user = post(
        admin_api,
        "/api/v1/users",
        {"username": "reviewer.risk", "full_name": "Reviewer (Risk)", "password": people.PASSWORD},
    )
    assert user.status_code == 201
    assert user.json()["password_is_temporary"] is True
    assert people.PASSWORD not in user.content.decode()
    granted = post(
        admin_api,
        "/api/v1/memberships",
        {"user": user.json()["id"], "role": "reviewer", "team": team["slug"], "reason": "Joined"},
    )
    assert granted.status_code == 201
    assert granted.json()["username"] == "reviewer.risk"
    account = post(
        admin_api,
        "/api/v1/service-accounts",
        {"name": "ci", "team": "risk", "responsible": user.json()["id"], "role": "contributor"},
    )
    assert account.status_code == 201
    made = post(
        admin_api,
        "/api/v1/tokens",
        {"service_account": account.json()["id"], "name": "CI", "scopes": ["read", "write"], "days": 7},
    )
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    assert client.get(ME, headers=bearer(made.json()["token"])).json()["roles"] == [
        {"role": "contributor", "team": "risk"}
    ]
    assert newest()["via"] == "rest"

    listed = admin_api.get("/api/v1/memberships", {"user": user.json()["id"]}).json()["results"]
    assert [row["role"] for row in listed] == ["reviewer"]
    ended = post(admin_api, f"/api/v1/memberships/{listed[0]['id']}/end", {"reason": "Left"})
    assert ended.json()["ends_at"] is not None
    revoked = post(admin_api, f"/api/v1/tokens/{made.json()['id']}/revoke")
    assert revoked.json()["revoked_at"] is not None
    assert "token" not in revoked.json()
    reset = post(admin_api, f"/api/v1/users/{user.json()['id']}/reset-password")
    assert User.objects.get(username="reviewer.risk").check_password(reset.json()["temporary_password"])
    successor = people.make_user()
    moved = post(
        admin_api,
        f"/api/v1/service-accounts/{account.json()['id']}/reassign",
        {"responsible": str(successor.pk)},
    )
    assert moved.json()["responsible"] == str(successor.pk)
    closed = post(admin_api, f"/api/v1/users/{user.json()['id']}/deactivate", {"reason": "Left"})
    assert closed.json()["is_active"] is False
    assert post(admin_api, f"/api/v1/users/{user.json()['id']}/reactivate").json()["is_active"] is True
    shut = post(admin_api, f"/api/v1/service-accounts/{account.json()['id']}/deactivate")
    assert shut.json()["is_active"] is False


def test_a_refused_request_lists_every_reason_and_is_recorded(admin_api: Client, risk: Team) -> None:
    administrator = User.objects.get(username="admin")
    answer = post(
        admin_api, "/api/v1/memberships", {"user": str(administrator.pk), "role": "approver", "team": "risk"}
    )
    assert answer.status_code == 403
    body = answer.json()
    assert body["code"] == "granting_to_oneself"
    assert [reason["code"] for reason in body["reasons"]] == [
        "granting_to_oneself",
        "administrator_decides_nothing",
    ]
    entry = newest()
    assert entry["verb"] == "accounts.attempt.refused"
    assert entry["request"] == body["request_id"] == answer["X-Request-ID"]
    assert entry["data"]["after"]["details"] == {
        "attempted": "POST /api/v1/memberships",
        "reasons": ["granting_to_oneself", "administrator_decides_nothing"],
        "not_recorded_before": 0,
    }
    assert Membership.objects.count() == 1


def test_a_machines_refusal_is_its_own_entry(owner: User, risk: Team) -> None:
    account = people.make_service_account(risk, owner)
    api = people.api_client(people.token_for(account))
    assert post(api, "/api/v1/teams", {"name": "x"}).status_code == 403
    assert newest()["subject"] == {"type": "accounts.service_account", "ref": str(account.pk)}


def test_what_is_none_of_ones_business_is_not_found(owner: User, risk: Team) -> None:
    stranger = people.make_user("stranger")
    people.token_for(owner)
    other = ApiToken.objects.get()
    api = people.api_client(people.token_for(stranger))
    assert [row["user"] for row in api.get("/api/v1/tokens").json()["results"]] == [str(stranger.pk)]
    assert post(api, f"/api/v1/tokens/{other.pk}/revoke").status_code == 404
    assert api.get("/api/v1/users").status_code == 403  # no role yet
    viewer = people.make_user(roles=[(Role.VIEWER, risk)])
    api = people.api_client(people.token_for(viewer))
    assert api.get(f"/api/v1/users/{owner.pk}").json()["username"] == "owner"
    assert post(api, f"/api/v1/tokens/{other.pk}/revoke").status_code == 404


def test_an_auditor_sees_every_token_and_changes_none(owner: User) -> None:
    people.token_for(owner)
    other = ApiToken.objects.get()
    auditor = people.make_user(roles=[(Role.AUDITOR, None)])
    api = people.api_client(people.token_for(auditor, Scope.READ, Scope.ADMINISTER))
    assert str(other.pk) in {row["id"] for row in api.get("/api/v1/tokens").json()["results"]}
    answer = post(api, f"/api/v1/tokens/{other.pk}/revoke")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


def test_a_person_makes_their_token_signed_in_not_by_token(owner: User) -> None:
    asked = {"name": "t", "scopes": ["sign"], "days": 1}
    api = people.api_client(people.token_for(owner))
    answer = post(api, "/api/v1/tokens", asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "token_makes_token")
    browser = Client()
    browser.force_login(owner)
    assert post(browser, "/api/v1/tokens", asked).status_code == 201


@pytest.mark.parametrize(
    ("url", "body", "attributes"),
    [
        ("/api/v1/users", {}, {"username", "full_name", "password"}),
        (
            "/api/v1/users",
            {"username": "a b", "full_name": "x", "password": people.PASSWORD},
            {"username"},
        ),
        ("/api/v1/users", {"username": "x", "full_name": "x", "password": "password1234"}, {"password"}),
        ("/api/v1/teams", {"name": "a\u0000b"}, {"name"}),
        ("/api/v1/memberships", {"user": "nobody", "role": "king"}, {"user", "role"}),
        ("/api/v1/tokens", {"name": "t", "scopes": ["everything"], "days": 900}, {"scopes.0", "days"}),
    ],
)
def test_wrong_input_names_every_field(
    admin_api: Client, url: str, body: dict[str, Any], attributes: set[str]
) -> None:
    start = leaves()
    answer = post(admin_api, url, body)
    assert answer.status_code == 422
    assert {error["attr"] for error in answer.json()["errors"]} == attributes
    assert leaves() == start


def test_roles_are_resolved_at_each_request(owner: User, risk: Team) -> None:
    api = people.api_client(people.token_for(owner))
    assert api.get(ME).json()["roles"]
    actions.end_role(
        membership=Membership.objects.get(user=owner), actor=people.actor_for(people.make_administrator())
    )
    assert api.get(ME).json()["roles"] == []
