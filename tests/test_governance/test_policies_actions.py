"""A policy binds only when a second person of compliance put it in force; every step is in the ledger."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict, CountersignError, Invalid, NotFound, Refused
from countersign.ledger.models import Entry
from countersign.ledger.presenters import present
from countersign.permissions import Permission, Role
from governance.environments.models import Environment
from governance.policies.access import get_policy, get_revision
from governance.policies.actions import draft_revision, put_in_force, ship_policies, start_policy
from governance.policies.models import Policy, PolicyRevision, RevisionState
from governance.policies.queries import (
    policies_visible_to,
    policies_with_standing,
    policy_in_force,
    revisions_of,
    standing_of,
)
from governance.policies.rules import document_of, parse
from tests.factories.governance import AUC, make_compliance, make_environment, make_policy, policy_text
from tests.factories.people import actor_for, make_team, make_user
from tests.test_registry.kit import assert_entry, leaves, verbs_since

TIGHTER = policy_text(rules=[AUC | {"limit": 0.75}])
TIGHTEST = policy_text(rules=[AUC | {"limit": 0.8}])


@pytest.fixture
def author(db: None) -> Actor:
    return make_compliance()


@pytest.fixture
def second(db: None) -> Actor:
    return make_compliance()


@pytest.fixture
def production(db: None) -> Environment:
    return make_environment("production")


def counts() -> tuple[int, int, int]:
    return Policy.objects.count(), PolicyRevision.objects.count(), Entry.objects.count()


def test_a_draft_binds_nothing(author: Actor, production: Environment) -> None:
    revision = start_policy(text=policy_text(), actor=author)
    assert (revision.number, revision.state, revision.author_id) == (1, RevisionState.DRAFT, author.ref)
    assert revision.text == policy_text()
    assert revision.digest == parse(policy_text()).digest
    assert policy_in_force("high", production) is None
    assert standing_of(revision.policy).drafts == [revision]


def test_a_second_person_puts_it_in_force_and_ends_the_one_before(
    author: Actor, second: Actor, production: Environment
) -> None:
    first = put_in_force(revision=start_policy(text=policy_text(), actor=author), actor=second)
    assert policy_in_force("high", production) == first
    assert policy_in_force("medium", production) is None
    draft = draft_revision(policy=first.policy, text=TIGHTER, actor=second)
    assert policy_in_force("high", production) == first
    put_in_force(revision=draft, actor=author)
    first.refresh_from_db()
    draft.refresh_from_db()
    assert (first.state, draft.state) == (RevisionState.SUPERSEDED, RevisionState.IN_FORCE)
    assert first.in_force_until == draft.in_force_from
    assert draft.approved_by_id == author.ref
    in_force = policy_in_force("high", production)
    assert in_force is not None
    assert str(document_of(in_force).rules[0].limit) == "0.75"


def test_nobody_puts_their_own_draft_in_force(author: Actor, production: Environment) -> None:
    draft = start_policy(text=policy_text(), actor=author)
    before = counts()
    with pytest.raises(Refused) as refused:
        put_in_force(revision=draft, actor=author)
    assert refused.value.code == "author_cannot_approve"
    assert counts() == before
    assert policy_in_force("high", production) is None


def test_nor_does_the_database_let_them(author: Actor, second: Actor, production: Environment) -> None:
    draft = start_policy(text=policy_text(), actor=author)
    now = clock.now()

    def becomes(**fields: Any) -> None:
        with transaction.atomic():
            PolicyRevision.objects.filter(id=draft.id).update(**fields)

    force = {"state": "in_force", "in_force_from": now}
    for fields, name in (
        (force | {"approved_by": author.ref}, "policy_put_in_force_by_another"),
        (force, "policy_in_force_was_approved"),
        ({"approved_by": second.ref}, "policy_in_force_was_approved"),
        (
            {"state": "superseded", "in_force_from": now, "approved_by": second.ref},
            "policy_superseded_has_an_end",
        ),
        ({"text": TIGHTER}, "never changes but in"),
        ({"author": second.ref}, "never changes but in"),
        ({"digest": "0" * 64}, "never changes but in"),
    ):
        with pytest.raises(IntegrityError, match=name):
            becomes(**fields)
    put_in_force(revision=draft, actor=second)
    later = draft_revision(policy=draft.policy, text=TIGHTER, actor=second)
    with pytest.raises(IntegrityError, match="one_policy_revision_in_force"), transaction.atomic():
        PolicyRevision.objects.filter(id=later.id).update(approved_by=author.ref, **force)
    for queryset in (PolicyRevision.objects.all(), Policy.objects.all()):
        with pytest.raises(IntegrityError), transaction.atomic():
            queryset.delete()
    with pytest.raises(IntegrityError, match="keeps its name"), transaction.atomic():
        Policy.objects.update(risk_tier="low")


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR, Role.OWNER, Role.APPROVER])
def test_only_compliance_writes_policy(author: Actor, production: Environment, role: Role) -> None:
    draft = start_policy(text=policy_text(), actor=author)
    team = make_team() if role in (Role.OWNER, Role.APPROVER) else None
    somebody = actor_for(make_user(roles=[(role, team)]))
    before = counts()
    for attempt in (
        lambda: start_policy(text=policy_text(risk_tier="low"), actor=somebody),
        lambda: draft_revision(policy=draft.policy, text=TIGHTER, actor=somebody),
        lambda: put_in_force(revision=draft, actor=somebody),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "permission_missing"
    assert counts() == before


def test_nor_does_the_platform_itself(author: Actor, production: Environment) -> None:
    draft = start_policy(text=policy_text(), actor=author)
    for attempt in (
        lambda: draft_revision(policy=draft.policy, text=TIGHTER, actor=Actor.system()),
        lambda: put_in_force(revision=draft, actor=Actor.system()),
    ):
        with pytest.raises(Refused, match="by people"):
            attempt()


def test_a_compliance_officer_who_left_puts_nothing_in_force(author: Actor, production: Environment) -> None:
    draft = start_policy(text=policy_text(), actor=author)
    bare = actor_for(make_user())
    with pytest.raises(Refused):
        put_in_force(revision=draft, actor=bare)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"risk_tier": "low"}, "“risk_tier” must stay “high”, not “low”"),
        ({"environment": "staging"}, "“environment” must stay “production”, not “staging”"),
        ({"policy": "Another name"}, "“policy” must stay “High tier, production”"),
    ],
)
def test_a_revision_keeps_to_its_policy(changes: dict[str, str], said: str, db: None) -> None:
    policy = make_policy().policy
    before = counts()
    with pytest.raises(Invalid) as invalid:
        draft_revision(policy=policy, text=policy_text(**changes), actor=make_compliance())
    assert invalid.value.code == "policy_invalid"
    assert said in invalid.value.fields["text"][0]
    assert PolicyRevision.objects.count() == before[1]


def test_a_text_with_errors_is_not_saved(author: Actor, production: Environment) -> None:
    before = counts()
    with pytest.raises(Invalid) as invalid:
        start_policy(text=policy_text(rules=[AUC | {"path": "metrics.roc"}]), actor=author)
    assert invalid.value.fields["text"][0].startswith("line ")
    assert counts() == before


def test_the_same_text_is_not_drafted_twice(db: None) -> None:
    revision = make_policy()
    somebody = make_compliance()
    with pytest.raises(Conflict, match="Revision 1 is in force and says exactly this"):
        draft_revision(policy=revision.policy, text=revision.text, actor=somebody)
    draft_revision(policy=revision.policy, text=TIGHTER, actor=somebody)
    with pytest.raises(Conflict, match="Revision 2 is a draft and says exactly this"):
        draft_revision(policy=revision.policy, text=TIGHTER, actor=make_compliance())


def test_a_tier_and_an_environment_have_one_policy(db: None) -> None:
    make_policy()
    with pytest.raises(Conflict) as conflict:
        start_policy(text=TIGHTER, actor=make_compliance())
    assert conflict.value.code == "policy_exists"
    with pytest.raises(Invalid) as unknown:
        start_policy(text=policy_text(environment="moon"), actor=make_compliance())
    assert unknown.value.fields["text"] == ["line 3: There is no environment “moon”. Known: production."]


def test_a_draft_overtaken_by_a_later_one_cannot_undo_it(db: None) -> None:
    policy = make_policy().policy
    overtaken = draft_revision(policy=policy, text=TIGHTER, actor=make_compliance())
    later = draft_revision(policy=policy, text=TIGHTEST, actor=make_compliance())
    put_in_force(revision=later, actor=make_compliance())
    with pytest.raises(Conflict, match="Revision 3 came into force after this draft was written"):
        put_in_force(revision=overtaken, actor=make_compliance())
    assert standing_of(policy).drafts == []
    with pytest.raises(Conflict, match="in force already"):
        put_in_force(revision=later, actor=make_compliance())


def test_every_step_is_told_exactly(author: Actor, second: Actor, production: Environment) -> None:
    text_digest = f"sha256:{sha256(policy_text().encode()).hexdigest()}"
    began = len(leaves())
    draft = start_policy(text=policy_text(), actor=author)
    state = {
        "policy": str(draft.policy_id),
        "number": 1,
        "digest": f"sha256:{draft.digest}",
        "text_digest": text_digest,
        "state": "draft",
        "author": str(author.ref),
        "approved_by": None,
        "in_force_from": None,
        "in_force_until": None,
    }
    started, drafted = leaves()[began:]
    assert_entry(
        started,
        verb="governance.policy.started",
        subject=draft.policy,
        actor=author,
        after={"name": "High tier, production", "risk_tier": "high", "environment": str(production.id)},
    )
    assert_entry(drafted, verb="governance.policy_revision.drafted", subject=draft, actor=author, after=state)
    began = len(leaves())
    put_in_force(revision=draft, actor=second)
    draft.refresh_from_db()
    assert draft.in_force_from is not None
    forced = state | {
        "state": "in_force",
        "approved_by": str(second.ref),
        "in_force_from": clock.stamp(draft.in_force_from),
    }
    (entry,) = leaves()[began:]
    assert_entry(
        entry,
        verb="governance.policy_revision.put_in_force",
        subject=draft,
        actor=second,
        before=state,
        after=forced,
    )
    began = len(leaves())
    put_in_force(revision=draft_revision(policy=draft.policy, text=TIGHTER, actor=second), actor=author)
    assert verbs_since(began) == [
        "governance.policy_revision.drafted",
        "governance.policy_revision.superseded",
        "governance.policy_revision.put_in_force",
    ]
    superseded = leaves()[began + 1]
    draft.refresh_from_db()
    assert draft.in_force_until is not None
    until = {"state": "superseded", "in_force_until": clock.stamp(draft.in_force_until)}
    assert superseded["data"] == {"before": forced, "after": forced | until}
    said = [str(present(leaf, {})) for leaf in [started, drafted, entry, superseded]]
    assert said == [
        "started the policy “High tier, production” for high tier",
        "drafted revision 1 of the policy “High tier, production”",
        "put revision 1 of the policy “High tier, production” in force",
        "ended revision 1 of the policy “High tier, production”",
    ]


def test_if_the_ledger_cannot_be_written_nothing_happened(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from countersign.ledger import append

    revision = make_policy()
    draft = draft_revision(policy=revision.policy, text=TIGHTER, actor=make_compliance())
    make_environment("staging")
    officer = make_compliance()
    before = counts(), list(PolicyRevision.objects.order_by("id").values())
    monkeypatch.setattr(append, "_INSERT", "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)")
    for attempt in (
        lambda: start_policy(text=policy_text(risk_tier="low"), actor=officer),
        lambda: draft_revision(policy=revision.policy, text=TIGHTEST, actor=officer),
        lambda: put_in_force(revision=draft, actor=officer),
        lambda: ship_policies(actor=Actor.system()),
    ):
        with pytest.raises(IntegrityError, match="null value"), transaction.atomic():
            attempt()
    assert (counts(), list(PolicyRevision.objects.order_by("id").values())) == before


@pytest.mark.django_db(transaction=True)
def test_two_who_put_different_drafts_in_force_leave_one_in_force() -> None:
    policy = make_policy().policy
    drafts = [
        draft_revision(policy=policy, text=text, actor=make_compliance()) for text in (TIGHTER, TIGHTEST)
    ]
    officers = [make_compliance() for _ in range(6)]
    gate = threading.Barrier(6)

    def force(number: int) -> Any:
        gate.wait(timeout=30)
        try:
            return put_in_force(revision=drafts[number % 2], actor=officers[number])
        except CountersignError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(force, range(6)))
    won = [one for one in given if isinstance(one, PolicyRevision)]
    lost = [one for one in given if not isinstance(one, PolicyRevision)]
    assert 1 <= len(won) <= 2
    assert {error.code for error in lost} == {"policy_moved_on"}
    in_force = [one for one in revisions_of(policy) if one.state == RevisionState.IN_FORCE]
    assert [one.number for one in in_force] == [max(one.number for one in won)]
    forced = [leaf for leaf in leaves() if leaf["verb"] == "governance.policy_revision.put_in_force"]
    assert len(forced) == len(won) + 1  # and the first of all


@pytest.mark.django_db(transaction=True)
def test_two_who_start_the_same_policy_start_one() -> None:
    make_environment("production")
    officers = [make_compliance() for _ in range(4)]

    def begin(officer: Actor) -> Any:
        try:
            return start_policy(text=policy_text(), actor=officer)
        except CountersignError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(begin, officers))
    assert given.count("policy_exists") == 3
    assert Policy.objects.count() == PolicyRevision.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_drafts_at_once_get_two_numbers() -> None:
    policy = make_policy().policy
    officers = [make_compliance() for _ in range(4)]

    def draft(number: int) -> int:
        try:
            text = policy_text(rules=[AUC | {"limit": 0.5 + number / 100}])
            return draft_revision(policy=policy, text=text, actor=officers[number]).number
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(draft, range(4))) == [2, 3, 4, 5]


def test_shipped_policies_are_put_in_force_once(db: None) -> None:
    for slug in ("staging", "production"):
        make_environment(slug)
    began = len(leaves())
    shipped = ship_policies(actor=Actor.system())
    assert len(shipped) == 6
    assert sorted(verbs_since(began)) == (
        ["governance.policy.started"] * 6 + ["governance.policy_revision.shipped"] * 6
    )
    for revision in shipped:
        assert (revision.number, revision.state) == (1, RevisionState.IN_FORCE)
        assert revision.author_id is None
        environment = revision.policy.environment
        assert policy_in_force(revision.policy.risk_tier, environment) == revision
    began = len(leaves())
    assert ship_policies(actor=Actor.system()) == []
    assert verbs_since(began) == []


def test_a_policy_changed_since_installation_is_left_alone(db: None) -> None:
    make_environment("production")
    high = next(r for r in ship_policies(actor=Actor.system()) if r.policy.risk_tier == "high")
    text = high.text.replace("limit: 0.05", "limit: 0.04")
    mine = put_in_force(
        revision=draft_revision(policy=high.policy, text=text, actor=make_compliance()),
        actor=make_compliance(),
    )
    make_environment("staging")
    assert len(ship_policies(actor=Actor.system())) == 3  # staging, which came later
    assert policy_in_force("high", high.policy.environment) == mine


def test_nobody_but_the_platform_ships_policies(author: Actor, production: Environment) -> None:
    with pytest.raises(Refused) as refused:
        ship_policies(actor=author)
    assert refused.value.code == "platform_only"
    assert not Policy.objects.exists()


def test_every_policy_with_its_standing_in_a_fixed_number_of_queries(
    author: Actor, django_assert_num_queries: Any
) -> None:
    for slug in ("staging", "production"):
        make_environment(slug)
    ship_policies(actor=Actor.system())
    policy = Policy.objects.get(risk_tier="high", environment__slug="production")
    draft = draft_revision(policy=policy, text=policy.revisions.get().text + "\n# a note\n", actor=author)
    with django_assert_num_queries(2):
        standings = policies_with_standing(author)
    assert [one.policy.name for one in standings] == [
        f"{tier} tier, {where}" for where in ("staging", "production") for tier in ("Low", "Medium", "High")
    ]
    assert all(one.in_force is not None for one in standings)
    assert [one.drafts for one in standings] == [[]] * 5 + [[draft]]


def test_policies_are_got_by_who_asks(author: Actor, db: None) -> None:
    revision = make_policy()
    viewer = actor_for(make_user(roles=[(Role.VIEWER, make_team())]))
    assert get_policy(viewer, revision.policy_id) == revision.policy
    assert get_revision(viewer, revision.policy_id, 1) == revision
    assert list(policies_visible_to(viewer)) == [revision.policy]
    assert get_policy(author, revision.policy_id, Permission.WRITE_POLICY)
    with pytest.raises(Refused):
        get_policy(viewer, revision.policy_id, Permission.WRITE_POLICY)
    with pytest.raises(NotFound):
        get_policy(author, revision.id)
    with pytest.raises(NotFound, match="has no revision 2"):
        get_revision(author, revision.policy_id, 2)
