"""Roles in time: begun later, ended, made to last longer or shorter; and how soon what ends is felt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from countersign import clock
from countersign.accounts import actions
from countersign.accounts.models import Membership, Team, User
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.models import Entry
from countersign.permissions import Role, Scope
from tests.factories import people
from tests.test_core.accounts_kit import at_once, codes, leaves, newest

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_refusals_before() -> None:
    cache.clear()


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def administrator(db: None) -> User:
    return people.make_administrator("admin")


@pytest.fixture
def actor(administrator: User) -> Actor:
    return people.actor_for(administrator)


@pytest.fixture
def reviewer(risk: Team) -> User:
    return people.make_user("rosa", full_name="Rosa Ferreira", roles=[(Role.REVIEWER, risk)])


def role_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


# --- moving an end --------------------------------------------------------------------------------------


def test_an_end_is_moved_and_taken_away_again(actor: Actor, reviewer: User) -> None:
    end = clock.now() + 90 * DAY
    moved = actions.move_role_end(
        membership=role_of(reviewer), ends_at=end, actor=actor, reason="The project ends."
    )
    assert moved.ends_at == role_of(reviewer).ends_at == end
    entry = newest()
    assert entry["verb"] == "accounts.membership.end_moved"
    assert entry["data"]["before"]["ends_at"] is None
    assert entry["data"]["after"]["ends_at"] == clock.stamp(end)
    assert set(entry["personal"]) == {"reason"}
    assert "project" not in str(entry)
    actions.move_role_end(membership=moved, ends_at=None, actor=actor)
    assert role_of(reviewer).ends_at is None


def test_only_who_manages_people_moves_an_end(reviewer: User, risk: Team) -> None:
    owner = people.actor_for(people.make_user(roles=[(Role.OWNER, risk)]))
    with pytest.raises(Refused) as refused:
        actions.move_role_end(membership=role_of(reviewer), ends_at=None, actor=owner)
    assert codes(refused) == ["permission_missing"]


def test_nobody_lets_their_own_role_last_longer(actor: Actor, administrator: User) -> None:
    with pytest.raises(Refused) as refused:
        actions.move_role_end(membership=role_of(administrator), ends_at=None, actor=actor)
    assert codes(refused) == ["granting_to_oneself"]


@pytest.mark.parametrize("days", [-1, 0])
def test_an_end_that_is_over_is_no_end(actor: Actor, reviewer: User, days: int) -> None:
    with pytest.raises(Invalid) as wrong:
        actions.move_role_end(membership=role_of(reviewer), ends_at=clock.now() + days * DAY, actor=actor)
    assert set(wrong.value.fields) == {"ends_at"}


def test_what_has_ended_is_granted_anew(actor: Actor, reviewer: User) -> None:
    actions.end_role(membership=role_of(reviewer), actor=actor)
    with pytest.raises(Conflict) as ended:
        actions.move_role_end(membership=role_of(reviewer), ends_at=None, actor=actor)
    assert ended.value.code == "role_ended"


def test_a_longer_role_meets_what_comes_later(actor: Actor, reviewer: User, risk: Team) -> None:
    now = clock.now()
    membership = actions.move_role_end(membership=role_of(reviewer), ends_at=now + 10 * DAY, actor=actor)
    actions.grant_role(user=reviewer, role=Role.AUDITOR, starts_at=now + 20 * DAY, actor=actor)
    with pytest.raises(Refused) as refused:
        actions.move_role_end(membership=membership, ends_at=now + 30 * DAY, actor=actor)
    assert codes(refused) == ["auditor_holds_nothing_else"]
    again = people.make_user()
    first = actions.grant_role(user=again, role=Role.VIEWER, team=risk, ends_at=now + 5 * DAY, actor=actor)
    actions.grant_role(user=again, role=Role.VIEWER, team=risk, starts_at=now + 8 * DAY, actor=actor)
    with pytest.raises(Conflict) as held:
        actions.move_role_end(membership=first, ends_at=None, actor=actor)
    assert held.value.code == "role_held"


def test_the_last_administrator_gets_no_end(administrator: User) -> None:
    with pytest.raises(Refused) as refused:
        actions.move_role_end(
            membership=role_of(administrator), ends_at=clock.now() + DAY, actor=Actor.system()
        )
    assert codes(refused) == ["last_administrator"]


def test_without_an_entry_no_end_moves(actor: Actor, reviewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("the ledger cannot be written")

    monkeypatch.setattr("countersign.accounts.actions.roles.append_entry", refuse)
    monkeypatch.setattr("countersign.accounts.actions.people.append_entry", refuse)
    with pytest.raises(RuntimeError):
        actions.move_role_end(membership=role_of(reviewer), ends_at=clock.now() + DAY, actor=actor)
    with pytest.raises(RuntimeError):
        actions.end_sessions(user=reviewer, actor=actor)
    reviewer.refresh_from_db()
    assert role_of(reviewer).ends_at is None
    assert reviewer.sessions_ended_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_move_an_end_at_once_one_is_told() -> None:
    actor = people.actor_for(people.make_administrator())
    user = people.make_user(roles=[(Role.VIEWER, people.make_team("Risk"))])
    membership, now = role_of(user), clock.now()

    def move(days: int) -> Membership:
        return actions.move_role_end(
            membership=membership, ends_at=now + days * DAY, expected_end=None, actor=actor
        )

    results = at_once(lambda: move(10), lambda: move(20))
    assert [error.code for error in results if isinstance(error, Exception)] == ["role_moved"]
    assert sum(leaf["verb"] == "accounts.membership.end_moved" for leaf in leaves()) == 1


# --- pages and REST -------------------------------------------------------------------------------------


def test_the_page_moves_an_end_and_says_who_was_first(
    client: Client, administrator: User, actor: Actor, reviewer: User
) -> None:
    client.force_login(administrator)
    membership = role_of(reviewer)
    page, move = (reverse(f"accounts:role-{name}", args=[membership.pk]) for name in ("end", "until"))
    assert "End the role reviewer" in client.get(page).content.decode()
    sent = {"until": "30 Jun 2031", "reason": "The project goes on.", "seen_end": ""}
    assert client.post(move, sent | {"until": "31 Jun 2031"}).status_code == 422
    assert client.post(move, sent | {"reason": ""}).status_code == 422
    assert client.post(move, sent).status_code == 303
    assert str(role_of(reviewer).ends_at) == "2031-07-01 00:00:00+00:00"
    stale = client.post(move, sent | {"until": "1 Jan 2032"})
    assert stale.status_code == 409
    assert "Somebody else moved the end" in stale.content.decode()
    assert "The project goes on." in stale.content.decode()
    actions.end_role(membership=membership, actor=actor)
    late = client.post(page, {"reason": "No longer here."})
    assert (late.status_code, "ended already" in late.content.decode()) == (409, True)


def test_a_role_granted_from_a_day_on_begins_with_it(
    client: Client, administrator: User, risk: Team, settings: Any
) -> None:
    client.force_login(administrator)
    user = people.make_user("ada")
    first = (clock.now() + 3 * DAY).strftime("%d %b %Y")
    sent = {
        "user": user.pk,
        "role": "viewer",
        "team": risk.pk,
        "starts": first,
        "until": "",
        "reason": "Begins then.",
    }
    past = client.post(reverse("accounts:people"), sent | {"starts": "1 Jan 2020"})
    assert (past.status_code, "never in the past" in past.content.decode()) == (422, True)
    assert client.post(reverse("accounts:people"), sent).status_code == 303
    assert "Begins" in client.get(reverse("accounts:people")).content.decode()
    own = Client()
    own.force_login(user)
    assert own.get(reverse("accounts:people")).status_code == 403
    settings.CLOCK_OFFSET_SECONDS = 4 * 86_400
    assert own.get(reverse("accounts:people")).status_code == 200


def test_nobody_grants_themselves_a_role_by_page_or_rest(
    client: Client, administrator: User, risk: Team
) -> None:
    client.force_login(administrator)
    sent = {"user": administrator.pk, "role": "owner", "team": risk.pk, "reason": "To help out."}
    page = client.post(reverse("accounts:people"), sent)
    assert page.status_code == 403
    assert "Nobody grants a role to themselves" in page.content.decode()
    assert "To help out." in page.content.decode()
    api = people.api_client(people.token_for(administrator, Scope.ADMINISTER, Scope.READ))
    by_rest = api.post(
        reverse("accounts:api-memberships"),
        {"user": str(administrator.pk), "role": "owner", "team": risk.slug},
        content_type="application/json",
    )
    assert (by_rest.status_code, by_rest.json()["code"]) == (403, "granting_to_oneself")
    longer = api.post(
        reverse("accounts:api-membership-until", args=[role_of(administrator).pk]),
        {"ends_at": None},
        content_type="application/json",
    )
    assert (longer.status_code, longer.json()["code"]) == (403, "granting_to_oneself")
    assert Membership.objects.filter(user=administrator).count() == 1
    assert sum(leaf["verb"] == "accounts.attempt.refused" for leaf in leaves()) == 3


# --- what ends is felt at once --------------------------------------------------------------------------


def test_an_ended_role_is_gone_with_the_next_request(client: Client, actor: Actor, reviewer: User) -> None:
    client.force_login(reviewer)
    token = people.api_client(people.token_for(reviewer, Scope.READ))
    page, api = reverse("accounts:people"), reverse("accounts:api-users")
    assert (client.get(page).status_code, token.get(api).status_code) == (200, 200)
    actions.end_role(membership=role_of(reviewer), actor=actor, reason="Left the team.")
    assert (client.get(page).status_code, token.get(api).status_code) == (403, 403)
    assert client.get(reverse("accounts:profile")).status_code == 200  # still signed in, and told


def test_a_role_ends_by_itself_when_its_time_comes(
    client: Client, actor: Actor, reviewer: User, settings: Any
) -> None:
    actions.move_role_end(membership=role_of(reviewer), ends_at=clock.now() + DAY, actor=actor)
    token = people.api_client(people.token_for(reviewer, Scope.READ))
    before = Entry.objects.count()
    settings.CLOCK_OFFSET_SECONDS = 2 * 86_400
    assert token.get(reverse("accounts:api-users")).status_code == 403
    assert [leaf["verb"] for leaf in leaves(before)] == ["accounts.attempt.refused"]


def test_ending_all_sessions_signs_out_every_browser_but_no_token(reviewer: User) -> None:
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(reviewer)
    token = people.api_client(people.token_for(reviewer, Scope.READ))
    gone = browsers[0].post(reverse("accounts:sign-out-everywhere"))
    assert (gone.status_code, gone["Location"]) == (303, reverse("accounts:sign-in"))
    for browser in browsers:
        assert browser.get(reverse("accounts:profile")).status_code == 303
    assert token.get(reverse("accounts:api-me")).status_code == 200
    assert newest()["verb"] == "accounts.user.sessions_ended"
    again = Client()
    again.force_login(User.objects.get(pk=reviewer.pk))
    assert again.get(reverse("accounts:profile")).status_code == 200


def test_an_administrator_ends_the_sessions_of_another(
    administrator: User, reviewer: User, client: Client
) -> None:
    client.force_login(reviewer)
    theirs = Client()
    theirs.force_login(administrator)
    assert theirs.post(reverse("accounts:person-sessions", args=[reviewer.pk])).status_code == 303
    assert client.get(reverse("accounts:profile")).status_code == 303
    with pytest.raises(Refused):
        actions.end_sessions(user=administrator, actor=people.actor_for(reviewer))
