"""The lists of people, roles, service accounts and tokens; and what one person may do, where and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign import clock
from countersign.accounts import actions
from countersign.accounts.models import ApiToken, Membership, Team, User
from countersign.accounts.rights import ACTS, rights_of
from countersign.actors import Actor
from countersign.permissions import ROLE_PERMISSIONS, Permission, Role, Scope
from tests.factories import people

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def admin(client: Client) -> User:
    """The administrator whose browser `client` is."""
    user = people.make_administrator("admin")
    client.force_login(user)
    return user


def shown(client: Client, name: str, **query: str) -> str:
    answer = client.get(reverse(f"accounts:{name}"), query)
    assert answer.status_code == 200
    content: str = answer.content.decode().split("<main")[1].split("<aside")[0]
    return content[content.index("<tbody") : content.index("</tbody>")] if "<tbody" in content else content


def test_members_are_narrowed_by_team_role_end_and_last_sign_in(
    client: Client, admin: User, risk: Team
) -> None:
    cards = people.make_team("Cards")
    ada = people.make_user("ada", roles=[(Role.REVIEWER, risk)])
    bob = people.make_user("bob", roles=[(Role.OWNER, cards)])
    actions.end_role(membership=Membership.objects.get(user=bob), actor=people.actor_for(admin))
    User.objects.filter(pk=ada.pk).update(last_login=clock.now())
    everybody = shown(client, "people")
    assert "Ada" in everybody
    assert "Bob" not in everybody
    assert "Bob" in shown(client, "people", ended="1")
    assert "Ada" not in shown(client, "people", ended="only")
    assert "Ada" not in shown(client, "people", team="cards")
    assert "Ada" in shown(client, "people", team="risk", role="reviewer")
    assert "Ada" not in shown(client, "people", unseen="90")
    assert "Nobody fits" in shown(client, "people", q="nobody at all")
    assert "Ada" in shown(client, "people", team="no-such-team")  # counts as not chosen
    page = client.get(reverse("accounts:people"), {"team": "risk", "at": ""}).content.decode()
    assert "Remove filter" in page
    assert 'href="?"' in page  # the chip drops itself and the cursor


def test_everybody_is_listed_with_and_without_a_role(client: Client, admin: User, risk: Team) -> None:
    people.make_user("ada", roles=[(Role.REVIEWER, risk)])
    idle = people.make_user("bob")
    actions.deactivate_user(user=idle, actor=people.actor_for(admin))
    assert "Deactivated" in shown(client, "everybody")
    assert "Bob" not in shown(client, "everybody", state="active")
    assert "Ada" not in shown(client, "everybody", role="none")
    assert "Ada" in shown(client, "everybody", q="ADA")


def test_a_token_long_unused_or_about_to_end_is_told_apart(
    client: Client, admin: User, settings: Any
) -> None:
    people.token_for(admin, Scope.READ)
    unused, _ = actions.create_token(
        holder=admin, name="forgotten", scopes=[Scope.READ], days=365, actor=Actor.system()
    )
    assert "forgotten" not in shown(client, "tokens", use="stale")
    settings.CLOCK_OFFSET_SECONDS = 61 * 86_400
    client.force_login(admin)
    listed = shown(client, "tokens")
    assert "forgotten" in listed
    assert "Never used" in listed
    assert ">test " not in listed  # its thirty days are over
    assert "Expired" in shown(client, "tokens", state="ended")
    assert "forgotten" in shown(client, "tokens", use="stale")
    ApiToken.objects.filter(pk=unused.pk).update(last_used_at=clock.now())
    assert "forgotten" not in shown(client, "tokens", use="stale")
    settings.CLOCK_OFFSET_SECONDS = 340 * 86_400
    client.force_login(admin)
    assert "forgotten" in shown(client, "tokens", use="ending")
    assert "Ends" in shown(client, "tokens")


def test_a_service_account_says_when_who_answers_for_it_leaves(
    client: Client, admin: User, risk: Team
) -> None:
    leaving = people.make_user("leaving", roles=[(Role.OWNER, risk)])
    people.make_service_account(risk, leaving, name="ci-scoring")
    assert "leaves" not in shown(client, "service-accounts")
    actions.move_role_end(
        membership=Membership.objects.get(user=leaving),
        ends_at=clock.now() + 5 * DAY,
        actor=people.actor_for(admin),
    )
    assert "leaves" in shown(client, "service-accounts")
    assert "1 service account has nobody" in client.get(reverse("accounts:people")).content.decode()


def test_long_lists_go_on_by_cursor_with_the_same_number_of_queries(
    client: Client, admin: User, risk: Team
) -> None:
    def cost(name: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            shown(client, name)
        return len(asked)

    names = ("people", "everybody", "tokens", "service-accounts")
    holder = people.make_user("holder", roles=[(Role.VIEWER, risk)])
    people.make_service_account(risk, holder)
    people.token_for(holder)
    for name in names:
        shown(client, name)
    few = {name: cost(name) for name in names}
    for _ in range(52):
        one = people.make_user(roles=[(Role.VIEWER, risk)])
        people.make_service_account(risk, one)
        people.token_for(one)
    assert {name: cost(name) for name in names} == few
    for name in names:
        page = client.get(reverse(f"accounts:{name}")).content.decode()
        assert "Rows 1 to 50 of 5" in page
        assert "at=" in page


# --- what one person may do ------------------------------------------------------------------------------


def test_every_permission_has_words() -> None:
    assert set(ACTS) == set(Permission)


def test_rights_say_through_which_role(risk: Team) -> None:
    user = people.make_user(roles=[(Role.REVIEWER, risk)])
    held = list(Membership.objects.filter(user=user))
    rights = rights_of(held)
    assert {right.permission for right in rights if right.through} == ROLE_PERMISSIONS[Role.REVIEWER]
    assert [bool(right.through) for right in rights] == sorted(bool(right.through) for right in rights)
    assert next(right.needs for right in rights if right.permission is Permission.PROMOTE) == "owner"


def test_the_page_says_what_a_person_may_do_now_and_on_a_day(
    client: Client, admin: User, risk: Team, settings: Any
) -> None:
    user = people.make_user("rosa", roles=[(Role.REVIEWER, risk)])
    url = reverse("accounts:person-access", args=[user.pk])
    page = client.get(url).content.decode()
    assert "in Risk, as reviewer since" in page
    assert "It needs the role owner." in page
    today = clock.now().date()
    settings.CLOCK_OFFSET_SECONDS = 10 * 86_400
    client.force_login(admin)
    actions.end_role(membership=Membership.objects.get(user=user), actor=people.actor_for(admin))
    assert "Holds no role now" in client.get(url).content.decode()
    assert "in Risk, as reviewer since" in client.get(url, {"on": str(today)}).content.decode()
    assert "Held no role" in client.get(url, {"on": str(today - DAY)}).content.decode()
    assert client.get(url, {"on": "31 Feb 2026"}).status_code == 422


def test_ones_own_page_of_rights_is_open_to_all_and_others_only_to_who_sees_people(
    client: Client, risk: Team
) -> None:
    without, other = people.make_user("without"), people.make_user("other")
    client.force_login(without)
    own = client.get(reverse("accounts:person-access", args=[without.pk]))
    assert (own.status_code, "Holds no role now" in own.content.decode()) == (200, True)
    assert client.get(reverse("accounts:person-access", args=[other.pk])).status_code == 404
