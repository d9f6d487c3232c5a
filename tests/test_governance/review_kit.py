"""What the tests of reviews and promotions share: a version with evidence, a policy that asks for two sign-offs,
the people who may give them, and a ledger to look at.

    case = make_case()
    review = case.ask()
    case.sign(review, case.validator, "validation")
    case.sign(review, case.approver, "approval")        # the last one approves
    case.promote()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from countersign import clock
from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.ledger.models import Entry, Recorded
from countersign.permissions import Role
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation
from governance.policies.models import PolicyRevision
from governance.promotion.actions import promote, roll_back
from governance.promotion.models import Promotion
from governance.reviews.actions import request_review, sign_off
from governance.reviews.models import Review, SignOff
from governance.reviews.queries import standing_of
from registry.versions.models import ModelVersion
from tests.factories import registry as make
from tests.factories.governance import (
    Subject,
    estimate,
    make_card,
    make_evaluation,
    make_policy,
    make_subject,
    policy_text,
    results_of,
)
from tests.factories.people import actor_for, make_user

SIGN_OFFS = [
    {
        "key": "validation",
        "title": "Independent validation",
        "meaning": "validation",
        "role": "reviewer",
        "independent": True,
    },
    {"key": "approval", "title": "Approval", "meaning": "approval", "role": "approver"},
]


@dataclass
class Case:
    """A version that may be approved, and who may do it."""

    subject: Subject
    policy: PolicyRevision
    environment: Environment
    evaluation: Evaluation | None
    validator_user: User
    approver_user: User
    owner_user: User

    @property
    def version(self) -> ModelVersion:
        """The version, fresh from the database."""
        return ModelVersion.objects.select_related("model__team").get(pk=self.subject.version.pk)

    @property
    def maker(self) -> Actor:
        """Who made the version."""
        return self.subject.maker

    @property
    def validator(self) -> Actor:
        """A reviewer of the team who made nothing."""
        return actor_for(self.validator_user)

    @property
    def approver(self) -> Actor:
        """An approver of the team."""
        return actor_for(self.approver_user)

    @property
    def owner(self) -> Actor:
        """An owner of the team who made nothing."""
        return actor_for(self.owner_user)

    def ask(self, *, version: ModelVersion | None = None, reason: str = "It ranks better.") -> Review:
        """A review of the version for production."""
        return request_review(
            version=version or self.version,
            environment=self.environment,
            reason=reason,
            due_on=None,
            actor=self.maker,
        )

    def sign(self, review: Review, actor: Actor, requirement: str, **given: Any) -> SignOff:
        """A sign-off on the subject as it is now; an approval, unless told otherwise."""
        asked: dict[str, Any] = {
            "decision": "approve",
            "seen_digest": standing_of(fresh(review)).subject.digest,
            "reason": "I looked at the evidence.",
            "reauthenticated_at": clock.now(),
            "method": "password",
        }
        return sign_off(review=review, requirement=requirement, actor=actor, **(asked | given))

    def approve(self, *, version: ModelVersion | None = None) -> Review:
        """A review of the version that is approved."""
        review = self.ask(version=version)
        self.sign(review, self.validator, "validation")
        self.sign(review, self.approver, "approval")
        return fresh(review)

    def promote(self, *, version: ModelVersion | None = None, **given: Any) -> Promotion:
        """Make the version live in production, by an owner."""
        asked: dict[str, Any] = {"reason": "Approved; the champion is older.", "actor": self.owner}
        return promote(version=version or self.version, environment=self.environment, **(asked | given))

    def roll_back(self, version: ModelVersion, **given: Any) -> Promotion:
        """Bring a version back, by an owner."""
        asked: dict[str, Any] = {"reason": "Declines rose.", "actor": self.owner}
        return roll_back(version=version, environment=self.environment, **(asked | given))

    def next_version(self) -> ModelVersion:
        """Another version of the model, with evidence that meets the policy."""
        version = make.make_version(self.subject.version.model, actor=self.maker)
        subject = Subject(self.subject.team, self.maker, version, self.subject.training, self.subject.holdout)
        make_evaluation(subject)
        return version

    def member(self, *roles: Role, full_name: str = "") -> Actor:
        """Somebody else with these roles in the team."""
        return actor_for(make_user(full_name=full_name, roles=[(role, self.subject.team) for role in roles]))


def make_case(
    *, tier: str = "high", evidence: dict[str, Any] | None = None, measured: bool = True, **policy: Any
) -> Case:
    """A version of this tier with evidence that meets the policy (`evidence` replaces single metrics)."""
    subject = make_subject(tier=tier)
    team = subject.team  # its people first: a policy nobody could satisfy is refused
    validator = make_user(full_name="Vera Validator", roles=[(Role.REVIEWER, team)])
    approver = make_user(full_name="Arun Approver", roles=[(Role.APPROVER, team)])
    owner = make_user(full_name="Olga Owner", roles=[(Role.OWNER, team)])
    revision = make_policy(policy_text(risk_tier=tier, **({"sign_offs": SIGN_OFFS} | policy)))
    evaluation = (
        make_evaluation(subject, results=results_of(subject, **(evidence or {}))) if measured else None
    )
    return Case(
        subject=subject,
        policy=revision,
        environment=revision.policy.environment,
        evaluation=evaluation,
        validator_user=validator,
        approver_user=approver,
        owner_user=owner,
    )


WEAK = {"roc_auc": estimate(0.66, 0.64, 0.68)}
"""Evidence that misses the policy of `make_case`."""


def fresh(review: Review) -> Review:
    """The review as the database has it."""
    return Review.objects.select_related(
        "version__model__team", "version__run", "version__parent", "environment", "policy_revision__policy"
    ).get(pk=review.pk)


def move_card(case: Case) -> None:
    """Somebody writes the card: a part of the subject moves."""
    make_card(case.version, actor=case.member(Role.CONTRIBUTOR))


def leaves() -> list[dict[str, Any]]:
    """Every entry, oldest first."""
    return [orjson.loads(bytes(entry.canonical)) for entry in Entry.objects.order_by("id")]


def entry_of(verb: str, subject: Recorded) -> dict[str, Any]:
    """The one entry of a verb about a subject."""
    found = [one for one in leaves() if one["verb"] == verb and one["subject"]["ref"] == str(subject.pk)]
    assert len(found) == 1, f"{len(found)} entries {verb}"
    return found[0]


def assert_told(
    leaf: dict[str, Any], *, actor: Actor, subject: Recorded, personal: set[str] = frozenset()
) -> None:
    """Assert that an entry names its actor and act, holds the row's state now, and commits to these words."""
    assert leaf["actor"] == {"kind": actor.kind.value, "ref": str(actor.ref)}
    assert leaf["act"] == str(actor.act)
    assert leaf["subject"] == {"type": subject.ledger_type, "ref": str(subject.pk)}
    after = {name: value for name, value in leaf["data"]["after"].items() if name != "details"}
    assert after == type(subject).objects.get(pk=subject.pk).ledger_state()
    assert set(leaf["personal"]) == personal


def counts() -> dict[str, int]:
    """How many rows each table has."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(governance|registry|ledger)_' ORDER BY 1"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Assert that no row comes or goes inside."""
    before = counts()
    yield
    assert counts() == before


@contextmanager
def broken_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger whose INSERT fails in the database, as on a full disk; whatever was done must then be undone."""
    from countersign.ledger import append

    insert = "INSERT INTO ledger_entry (canonical) VALUES (%s), (NULL)"
    personal = (
        f"WITH entry AS ({insert} RETURNING id), personal AS (INSERT INTO ledger_personal (entry, field, value, salt) "
        "SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bytea[])) SELECT 1"
    )
    with monkeypatch.context() as patched, nothing_changes():
        patched.setattr(append, "_INSERT", insert)
        patched.setattr(append, "_INSERT_PERSONAL", personal)
        with pytest.raises(IntegrityError, match="null value in column"), transaction.atomic():
            yield


def client_of(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client
