"""The pages of one's own access and of the people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from countersign.accounts.models import ApiToken, Membership, ServiceAccount, Team, User
from countersign.accounts.presenters import _person
from countersign.accounts.queries import person_actor
from countersign.ledger.models import Entry, PersonalValue
from countersign.ledger.presenters import present
from countersign.permissions import Permission, Role, Scope
from tests.factories import people
from tests.test_core.accounts_kit import leaves, newest

pytestmark = pytest.mark.django_db


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
def admin(client: Client) -> User:
    """The administrator whose browser `client` is."""
    user = people.make_administrator("admin")
    client.force_login(user)
    return user


def once(page: Any) -> str:
    """What a page shows once."""
    found = re.search(r'<code id="once">([^<]+)</code>', page.content.decode())
    assert found is not None
    return found[1]


# --- one's own page -------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_works(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.post(
        "/profile/", {"holder": str(owner.pk), "name": "laptop", "scopes": ["read", "write"], "days": "30"}
    )
    assert page.status_code == 201
    assert "no-store" in page["Cache-Control"]
    plaintext = once(page)
    assert plaintext not in client.get("/profile/").content.decode()
    assert people.api_client(plaintext).get("/api/v1/me").json()["scopes"] == ["read", "write"]
    token = ApiToken.objects.get()
    assert client.post(f"/profile/tokens/{token.pk}/revoke/").status_code == 303
    assert people.api_client(plaintext).get("/api/v1/me").status_code == 401
    assert "Revoked" in client.get("/profile/").content.decode()


def test_a_wrong_token_form_keeps_what_was_typed(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.post("/profile/", {"holder": str(owner.pk), "name": "laptop", "days": "900"})
    text = page.content.decode()
    assert page.status_code == 422
    assert 'value="laptop"' in text
    assert "365" in text
    assert not ApiToken.objects.exists()


def test_who_answers_for_a_machine_makes_its_token_on_the_same_form(
    client: Client, owner: User, risk: Team
) -> None:
    account = people.make_service_account(risk, owner, name="ci-scoring")
    client.force_login(owner)
    assert "service account ci-scoring of Risk" in client.get("/profile/").content.decode()
    page = client.post(
        "/profile/", {"holder": str(account.pk), "name": "CI", "scopes": ["write"], "days": "30"}
    )
    assert page.status_code == 201
    page = client.post(
        "/profile/", {"holder": str(account.pk), "name": "CI", "scopes": ["sign"], "days": "30"}
    )
    assert page.status_code == 422
    assert "read and write" in page.content.decode()


def test_another_persons_token_is_not_to_be_found(client: Client, owner: User, risk: Team) -> None:
    people.token_for(owner)
    client.force_login(people.make_user(roles=[(Role.VIEWER, risk)]))
    assert client.post(f"/profile/tokens/{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert ApiToken.objects.get().revoked_at is None


def test_appearance_is_remembered_in_this_browser(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.post("/profile/appearance/", {"theme": "dark", "density": "compact"})
    text = client.get("/profile/").content.decode()
    assert 'data-theme="dark"' in text
    assert 'data-density="compact"' in text
    client.post("/profile/appearance/", {"theme": "system", "density": "roomy"})
    assert "data-theme" not in client.get("/profile/").content.decode()


# --- the people -----------------------------------------------------------------------------------------


def test_adding_a_person_shows_their_password_once(client: Client, admin: User) -> None:
    page = client.post("/people/new/", {"username": "ada", "full_name": "Ada Byron", "email": ""})
    assert page.status_code == 201
    password = once(page)
    user = User.objects.get(username="ada")
    assert user.check_password(password)
    assert user.password_is_temporary
    again = client.post("/people/new/", {"username": "ADA", "full_name": "Ada King", "email": ""})
    assert again.status_code == 422
    assert "reads the same" in again.content.decode()
    assert "Holds no role" in client.get("/people/all/?role=none").content.decode()


def test_granting_and_ending_a_role(client: Client, admin: User, risk: Team) -> None:
    user = people.make_user("ada", full_name="Ada Byron")
    asked = {
        "user": user.pk,
        "role": "reviewer",
        "team": risk.pk,
        "until": "30 Jun 2099",
        "reason": "Stand in",
    }
    assert client.post("/people/", asked).status_code == 303
    membership = Membership.objects.get(user=user)
    assert f"{membership.ends_at:%Y-%m-%d %H:%M}" == "2099-07-01 00:00"
    assert membership.granted_by == admin.pk
    text = client.get("/people/?q=ada").content.decode()
    assert "Ada Byron" in text
    assert "1 Jul 2099" in text
    end = f"/people/roles/{membership.pk}/end/"
    assert client.get(end).status_code == 200
    assert client.post(end, {"reason": ""}).status_code == 422
    assert client.post(end, {"reason": "Back again"}).status_code == 303
    assert "Nobody fits" in client.get("/people/?q=ada").content.decode()
    assert "Ended" in client.get("/people/?q=ada&ended=1").content.decode()


def test_a_grant_that_is_refused_is_told_in_place(client: Client, admin: User, risk: Team) -> None:
    asked = {"user": admin.pk, "role": "reviewer", "team": risk.pk, "reason": "I can do it"}
    page = client.post("/people/", asked)
    text = page.content.decode()
    assert page.status_code == 403
    assert "Nobody grants a role to themselves" in text
    assert "An administrator cannot also be reviewer" in text
    assert "I can do it" in text
    assert newest()["verb"] == "accounts.attempt.refused"
    assert Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"until": "31 Jun 2099"}, "Did you mean 30 Jun 2099?"),
        ({"until": "1 Jan 2001"}, "ends after it begins"),
        ({"team": ""}, "held in a team"),
        ({"role": "auditor"}, "leave the team out"),
        ({"reason": ""}, "Reason is missing"),
    ],
)
def test_a_grant_that_is_wrong_names_the_mend(
    client: Client, admin: User, risk: Team, change: dict[str, str], says: str
) -> None:
    asked = {
        "user": people.make_user().pk,
        "role": "reviewer",
        "team": risk.pk,
        "until": "",
        "reason": "Joined",
    }
    page = client.post("/people/", asked | change)
    assert page.status_code == 422
    assert says in page.content.decode()
    assert Membership.objects.count() == 1


def test_the_list_ends_first_on_top_and_goes_on_by_cursor(client: Client, admin: User, risk: Team) -> None:
    for number in range(55):
        people.make_user(f"person{number:03}", roles=[(Role.VIEWER, risk)])
    last = people.make_user("zoe", full_name="Zoe Last")
    asked = {"user": last.pk, "role": "viewer", "team": risk.pk, "until": "30 Jun 2099", "reason": "Guest"}
    client.post("/people/", asked)
    text = client.get("/people/").content.decode()
    assert text.index("Zoe Last") < text.index("Person000")
    later = re.search(r'href="(\?[^"]*at=[^"]+)"', text)
    assert later is not None
    assert "Person054" in client.get("/people/" + later[1].replace("&amp;", "&")).content.decode()


def test_lists_ask_the_database_no_more_for_more_rows(
    client: Client, admin: User, owner: User, risk: Team
) -> None:
    urls = (
        "/people/",
        "/people/teams/",
        "/people/service-accounts/",
        "/people/tokens/",
        f"/people/{owner.pk}/",
    )

    def counted() -> list[int]:
        counts = []
        for url in urls:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            counts.append(len(queries))
        return counts

    def add() -> None:
        user = people.make_user(roles=[(Role.VIEWER, people.make_team()), (Role.REVIEWER, risk)])
        people.token_for(people.make_service_account(risk, owner))
        people.token_for(user)

    add()
    before = counted()
    for _ in range(5):
        add()
    assert counted() == before


def test_teams_and_service_accounts(client: Client, admin: User, owner: User) -> None:
    assert client.post("/people/teams/", {"name": "Retail credit"}).status_code == 303
    assert client.post("/people/teams/", {"name": "retail CREDIT"}).status_code == 422
    team = Team.objects.get(slug="retail-credit")
    made = client.post(
        "/people/service-accounts/",
        {"name": "ci", "team": team.pk, "responsible": owner.pk, "role": "contributor"},
    )
    account = ServiceAccount.objects.get()
    url = f"/people/service-accounts/{account.pk}/"
    assert made["Location"] == url
    page = client.post(url, {"holder": account.pk, "name": "CI", "scopes": ["read"], "days": "30"})
    assert page.status_code == 201
    assert people.api_client(once(page)).get("/api/v1/me").json()["name"] == "ci"
    listed = client.get("/people/tokens/").content.decode()
    assert "ci" in listed
    assert "Revoke" in listed
    successor = people.make_user("zoe", full_name="Zoe Next")
    client.post(f"{url}responsible/", {"responsible": successor.pk})
    assert "Zoe Next answers for it" in client.get(url).content.decode()
    client.post(f"{url}deactivate/")
    assert "It is closed" in client.get(url).content.decode()
    assert ApiToken.objects.get().revoked_at is not None


def test_a_person_is_deactivated_reactivated_and_helped(client: Client, admin: User, owner: User) -> None:
    url = f"/people/{owner.pk}/"
    assert "Olga Owner" in client.get(url).content.decode()
    temporary = once(client.post(f"{url}password/"))
    owner.refresh_from_db()
    assert owner.check_password(temporary)
    assert client.post(f"{url}deactivate/", {"reason": ""}).status_code == 422
    assert client.post(f"{url}deactivate/", {"reason": "Left"}).status_code == 303
    assert "Deactivated" in client.get(url).content.decode()
    client.post(f"{url}reactivate/")
    owner.refresh_from_db()
    assert owner.is_active


def test_who_does_not_manage_people_sees_them_and_no_forms(client: Client, owner: User, risk: Team) -> None:
    account = people.make_service_account(risk, owner)
    viewer = people.make_user("v", roles=[(Role.VIEWER, risk)])
    client.force_login(viewer)
    for url in (
        "/people/",
        "/people/teams/",
        "/people/service-accounts/",
        "/people/tokens/",
        f"/people/{owner.pk}/",
        f"/people/service-accounts/{account.pk}/",
    ):
        page = client.get(url)
        assert page.status_code == 200, url
        assert not re.search(r'<form[^>]*method="post"(?![^>]*sign-out)', page.content.decode()), url
    assert client.post("/people/", {}).status_code == 403
    assert client.post("/people/teams/", {"name": "x"}).status_code == 403


def test_who_holds_no_role_is_told_whom_to_ask(client: Client) -> None:
    people.make_administrator("grace.hopper")
    client.force_login(people.make_user())
    page = client.get("/people/")
    assert page.status_code == 403
    assert "Grace hopper" in page.content.decode()


# --- the ledger's sentences -----------------------------------------------------------------------------


def test_every_entry_is_told_in_a_sentence(client: Client) -> None:
    risk = people.make_team("Risk")
    admin = people.make_administrator("admin")
    owner = people.make_user("owner", full_name="Olga Owner", roles=[(Role.OWNER, risk)])
    client.force_login(admin)
    account = people.make_service_account(risk, owner, name="ci")
    people.token_for(account)
    client.post("/people/", {"user": admin.pk, "role": "reviewer", "team": risk.pk, "reason": "x"})
    client.post(f"/people/{owner.pk}/deactivate/", {"reason": "Left the company"})
    told = []
    for leaf in leaves():
        held = PersonalValue.objects.filter(entry=leaf["id"]).values_list("field", "value")
        told.append(str(present(leaf, dict(held))))
    assert told == [
        "Added the team Risk",
        "Added the person Admin",
        "Made Admin administrator for the instance",
        "Added the person Olga Owner",
        "Made Olga Owner owner in Risk",
        "Added the service account ci in Risk, for which Olga Owner answers",
        "Made the token test (read, write) of the service account ci",
        "Was refused: POST /people/, for granting_to_oneself, administrator_decides_nothing",
        "Ended the role owner in Risk of Olga Owner",
        "Deactivated Olga Owner: “Left the company”",
    ]
    assert _person(None) == "a person"


# --- the shell ------------------------------------------------------------------------------------------


def test_create_person_prints_a_password_once(risk: Team, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_person", "reviewer.risk", "Reviewer (Risk)", "--role", "reviewer@risk")
    password = capsys.readouterr().out.strip()
    user = User.objects.get(username="reviewer.risk")
    assert user.check_password(password)
    assert not user.password_is_temporary
    assert person_actor(user, via="shell").holds(Permission.SIGN_VALIDATION, risk.pk)
    assert newest()["via"] == "shell"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x", "X", "--role", "king"], "is no role"),
        (["x", "X", "--role", "reviewer@nowhere"], "no team nowhere"),
        (["x", "X", "--role", "reviewer"], "held in a team"),
        (["x y", "X"], "without spaces"),
    ],
)
def test_create_person_says_what_is_wrong_and_leaves_nothing(
    db: None, arguments: list[str], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("create_person", *arguments)
    assert not User.objects.exists()
    assert not Entry.objects.exists()


def test_create_token_prints_it_once(owner: User, risk: Team, capsys: pytest.CaptureFixture[str]) -> None:
    people.make_service_account(risk, owner, name="ci")
    for holder, kind in (("Owner", "person"), ("risk/ci", "service")):
        call_command("create_token", holder, "--scope", "read")
        token = capsys.readouterr().out.strip()
        assert people.api_client(token).get("/api/v1/me").json()["kind"] == kind
    with pytest.raises(CommandError, match="no active person"):
        call_command("create_token", "nobody", "--scope", "read")
    with pytest.raises(CommandError, match="1 to 365"):
        call_command("create_token", "owner", "--scope", Scope.READ.value, "--days", "999")
