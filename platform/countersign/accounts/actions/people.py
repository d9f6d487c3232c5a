"""People: made, deactivated, and the passwords they sign in with."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from countersign import clock
from countersign.accounts import values
from countersign.accounts.actions.roles import grant_role, keep_an_administrator
from countersign.accounts.models import ApiToken, Membership, User
from countersign.accounts.verbs import (
    LOCKED_OUT,
    PASSWORD_CHANGED,
    PASSWORD_RESET,
    ROLE_ENDED,
    SESSIONS_ENDED,
    TOKEN_REVOKED,
    USER_CREATED,
    USER_DEACTIVATED,
    USER_REACTIVATED,
)
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.identifiers import fold
from countersign.ledger.append import append_entry
from countersign.permissions import Permission, Role
from countersign.verdicts import Verdict


def create_user(*, username: str, full_name: str, password: str, actor: Actor, email: str = "") -> User:
    """A person. A password an administrator chose is temporary: its owner must choose their own before
    anything else. Raises Refused, Invalid, Conflict when the sign-in name (as folded) is taken."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    user = User(
        username=values.username(username),
        full_name=values.line(full_name, field="full_name", longest=200),
        email=values.email(email),
        password_is_temporary=actor.person is not None,
        created_at=clock.now(),
    )
    user.password = make_password(values.password(password, user=user))
    if User.objects.filter(username_folded=fold(user.username)).exists():
        raise _username_taken()
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            personal = {"username": user.username, "full_name": user.full_name}
            append_entry(verb=USER_CREATED, subject=user, actor=actor, personal=personal)
    except IntegrityError:  # another caller was first, between the look and the insert
        raise _username_taken() from None
    return user


@transaction.atomic
def first_administrator(
    *, actor: Actor, username: str = "administrator", full_name: str = "Administrator"
) -> tuple[User, str] | None:
    """The first administrator of a new instance and a random password, which is returned here and kept
    nowhere; None, and nothing changed, when somebody is or was administrator."""
    if Membership.objects.filter(role=Role.ADMINISTRATOR).exists():
        return None
    password = values.random_password()
    user = create_user(username=username, full_name=full_name, password=password, actor=actor)
    grant_role(user=user, role=Role.ADMINISTRATOR, actor=actor)
    return user, password


@transaction.atomic
def deactivate_user(*, user: User, actor: Actor, reason: str = "") -> User:
    """Close a person's account: they cannot sign in, every role ends now, every token is revoked, and service
    accounts they answer for open nothing until somebody else does. Raises Refused (nobody deactivates
    themselves or the last administrator), Conflict when it is closed already."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    if actor.person == user.pk:
        raise Refused(
            Verdict.because(
                "deactivating_oneself", "Nobody deactivates themselves. Ask another administrator."
            )
        )
    user = User.objects.select_for_update().get(pk=user.pk)
    if not user.is_active:
        raise Conflict(f"{user} is deactivated already.", code="person_inactive")
    keep_an_administrator(without=user)
    now = clock.now()
    memberships = list(
        Membership.objects.select_for_update()
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now), user=user)
        .order_by("pk")
    )
    tokens = list(
        ApiToken.objects.select_for_update().filter(user=user, revoked_at__isnull=True).order_by("pk")
    )
    roles_before = [membership.ledger_state() for membership in memberships]
    tokens_before = [token.ledger_state() for token in tokens]
    user_before = user.ledger_state()
    for membership in memberships:
        membership.ends_at = max(now, membership.starts_at)
        membership.save(update_fields=["ends_at"])
    for token in tokens:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
    user.is_active = False
    user.save(update_fields=["is_active"])
    for membership, before in zip(memberships, roles_before, strict=True):
        append_entry(verb=ROLE_ENDED, subject=membership, actor=actor, before=before)
    for token, before in zip(tokens, tokens_before, strict=True):
        append_entry(verb=TOKEN_REVOKED, subject=token, actor=actor, before=before)
    personal = {"reason": reason.strip()} if reason.strip() else None
    append_entry(verb=USER_DEACTIVATED, subject=user, actor=actor, before=user_before, personal=personal)
    return user


@transaction.atomic
def reactivate_user(*, user: User, actor: Actor) -> User:
    """Open a closed account again, without roles and tokens: those are given anew. Raises Refused, Conflict
    when it is open."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.is_active:
        raise Conflict(f"{user} is active already.", code="person_active")
    before = user.ledger_state()
    user.is_active = True
    user.save(update_fields=["is_active"])
    append_entry(verb=USER_REACTIVATED, subject=user, actor=actor, before=before)
    return user


def change_password(*, user: User, password: str, reauthenticated_at: datetime, actor: Actor) -> User:
    """A person's own new password; `reauthenticated_at` is what `reauthentication` gave for the old one.
    Sessions elsewhere end with it (their hash no longer fits). Raises Refused, Invalid for a weak password or
    the same."""
    if actor.person != user.pk or actor.scopes is not None:
        raise Refused(
            Verdict.because(
                "not_your_password", "Only the person changes their password, signed in on a page."
            )
        )
    if user.check_password(password):
        sentence = "Choose a password that is not the one you have."
        raise Invalid(sentence, fields={"password": [sentence]}, code="password_weak")
    hashed = make_password(values.password(password, user=user))
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        before = user.ledger_state()
        user.password, user.password_is_temporary = hashed, False
        user.save(update_fields=["password", "password_is_temporary"])
        details = {"reauthenticated_at": clock.stamp(reauthenticated_at)}
        append_entry(verb=PASSWORD_CHANGED, subject=user, actor=actor, before=before, details=details)
    return user


def reset_password(*, user: User, actor: Actor) -> tuple[User, str]:
    """A temporary password for a person who forgot theirs, returned here and kept nowhere; their sessions
    end. Raises Refused; one's own is changed, not reset."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    if actor.person == user.pk:
        raise Refused(Verdict.because("own_password", "Change your own password on your page."))
    password = values.random_password()
    hashed = make_password(password)
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        before = user.ledger_state()
        user.password, user.password_is_temporary = hashed, True
        user.save(update_fields=["password", "password_is_temporary"])
        append_entry(verb=PASSWORD_RESET, subject=user, actor=actor, before=before)
    return user, password


@transaction.atomic
def end_sessions(*, user: User, actor: Actor) -> User:
    """End every session of a person, in all browsers: by themselves, or by who manages people. Tokens stay: they are
    revoked one by one. Raises Refused."""
    if actor.person != user.pk and not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    user = User.objects.select_for_update().get(pk=user.pk)
    user.sessions_ended_at = clock.now()
    user.save(update_fields=["sessions_ended_at"])
    append_entry(verb=SESSIONS_ENDED, subject=user, actor=actor)
    return user


@transaction.atomic
def record_lockout(*, user: User, seconds: int, address: str, actor: Actor) -> None:
    """Note in the ledger that an account was locked for some seconds after failed sign-ins from an
    address."""
    append_entry(
        verb=LOCKED_OUT,
        subject=user,
        actor=actor,
        details={"seconds": seconds},
        personal={"address": address} if address else None,
    )


def _username_taken() -> Conflict:
    return Conflict(
        "There is a person with this user name already, or one that reads the same. Choose another.",
        code="username_taken",
    )
