"""Service accounts and tokens: what each action does, refuses and records."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from countersign import clock
from countersign.accounts import actions
from countersign.accounts.models import ApiToken, ServiceAccount, Team, User
from countersign.accounts.queries import actor_of, service_actor
from countersign.actors import Actor, ActorKind
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.ledger.models import Entry
from countersign.ledger.verification import verify
from countersign.permissions import Grant, Permission, Role, Scope
from tests.factories import people
from tests.test_core.accounts_kit import at_once, codes, leaves, newest
from tests.test_core.ledger_kit import Sealing, begin

pytestmark = pytest.mark.django_db


@pytest.fixture
def risk(db: None) -> Team:
    return people.make_team("Risk")


@pytest.fixture
def owner(risk: Team) -> User:
    return people.make_user("owner", roles=[(Role.OWNER, risk)])


@pytest.fixture
def actor(db: None) -> Actor:
    return people.actor_for(people.make_administrator("admin"))


def test_create_service_account(actor: Actor, risk: Team, owner: User) -> None:
    account = actions.create_service_account(
        name="ci-scoring", team=risk, responsible=owner, role=Role.CONTRIBUTOR, actor=actor
    )
    entry = newest()
    assert entry["verb"] == "accounts.service_account.created"
    assert entry["data"]["after"] == {
        "name": "ci-scoring",
        "team": str(risk.pk),
        "responsible": str(owner.pk),
        "role": "contributor",
        "active": True,
    }
    machine = service_actor(account, via="rest")
    assert machine.grants == {Grant(Role.CONTRIBUTOR, risk.pk)}
    assert machine.person == owner.pk
    assert not machine.holds(Permission.SIGN_VALIDATION, risk.pk)
    with pytest.raises(Conflict) as taken:
        actions.create_service_account(
            name="ci-scoring", team=risk, responsible=owner, role=Role.VIEWER, actor=actor
        )
    assert taken.value.code == "service_account_exists"


def test_a_service_account_decides_nothing(actor: Actor, risk: Team, owner: User) -> None:
    with pytest.raises(Invalid) as invalid:
        actions.create_service_account(
            name="ci", team=risk, responsible=owner, role=Role.APPROVER, actor=actor
        )
    assert invalid.value.code == "service_account_role"
    with pytest.raises(Refused):
        actions.create_service_account(
            name="ci", team=risk, responsible=owner, role=Role.VIEWER, actor=people.actor_for(owner)
        )
    assert not ServiceAccount.objects.exists()


def test_it_opens_nothing_without_who_answers_for_it(actor: Actor, risk: Team, owner: User) -> None:
    account = people.make_service_account(risk, owner)
    actions.deactivate_user(user=owner, actor=actor)
    assert not people.actor_for(account).grants
    with pytest.raises(Invalid) as invalid:
        actions.reassign_service_account(account=account, responsible=owner, actor=actor)
    assert list(invalid.value.fields) == ["responsible"]
    successor = people.make_user()
    actions.reassign_service_account(account=account, responsible=successor, actor=actor)
    entry = newest()
    assert entry["verb"] == "accounts.service_account.reassigned"
    assert (entry["data"]["before"]["responsible"], entry["data"]["after"]["responsible"]) == (
        str(owner.pk),
        str(successor.pk),
    )
    assert people.actor_for(account).grants


def test_closing_it_revokes_its_tokens(actor: Actor, risk: Team, owner: User) -> None:
    account = people.make_service_account(risk, owner)
    people.token_for(account)
    start = Entry.objects.count()
    actions.deactivate_service_account(account=account, actor=actor)
    assert [entry["verb"] for entry in leaves(start)] == [
        "accounts.api_token.revoked",
        "accounts.service_account.deactivated",
    ]
    assert not ApiToken.objects.filter(revoked_at__isnull=True).exists()
    assert not people.actor_for(account).grants
    with pytest.raises(Conflict):
        actions.deactivate_service_account(account=account, actor=actor)
    with pytest.raises(Conflict) as closed:
        actions.create_token(holder=account, name="late", scopes=[Scope.READ], days=1, actor=actor)
    assert closed.value.code == "holder_inactive"


def test_create_token_says_the_plaintext_once(owner: User) -> None:
    own = people.actor_for(owner)
    token, plaintext = actions.create_token(
        holder=owner, name="laptop", scopes=[Scope.WRITE, Scope.READ], days=365, actor=own
    )
    assert re.fullmatch(r"cs_[A-Za-z0-9_-]{43}", plaintext)
    assert token.expires_at - token.created_at == timedelta(days=365)
    entry = newest()
    assert entry["verb"] == "accounts.api_token.created"
    assert entry["data"]["after"] == {
        "name": "laptop",
        "user": str(owner.pk),
        "service_account": None,
        "scopes": ["read", "write"],
        "expires_at": clock.stamp(token.expires_at),
        "revoked_at": None,
    }
    stored = json.dumps(list(ApiToken.objects.values()), default=str) + json.dumps(leaves())
    assert plaintext not in stored
    assert plaintext[3:] not in stored
    assert plaintext.startswith(token.hint)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
    ],
)
def test_a_token_that_makes_no_sense(owner: User, given: dict[str, Any], field: str) -> None:
    asked = {"name": "t", "scopes": [Scope.READ], "days": 1} | given
    with pytest.raises(Invalid) as invalid:
        actions.create_token(holder=owner, **asked, actor=people.actor_for(owner))
    assert list(invalid.value.fields) == [field]
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("scope", [Scope.SIGN, Scope.EXPORT, Scope.ADMINISTER])
def test_a_machine_gets_no_token_that_decides(actor: Actor, risk: Team, owner: User, scope: Scope) -> None:
    account = people.make_service_account(risk, owner)
    with pytest.raises(Invalid) as invalid:
        actions.create_token(holder=account, name="t", scopes=[Scope.READ, scope], days=1, actor=actor)
    assert invalid.value.code == "token_scopes"


def test_nobody_makes_a_token_that_stands_for_another_person(actor: Actor, owner: User) -> None:
    with pytest.raises(Refused) as refused:
        actions.create_token(holder=owner, name="t", scopes=[Scope.READ], days=1, actor=actor)
    assert codes(refused) == ["not_your_token"]


def test_a_token_makes_none_for_its_person(owner: User) -> None:
    by_token = replace(people.actor_for(owner, via="rest"), scopes=frozenset({Scope.READ}))
    with pytest.raises(Refused) as refused:
        actions.create_token(holder=owner, name="t", scopes=[Scope.SIGN], days=1, actor=by_token)
    assert codes(refused) == ["token_makes_token"]


def test_who_answers_for_a_machine_makes_its_tokens(risk: Team, owner: User) -> None:
    account = people.make_service_account(risk, owner)
    token, _ = actions.create_token(
        holder=account, name="t", scopes=[Scope.WRITE], days=1, actor=people.actor_for(owner)
    )
    assert token.service_account == account
    with pytest.raises(Refused) as refused:
        actions.create_token(
            holder=account, name="t", scopes=[Scope.WRITE], days=1, actor=people.actor_for(people.make_user())
        )
    assert codes(refused) == ["permission_missing"]


def test_revoke_token(actor: Actor, owner: User) -> None:
    people.token_for(owner)
    token = ApiToken.objects.get()
    with pytest.raises(Refused):
        actions.revoke_token(token=token, actor=people.actor_for(people.make_user()))
    revoked = actions.revoke_token(token=token, actor=people.actor_for(owner))
    entry = newest()
    assert entry["verb"] == "accounts.api_token.revoked"
    assert entry["data"]["before"]["revoked_at"] is None
    assert entry["data"]["after"]["revoked_at"] == clock.stamp(revoked.revoked_at or clock.now())
    count = Entry.objects.count()
    again = actions.revoke_token(token=token, actor=actor)
    assert again.revoked_at == revoked.revoked_at
    assert Entry.objects.count() == count


def test_no_entry_no_token(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("the ledger cannot be written")

    people.token_for(owner)
    monkeypatch.setattr("countersign.accounts.actions.machines.append_entry", refuse)
    own = people.actor_for(owner)
    with pytest.raises(RuntimeError):
        actions.create_token(holder=owner, name="t", scopes=[Scope.READ], days=1, actor=own)
    with pytest.raises(RuntimeError):
        actions.revoke_token(token=ApiToken.objects.get(), actor=own)
    assert ApiToken.objects.get().revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_a_token_revoked_twice_at_once_has_one_entry() -> None:
    owner = people.make_user()
    people.token_for(owner)
    token, own = ApiToken.objects.get(), people.actor_for(owner)
    results = at_once(*[lambda: actions.revoke_token(token=token, actor=own)] * 2)
    assert all(isinstance(result, ApiToken) for result in results)
    assert sum(leaf["verb"] == "accounts.api_token.revoked" for leaf in leaves()) == 1


def test_actor_of_resolves_what_is_held_now(risk: Team, owner: User) -> None:
    account = people.make_service_account(risk, owner)
    act = actor_of(ActorKind.PERSON, owner.pk, via="job:1").act
    person = actor_of(ActorKind.PERSON, owner.pk, via="job:1", act=act, request="r-1")
    assert (person.act, person.request, person.via, person.person) == (act, "r-1", "job:1", owner.pk)
    assert person.grants == {Grant(Role.OWNER, risk.pk)}
    machine = actor_of(ActorKind.SERVICE, account.pk, via="job:1")
    assert (machine.kind, machine.person) == (ActorKind.SERVICE, owner.pk)
    assert actor_of(ActorKind.SYSTEM, None, via="beat").ref is None
    for kind in (ActorKind.PERSON, ActorKind.SERVICE):
        with pytest.raises(NotFound):
            actor_of(kind, risk.pk, via="job:1")


@pytest.mark.django_db(transaction=True)
def test_every_row_agrees_with_its_newest_entry(settings: Any, tmp_path: Path) -> None:
    """What `verify` promises an auditor: nobody changed a role or token behind the ledger's back."""

    def move_clock(seconds: float) -> None:
        settings.CLOCK_OFFSET_SECONDS += seconds

    begin()
    admin, risk = people.make_administrator("admin"), people.make_team("Risk")
    actor = people.actor_for(admin)
    leaver = people.make_user(roles=[(Role.OWNER, risk), (Role.REVIEWER, risk)])
    stayer = people.make_user()
    people.token_for(leaver)
    account = people.make_service_account(risk, leaver)
    people.token_for(account)
    actions.reset_password(user=stayer, actor=actor)
    actions.deactivate_user(user=leaver, actor=actor)
    actions.reactivate_user(user=leaver, actor=actor)
    actions.reassign_service_account(account=account, responsible=stayer, actor=actor)
    actions.deactivate_service_account(account=account, actor=actor)
    Sealing(tmp_path / "mirror", move_clock)()
    assert [str(finding) for finding in verify(anchors=[]).findings] == []
    ApiToken.objects.filter(user=leaver).update(revoked_at=None)
    (finding,) = verify(anchors=[]).findings
    assert "accounts.api_token" in str(finding)
