"""Proving again who one is, right before a signature or another act that must not be done by a stray
session."""

from __future__ import annotations

from datetime import datetime

import structlog

from countersign import clock
from countersign.accounts import actions, throttle
from countersign.accounts.models import User
from countersign.actors import Actor, ActorKind
from countersign.errors import Refused
from countersign.verdicts import Verdict

log = structlog.get_logger(__name__)


def confirm_password(actor: Actor, password: str) -> datetime:
    """The instant at which the actor, a person, gave their own password. Raises Refused
    (`reauthentication_failed`; `password_is_temporary` for one somebody else chose), LockedOut after
    several."""
    user = _person(actor)
    if user.password_is_temporary:
        raise Refused(
            Verdict.because(
                "password_is_temporary",
                "Somebody else chose your password. Choose your own on your page before you sign.",
            )
        )
    return _prove(user, password, actor)


def confirm_any_password(actor: Actor, password: str) -> datetime:
    """`confirm_password`, also with a temporary one: to choose one's own instead."""
    return _prove(_person(actor), password, actor)


def _person(actor: Actor) -> User:
    user = None
    if actor.kind is ActorKind.PERSON and actor.ref is not None:
        user = User.objects.filter(pk=actor.ref, is_active=True).first()
    if user is None:
        raise Refused(
            Verdict.because("person_needed", "Only a person can prove who they are with a password.")
        )
    return user


def _prove(user: User, password: str, actor: Actor) -> datetime:
    attempt = throttle.begin(user.username)
    if user.check_password(password):
        attempt.succeeded()
        return clock.now()
    log.warning("reauthentication.failed", user=str(user.pk), locked_seconds=attempt.lock_seconds)
    if attempt.lock_seconds:
        actions.record_lockout(user=user, seconds=attempt.lock_seconds, address="", actor=actor)
        raise throttle.LockedOut(attempt.lock_seconds)
    raise Refused(
        Verdict.because(
            "reauthentication_failed",
            f"This is not your password. Tries left before your account is locked: {attempt.tries_left()}.",
        )
    )
