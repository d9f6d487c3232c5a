"""Service accounts and API tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.db import IntegrityError, transaction

from countersign import clock
from countersign.accounts import values
from countersign.accounts.models import ApiToken, ServiceAccount, Team, User
from countersign.accounts.verbs import (
    SERVICE_ACCOUNT_CREATED,
    SERVICE_ACCOUNT_DEACTIVATED,
    SERVICE_ACCOUNT_REASSIGNED,
    TOKEN_CREATED,
    TOKEN_REVOKED,
)
from countersign.actors import Actor, ActorKind
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission, Role, Scope
from countersign.verdicts import Verdict

TOKEN_PREFIX = "cs_"  # noqa: S105  what a token begins with, no secret
LONGEST_DAYS = 365
SERVICE_ROLES = frozenset({Role.VIEWER, Role.CONTRIBUTOR})
_SERVICE_SCOPES = frozenset({Scope.READ, Scope.WRITE})


def create_service_account(
    *, name: str, team: Team, responsible: User, role: Role, actor: Actor
) -> ServiceAccount:
    """A machine's identity in a team, as viewer or contributor; it never signs and one person answers for it.
    Raises Refused, Invalid, Conflict when the team has one of that name."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    if role not in SERVICE_ROLES:
        sentence = "A service account is viewer or contributor: deciding is for people."
        raise Invalid(sentence, fields={"role": [sentence]}, code="service_account_role")
    account = ServiceAccount(
        name=values.line(name, field="name", longest=100), team=team, role=role.value, created_at=clock.now()
    )
    try:
        with transaction.atomic():
            account.responsible = _active(responsible)
            account.save(force_insert=True)
            append_entry(verb=SERVICE_ACCOUNT_CREATED, subject=account, actor=actor)
    except IntegrityError:
        raise Conflict(
            f"{team} has a service account {account.name} already. Choose another name.",
            code="service_account_exists",
        ) from None
    return account


@transaction.atomic
def reassign_service_account(*, account: ServiceAccount, responsible: User, actor: Actor) -> ServiceAccount:
    """Name another person to answer for a service account. What it did before stays with the former one.
    Raises Refused, Invalid for a deactivated person."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    responsible = _active(responsible)
    account = ServiceAccount.objects.select_for_update().get(pk=account.pk)
    before = account.ledger_state()
    account.responsible = responsible
    account.save(update_fields=["responsible"])
    append_entry(verb=SERVICE_ACCOUNT_REASSIGNED, subject=account, actor=actor, before=before)
    return account


@transaction.atomic
def deactivate_service_account(*, account: ServiceAccount, actor: Actor) -> ServiceAccount:
    """Close a service account for good and revoke its tokens. Raises Refused, Conflict when it is closed."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    account = ServiceAccount.objects.select_for_update().get(pk=account.pk)
    if not account.is_active:
        raise Conflict(f"{account} is deactivated already.", code="service_account_inactive")
    before = account.ledger_state()
    tokens = list(
        ApiToken.objects.select_for_update()
        .filter(service_account=account, revoked_at__isnull=True)
        .order_by("pk")
    )
    tokens_before = [token.ledger_state() for token in tokens]
    for token in tokens:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])
    account.is_active = False
    account.save(update_fields=["is_active"])
    for token, token_before in zip(tokens, tokens_before, strict=True):
        append_entry(verb=TOKEN_REVOKED, subject=token, actor=actor, before=token_before)
    append_entry(verb=SERVICE_ACCOUNT_DEACTIVATED, subject=account, actor=actor, before=before)
    return account


@transaction.atomic
def create_token(
    *, holder: User | ServiceAccount, name: str, scopes: Collection[Scope], days: int, actor: Actor
) -> tuple[ApiToken, str]:
    """An API token of a person or service account for 1 to 365 days, and its plaintext: `cs_` and 43
    characters, returned here and kept nowhere. Raises Refused (a person makes their own, signed in; a service
    account's are made by an administrator or the person who answers for it), Invalid, Conflict for a
    deactivated holder."""
    if not (verdict := may_make_token(holder=holder, actor=actor)):
        raise Refused(verdict)
    name = values.line(name, field="name", longest=100)
    _check_scopes(holder, scopes)
    if not 1 <= days <= LONGEST_DAYS:
        sentence = f"A token lasts from 1 to {LONGEST_DAYS} days."
        raise Invalid(sentence, fields={"days": [sentence]})
    locked = type(holder).objects.select_for_update().get(pk=holder.pk)
    if not locked.is_active:
        raise Conflict(f"{holder} is deactivated: no token is made.", code="holder_inactive")
    plaintext = TOKEN_PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    token = ApiToken.objects.create(
        digest=digest_of(plaintext),
        hint=plaintext[:9],
        name=name,
        user=holder if isinstance(holder, User) else None,
        service_account=holder if isinstance(holder, ServiceAccount) else None,
        scopes=sorted({scope.value for scope in scopes}),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    append_entry(verb=TOKEN_CREATED, subject=token, actor=actor)
    return token, plaintext


@transaction.atomic
def revoke_token(*, token: ApiToken, actor: Actor) -> ApiToken:
    """Close a token at once; a token closed before stays as it is. Raises Refused unless the actor holds it,
    answers for its service account or manages people."""
    token = (
        ApiToken.objects.select_for_update(of=("self",)).select_related("service_account").get(pk=token.pk)
    )
    person = token.user_id if token.service_account is None else token.service_account.responsible_id
    if not (actor.kind is ActorKind.PERSON and actor.person == person) and not (
        verdict := actor.may(Permission.MANAGE_PEOPLE)
    ):
        raise Refused(verdict)
    if token.revoked_at is not None:
        return token
    before = token.ledger_state()
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    append_entry(verb=TOKEN_REVOKED, subject=token, actor=actor, before=before)
    return token


def may_make_token(*, holder: User | ServiceAccount, actor: Actor) -> Verdict:
    """Whether the actor may make a token of this holder: never a person's by another, nor a person's by a
    token, which would widen its own scopes."""
    if actor.kind is ActorKind.SYSTEM:
        return Verdict.allow()
    person = holder.pk if isinstance(holder, User) else holder.responsible_id
    answers = actor.kind is ActorKind.PERSON and actor.person == person
    if answers and actor.scopes is None:
        return Verdict.allow()
    if isinstance(holder, ServiceAccount):
        return actor.may(Permission.MANAGE_PEOPLE)
    if answers:
        return Verdict.because(
            "token_makes_token",
            "A token cannot make another of a person. Sign in and make it on your own page.",
        )
    return Verdict.because(
        "not_your_token", "Only the person a token stands for makes it, on their own page."
    )


def digest_of(plaintext: str) -> str:
    """The SHA-256 a token is known by. It is random, so a fast hash without salt is enough."""
    return hashlib.sha256(plaintext.encode()).hexdigest()


def _check_scopes(holder: User | ServiceAccount, scopes: Collection[Scope]) -> None:
    sentence = ""
    if not scopes:
        sentence = "Choose at least one scope."
    elif isinstance(holder, ServiceAccount) and not set(scopes) <= _SERVICE_SCOPES:
        sentence = "A service account's token has the scopes read and write, no others."
    if sentence:
        raise Invalid(sentence, fields={"scopes": [sentence]}, code="token_scopes")


def _active(person: User) -> User:
    person = User.objects.select_for_update().get(pk=person.pk)
    if not person.is_active:
        sentence = f"{person} is deactivated. Name somebody who can answer for it."
        raise Invalid(sentence, fields={"responsible": [sentence]}, code="person_inactive")
    return person
