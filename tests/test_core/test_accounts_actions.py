"""People, teams and roles: what each action does, refuses and records."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from countersign import clock
from countersign.accounts import actions
from countersign.accounts.models import ApiToken, Membership, Team, User
from countersign.accounts.queries import holding_now, person_actor
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.models import Entry, PersonalValue
from countersign.permissions import Grant, Permission, Role, Scope
from tests.factories import people
from tests.test_core.accounts_kit import at_once, codes, leaves, newest

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(db: None) -> User:
    return people.make_administrator("admin")


@pytest.fixture
def actor(administrator: User) -> Actor:
    return people.actor_for(administrator)


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def broken_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that cannot be written."""

    def refuse(**_: Any) -> None:
        raise RuntimeError("the ledger cannot be written")

    for module in ("people", "roles", "machines"):
        monkeypatch.setattr(f"countersign.accounts.actions.{module}.append_entry", refuse)


# --- people ---------------------------------------------------------------------------------------------


def test_a_name_that_only_looks_like_another_is_refused(actor: Actor) -> None:
    """The letters are Cyrillic but for one; a name in one script, and a Greek letter by itself, are taken."""
    before = Entry.objects.count()
    with pytest.raises(Invalid) as wrong:
        actions.create_user(
            username="\u0430d\u0430", full_name="Ada", password="a long enough phrase", actor=actor
        )
    assert "one script" in wrong.value.fields["username"][0]
    with pytest.raises(Invalid) as wrong:
        actions.create_team(name="\u0421\u0430rds", actor=actor)
    assert "one script" in wrong.value.fields["name"][0]
    assert Entry.objects.count() == before
    for name in ("\u0418\u0432\u0430\u043d", "\u0131\u015f\u0131k"):
        assert actions.create_user(
            username=name, full_name=name, password="a long enough phrase", actor=actor
        ).username
    assert actions.create_team(name="β-testers", actor=actor).name == "β-testers"


def test_create_user_records_who_was_added_without_a_name_in_the_leaf(actor: Actor) -> None:
    user = actions.create_user(
        username="Ada.Byron",
        full_name="Ada Byron",
        email="ada@example.org",
        password=people.PASSWORD,
        actor=actor,
    )
    entry = newest()
    assert entry["verb"] == "accounts.user.created"
    assert entry["subject"] == {"type": "accounts.user", "ref": str(user.pk)}
    assert entry["actor"] == {"kind": "person", "ref": str(actor.ref)}
    assert entry["data"] == {"before": None, "after": {"active": True, "password_is_temporary": True}}
    assert "Ada" not in json.dumps(entry)
    assert "ada@" not in json.dumps(entry)
    held = dict(PersonalValue.objects.filter(entry=entry["id"]).values_list("field", "value"))
    assert held == {"username": "Ada.Byron", "full_name": "Ada Byron"}
    assert user.check_password(people.PASSWORD)


def test_a_password_chosen_in_the_shell_is_the_persons_own(db: None) -> None:
    user = people.make_user()
    assert not user.password_is_temporary


def test_only_who_manages_people_adds_one(risk: Team) -> None:
    owner = people.make_user(roles=[(Role.OWNER, risk)])
    before = User.objects.count()
    with pytest.raises(Refused) as refused:
        actions.create_user(
            username="x", full_name="X", password=people.PASSWORD, actor=people.actor_for(owner)
        )
    assert codes(refused) == ["permission_missing"]
    assert "administrator" in str(refused.value)
    assert User.objects.count() == before


@pytest.mark.parametrize("name", ["ada.byron", "ADA.BYRON", "ａda.byron", " ada.byron "])
def test_a_user_name_that_reads_the_same_is_taken(actor: Actor, name: str) -> None:
    people.make_user("Ada.Byron")
    with pytest.raises(Conflict) as taken:
        actions.create_user(username=name, full_name="Another", password=people.PASSWORD, actor=actor)
    assert taken.value.code == "username_taken"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "two words"),
        ("username", "x" * 151),
        ("username", "ﷺ" * 150),
        ("username", "nul\x00"),
        ("full_name", "  "),
        ("full_name", "x" * 201),
        ("full_name", "a\x00b"),
        ("email", "nowhere"),
        ("password", "short"),
        ("password", "password1234"),
        ("password", "ada.byron.1"),
        ("password", "x" * 1025),
    ],
)
def test_what_is_typed_wrong_names_its_field(actor: Actor, field: str, value: str) -> None:
    given = {"username": "ada.byron", "full_name": "Ada Byron", "email": "", "password": people.PASSWORD}
    with pytest.raises(Invalid) as invalid:
        actions.create_user(**given | {field: value}, actor=actor)
    assert list(invalid.value.fields) == [field]
    assert not User.objects.filter(full_name="Ada Byron").exists()


def test_no_entry_no_person(actor: Actor, broken_ledger: None) -> None:
    with pytest.raises(RuntimeError):
        actions.create_user(username="ada", full_name="Ada", password=people.PASSWORD, actor=actor)
    assert not User.objects.filter(username="ada").exists()


def test_the_first_administrator_is_made_once(db: None) -> None:
    made = actions.first_administrator(actor=Actor.system())
    assert made is not None
    user, password = made
    assert user.check_password(password)
    assert person_actor(user, via="page").holds(Permission.MANAGE_PEOPLE)
    assert password not in json.dumps(leaves())
    count = Entry.objects.count()
    assert actions.first_administrator(actor=Actor.system()) is None
    assert Entry.objects.count() == count


def test_deactivation_ends_roles_and_tokens_with_an_entry_each(actor: Actor, risk: Team) -> None:
    user = people.make_user(roles=[(Role.REVIEWER, risk)])
    token, _ = actions.create_token(
        holder=user, name="t", scopes=[Scope.READ], days=3, actor=people.actor_for(user)
    )
    start = Entry.objects.count()
    actions.deactivate_user(user=user, reason="Left the company", actor=actor)
    written = leaves(start)
    assert [entry["verb"] for entry in written] == [
        "accounts.membership.ended",
        "accounts.api_token.revoked",
        "accounts.user.deactivated",
    ]
    assert {entry["act"] for entry in written} == {str(actor.act)}
    assert written[2]["data"]["after"]["active"] is False
    assert list(written[2]["personal"]) == ["reason"]
    user.refresh_from_db()
    token.refresh_from_db()
    assert not user.is_active
    assert token.revoked_at is not None
    assert not person_actor(user, via="page").grants
    assert not holding_now().filter(user=user).exists()


def test_deactivation_is_refused_for_oneself_and_twice(actor: Actor, administrator: User, risk: Team) -> None:
    with pytest.raises(Refused) as refused:
        actions.deactivate_user(user=administrator, actor=actor)
    assert codes(refused) == ["deactivating_oneself"]
    user = people.make_user()
    actions.deactivate_user(user=user, actor=actor)
    with pytest.raises(Conflict):
        actions.deactivate_user(user=user, actor=actor)


def test_there_is_always_an_administrator(administrator: User) -> None:
    membership = Membership.objects.get(user=administrator)
    for attempt in (
        lambda: actions.deactivate_user(user=administrator, actor=Actor.system()),
        lambda: actions.end_role(membership=membership, actor=Actor.system()),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert codes(refused) == ["last_administrator"]
    second = people.make_administrator()
    actions.end_role(membership=membership, actor=people.actor_for(second))


def test_reactivation_gives_no_role_back(actor: Actor, risk: Team) -> None:
    user = people.make_user(roles=[(Role.REVIEWER, risk)])
    actions.deactivate_user(user=user, actor=actor)
    actions.reactivate_user(user=user, actor=actor)
    assert newest()["verb"] == "accounts.user.reactivated"
    user.refresh_from_db()
    assert user.is_active
    assert not person_actor(user, via="page").grants
    with pytest.raises(Conflict):
        actions.reactivate_user(user=user, actor=actor)


def test_a_password_is_changed_by_its_person_alone(actor: Actor) -> None:
    user = people.make_user()
    own, at = people.actor_for(user), clock.now()
    with pytest.raises(Refused) as refused:
        actions.change_password(user=user, password="another good phrase", reauthenticated_at=at, actor=actor)
    assert codes(refused) == ["not_your_password"]
    with pytest.raises(Invalid):
        actions.change_password(user=user, password=people.PASSWORD, reauthenticated_at=at, actor=own)
    actions.change_password(user=user, password="another good phrase", reauthenticated_at=at, actor=own)
    user.refresh_from_db()
    assert user.check_password("another good phrase")
    entry = newest()
    assert entry["verb"] == "accounts.user.password_changed"
    assert entry["data"]["after"]["details"] == {"reauthenticated_at": clock.stamp(at)}
    assert "another good phrase" not in json.dumps(entry)


def test_a_reset_password_is_temporary_until_its_person_chooses(actor: Actor, administrator: User) -> None:
    user = people.make_user()
    _, temporary = actions.reset_password(user=user, actor=actor)
    user.refresh_from_db()
    assert user.check_password(temporary)
    assert user.password_is_temporary
    assert newest()["verb"] == "accounts.user.password_reset"
    assert newest()["data"]["after"]["password_is_temporary"] is True
    actions.change_password(
        user=user,
        password="another good phrase",
        reauthenticated_at=clock.now(),
        actor=people.actor_for(user),
    )
    user.refresh_from_db()
    assert not user.password_is_temporary
    with pytest.raises(Refused) as refused:
        actions.reset_password(user=administrator, actor=actor)
    assert codes(refused) == ["own_password"]


# --- teams and roles ------------------------------------------------------------------------------------


def test_create_team(actor: Actor) -> None:
    team = actions.create_team(name="  Retail   credit ", actor=actor)
    assert (team.name, team.slug) == ("Retail credit", "retail-credit")
    assert newest()["data"]["after"] == {"name": "Retail credit", "slug": "retail-credit"}
    with pytest.raises(Conflict) as taken:
        actions.create_team(name="RETAIL credit", actor=actor)
    assert taken.value.code == "team_exists"
    with pytest.raises(Invalid):
        actions.create_team(name="···", actor=actor)


def test_grant_role(actor: Actor, administrator: User, risk: Team) -> None:
    user = people.make_user()
    until = clock.now() + timedelta(days=30)
    granted = actions.grant_role(
        user=user, role=Role.REVIEWER, team=risk, ends_at=until, reason="Stand in", actor=actor
    )
    entry = newest()
    assert entry["verb"] == "accounts.membership.granted"
    assert entry["data"]["after"] == {
        "user": str(user.pk),
        "team": str(risk.pk),
        "role": "reviewer",
        "starts_at": clock.stamp(granted.starts_at),
        "ends_at": clock.stamp(until),
        "granted_by": str(administrator.pk),
    }
    assert list(entry["personal"]) == ["reason"]
    assert person_actor(user, via="page").grants == {Grant(Role.REVIEWER, risk.pk)}


def test_a_grant_counts_only_within_its_period(actor: Actor, risk: Team, settings: Any) -> None:
    user = people.make_user()
    start = clock.now() + timedelta(days=1)
    actions.grant_role(
        user=user, role=Role.OWNER, team=risk, starts_at=start, ends_at=start + timedelta(days=1), actor=actor
    )
    for seconds, held in ((0, False), (86_400 + 60, True), (2 * 86_400 + 60, False)):
        settings.CLOCK_OFFSET_SECONDS = seconds
        assert bool(person_actor(user, via="page").grants) is held


def test_nobody_grants_to_themselves(actor: Actor, administrator: User, risk: Team) -> None:
    with pytest.raises(Refused) as refused:
        actions.grant_role(user=administrator, role=Role.REVIEWER, team=risk, actor=actor)
    assert codes(refused) == ["granting_to_oneself", "administrator_decides_nothing"]
    assert "granting_to_oneself" not in {reason.code for reason in refused.value.verdict.notes}


@pytest.mark.parametrize(
    ("held", "wanted", "code"),
    [
        (Role.ADMINISTRATOR, Role.REVIEWER, "administrator_decides_nothing"),
        (Role.ADMINISTRATOR, Role.APPROVER, "administrator_decides_nothing"),
        (Role.ADMINISTRATOR, Role.COMPLIANCE, "administrator_decides_nothing"),
        (Role.REVIEWER, Role.ADMINISTRATOR, "administrator_decides_nothing"),
        (Role.COMPLIANCE, Role.ADMINISTRATOR, "administrator_decides_nothing"),
        (Role.AUDITOR, Role.VIEWER, "auditor_holds_nothing_else"),
        (Role.AUDITOR, Role.COMPLIANCE, "auditor_holds_nothing_else"),
        (Role.OWNER, Role.AUDITOR, "auditor_holds_nothing_else"),
    ],
)
def test_roles_that_do_not_go_together(actor: Actor, risk: Team, held: Role, wanted: Role, code: str) -> None:
    def team_of(role: Role) -> Team | None:
        return None if role in (Role.ADMINISTRATOR, Role.COMPLIANCE, Role.AUDITOR) else risk

    user = people.make_user(roles=[(held, team_of(held))])
    with pytest.raises(Refused) as refused:
        actions.grant_role(user=user, role=wanted, team=team_of(wanted), actor=actor)
    assert codes(refused) == [code]
    assert holding_now().filter(user=user).count() == 1


def test_roles_that_follow_each_other_may_differ(actor: Actor, risk: Team, settings: Any) -> None:
    user = people.make_user()
    end = clock.now() + timedelta(days=1)
    actions.grant_role(user=user, role=Role.AUDITOR, ends_at=end, actor=actor)
    actions.grant_role(user=user, role=Role.OWNER, team=risk, starts_at=end, actor=actor)
    with pytest.raises(Refused):
        actions.grant_role(
            user=user, role=Role.VIEWER, team=risk, starts_at=end - timedelta(hours=1), actor=actor
        )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"role": Role.REVIEWER}, "team"),
        ({"role": Role.AUDITOR, "team": "risk"}, "team"),
        ({"role": Role.AUDITOR, "starts_at": -1}, "starts_at"),
        ({"role": Role.AUDITOR, "starts_at": 2, "ends_at": 2}, "ends_at"),
        ({"role": Role.AUDITOR, "ends_at": -1}, "ends_at"),
    ],
)
def test_a_grant_that_makes_no_sense(actor: Actor, risk: Team, given: dict[str, Any], field: str) -> None:
    now = clock.now()
    asked = {
        name: risk if value == "risk" else now + timedelta(days=value) if isinstance(value, int) else value
        for name, value in given.items()
    }
    with pytest.raises(Invalid) as invalid:
        actions.grant_role(user=people.make_user(), **asked, actor=actor)
    assert list(invalid.value.fields) == [field]


def test_a_role_is_held_once(actor: Actor, risk: Team) -> None:
    user = people.make_user(roles=[(Role.REVIEWER, risk)])
    with pytest.raises(Conflict) as held:
        actions.grant_role(user=user, role=Role.REVIEWER, team=risk, actor=actor)
    assert held.value.code == "role_held"
    actions.grant_role(user=user, role=Role.REVIEWER, team=people.make_team("Cards"), actor=actor)


def test_end_role(actor: Actor, risk: Team) -> None:
    user = people.make_user(roles=[(Role.REVIEWER, risk)])
    membership = Membership.objects.get(user=user)
    ended = actions.end_role(membership=membership, reason="Left", actor=actor)
    entry = newest()
    assert entry["verb"] == "accounts.membership.ended"
    assert entry["data"]["before"]["ends_at"] is None
    assert entry["data"]["after"]["ends_at"] == clock.stamp(ended.ends_at or clock.now())
    assert not person_actor(user, via="page").grants
    with pytest.raises(Conflict) as conflict:
        actions.end_role(membership=membership, actor=actor)
    assert conflict.value.code == "role_ended"
    actions.grant_role(user=user, role=Role.REVIEWER, team=risk, actor=actor)


def test_a_role_that_has_not_begun_never_begins(actor: Actor, risk: Team, settings: Any) -> None:
    user = people.make_user()
    granted = actions.grant_role(
        user=user, role=Role.OWNER, team=risk, starts_at=clock.now() + timedelta(days=1), actor=actor
    )
    actions.end_role(membership=granted, actor=actor)
    settings.CLOCK_OFFSET_SECONDS = 2 * 86_400
    assert not person_actor(user, via="page").grants


def test_no_entry_no_role(actor: Actor, risk: Team, broken_ledger: None) -> None:
    user = User.objects.get(username="admin")
    membership = Membership.objects.get(user=user)
    with pytest.raises(RuntimeError):
        actions.create_team(name="Cards", actor=actor)
    with pytest.raises(RuntimeError):
        actions.grant_role(user=user, role=Role.OWNER, team=risk, actor=Actor.system())
    assert not Team.objects.filter(name="Cards").exists()
    assert Membership.objects.filter(user=user).get() == membership


@pytest.mark.django_db(transaction=True)
def test_of_two_who_grant_the_same_role_one_wins() -> None:
    administrator, risk, user = people.make_administrator(), people.make_team("Risk"), people.make_user()
    actor = people.actor_for(administrator)
    results = at_once(
        *[lambda: actions.grant_role(user=user, role=Role.REVIEWER, team=risk, actor=actor)] * 2
    )
    assert [error.code for error in results if isinstance(error, Exception)] == ["role_held"]
    assert Membership.objects.filter(user=user).count() == 1
    assert (
        sum(leaf["verb"] == "accounts.membership.granted" for leaf in leaves()) == 2
    )  # and the administrator's


@pytest.mark.django_db(transaction=True)
def test_of_two_who_grant_roles_that_exclude_each_other_one_wins() -> None:
    risk, user = people.make_team("Risk"), people.make_user()
    actor = people.actor_for(people.make_administrator())
    results = at_once(
        lambda: actions.grant_role(user=user, role=Role.AUDITOR, actor=actor),
        lambda: actions.grant_role(user=user, role=Role.OWNER, team=risk, actor=actor),
    )
    assert sum(isinstance(result, Refused) for result in results) == 1
    assert Membership.objects.filter(user=user).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_end_each_other_leave_one() -> None:
    first, second = people.make_administrator(), people.make_administrator()
    results = at_once(
        lambda: actions.deactivate_user(user=second, actor=people.actor_for(first)),
        lambda: actions.deactivate_user(user=first, actor=people.actor_for(second)),
    )
    assert sum(isinstance(result, Refused) for result in results) == 1
    assert User.objects.filter(is_active=True).count() == 1
    assert not ApiToken.objects.exists()
