"""A refused attempt of a known actor becomes an entry of the ledger, in a transaction of its own.

At most CAP a minute for each actor, so that a loop cannot fill the ledger; what is above the cap is counted
and the number stands in the next entry (`not_recorded_before`).
"""

from __future__ import annotations

from uuid import UUID

import structlog
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from countersign.accounts.models import ServiceAccount, User
from countersign.accounts.verbs import ATTEMPT_REFUSED
from countersign.actors import Actor, ActorKind
from countersign.ledger.append import append_entry
from countersign.verdicts import Verdict

log = structlog.get_logger(__name__)

CAP = 10
_MINUTE = 60
_DAY = 24 * 60 * 60


def record(actor: Actor, verdict: Verdict, *, attempted: str) -> None:
    """Write down that `actor` was refused what `attempted` names, and the codes of the reasons (never their
    words). The system has no row an entry could be about: its refusals are logged."""
    codes = [reason.code for reason in verdict.reasons]
    log.info("attempt.refused", attempted=attempted, reasons=codes, actor=str(actor.ref))
    if actor.ref is None:
        return
    uncounted = _uncounted(actor.ref)
    if uncounted is None:
        return
    with transaction.atomic(durable=True):
        subject: User | ServiceAccount | None
        if actor.kind is ActorKind.SERVICE:
            subject = ServiceAccount.objects.filter(pk=actor.ref).first()
        else:
            subject = User.objects.filter(pk=actor.ref).first()
        if subject is not None:
            details = {"attempted": attempted[:300], "reasons": codes, "not_recorded_before": uncounted}
            append_entry(verb=ATTEMPT_REFUSED, subject=subject, actor=actor, details=details)


def _uncounted(ref: UUID) -> int | None:
    """How many refusals were left out since the last entry, or None when this one is to be left out too.

    Without the cache every refusal is written down."""
    window, left_out = f"refusals:{ref}", f"refusals:{ref}:left-out"
    try:
        cache.add(window, 0, timeout=_MINUTE)
        if cache.incr(window) > CAP:
            cache.add(left_out, 0, timeout=_DAY)
            cache.incr(left_out)
            return None
        number = cache.get(left_out, 0)
        if number:
            cache.decr(left_out, number)
        return int(number)
    except (RedisError, ValueError):  # ValueError: the key ran out between two calls
        return 0
