"""Making a version live, and going back. The target of an environment is an alias, so both happen in one
transaction: the alias moves, or nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from governance.environments.models import Environment
from governance.numbers import next_number
from governance.promotion.models import LivePeriod, Promotion, PromotionKind
from governance.promotion.queries import (
    bytes_verdict,
    gate_of,
    live_in,
    newest_decision,
    promoter_verdict,
    rollback_verdict,
)
from governance.promotion.verbs import PROMOTED, ROLLED_BACK
from governance.reviews.actions.requesting import checked_text
from governance.reviews.models import Review
from governance.reviews.queries import approved_subject
from registry.versions.actions import set_alias
from registry.versions.actions.locks import lock_version
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class PromotionPass:
    """What the gate of protected aliases accepts: made only here, inside the transaction of the promotion it names."""

    promotion: UUID
    version: UUID
    environment: UUID


def promote(
    *,
    version: ModelVersion,
    environment: Environment,
    reason: str,
    actor: Actor,
    expected_live: int | None = None,
) -> Promotion:
    """Make an approved version live in an environment, if the gate allows it under the locks.

    `expected_live` is the number of the version the caller saw live (0 for none): of two promotions to one
    environment from the same page one wins and the other is told. None skips that check.
    Raises Refused with every reason, Conflict (already live; another was promoted meanwhile), Invalid."""
    if not (verdict := actor.may(Permission.PROMOTE, version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why this version goes live.")
    with transaction.atomic():
        version, environment = _lock(version, environment)
        current = live_in(environment, version.model)
        if current is not None and current.version_id == version.id:
            raise Conflict(
                f"Version {version.number} is live in {environment.name} already, since "
                f"{current.during.lower:%d %b %Y %H:%M} UTC.",
                code="already_live",
            )
        _refuse_a_lost_race(current, environment, expected_live)
        gate = gate_of(version=version, environment=environment)
        verdict = Verdict.all_of([gate.verdict, promoter_verdict(gate, actor)])
        if not verdict:
            raise Refused(verdict)
        return _make_live(
            version=version,
            environment=environment,
            kind=PromotionKind.PROMOTION,
            review=gate.standing.review if gate.standing else None,
            subject_digest=gate.standing.subject.digest if gate.standing else "",
            verdict=verdict,
            reason=reason,
            actor=actor,
            current=current,
        )


def roll_back(
    *,
    version: ModelVersion,
    environment: Environment,
    reason: str,
    actor: Actor,
    expected_live: int | None = None,
) -> Promotion:
    """Make a version live again that was live here before. Needs no new sign-off: the way back must stay open.
    `expected_live` as in `promote`.

    Raises Refused (permission; never live here; approval revoked; archived; bytes damaged), Conflict (another
    promotion came first), Invalid without a reason."""
    if not (verdict := actor.may(Permission.ROLL_BACK, version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why the earlier version comes back.")
    # Every byte is read before any row is locked: a manifest never changes, and a large model takes minutes.
    verdict = rollback_verdict(version=version, environment=environment)
    if not (verdict := Verdict.all_of([verdict, bytes_verdict(version)])):
        raise Refused(verdict)
    with transaction.atomic():
        version, environment = _lock(version, environment)
        current = live_in(environment, version.model)
        _refuse_a_lost_race(current, environment, expected_live)
        verdict = rollback_verdict(version=version, environment=environment)
        if not verdict:
            raise Refused(verdict)
        review = newest_decision(version, environment)
        return _make_live(
            version=version,
            environment=environment,
            kind=PromotionKind.ROLLBACK,
            review=review,
            subject_digest=approved_subject(review) if review else "",
            verdict=verdict,
            reason=reason,
            actor=actor,
            current=current,
        )


def _lock(version: ModelVersion, environment: Environment) -> tuple[ModelVersion, Environment]:
    """Model, version, environment: locked in the order every action keeps."""
    locked = lock_version(version)
    return locked, Environment.objects.select_for_update(no_key=True).get(id=environment.id)


def _refuse_a_lost_race(
    current: LivePeriod | None, environment: Environment, expected_live: int | None
) -> None:
    live = current.version.number if current else 0
    if expected_live is None or expected_live == live:
        return
    now = f"version {live} is live" if current else "no version is live"
    by = f", by {current.promotion.promoted_by_label}" if current else ""
    raise Conflict(
        f"Another promotion came first: in {environment.name} {now}{by}. Nothing was changed. Look again, then "
        "decide.",
        code="promotion_lost_race",
    )


def _make_live(
    *,
    version: ModelVersion,
    environment: Environment,
    kind: PromotionKind,
    review: Review | None,
    subject_digest: str,
    verdict: Verdict,
    reason: str,
    actor: Actor,
    current: LivePeriod | None,
) -> Promotion:
    now = clock.now()
    promotion = Promotion.objects.create(
        number=next_number("promotion"),
        kind=kind,
        version=version,
        environment=environment,
        previous=current.version if current else None,
        review=review,
        subject_digest=subject_digest,
        verdict=_without_floats(verdict.as_dict()),
        reason=reason,
        promoted_by_kind=actor.kind,
        promoted_by=actor.ref,
        promoted_by_label=actor.label,
        promoted_at=now,
    )
    set_alias(
        model=version.model,
        name=environment.alias,
        version=version,
        actor=actor,
        pass_for=PromotionPass(promotion.id, version.id, environment.id),
    )
    start = now
    if current is not None:
        # A clock stepped back must not make an empty or reversed period.
        start = max(now, current.during.lower + timedelta(microseconds=1))
        LivePeriod.objects.filter(id=current.id).update(during=DateTimeTZRange(current.during.lower, start))
    details: dict[str, Any] = {"live_from": clock.stamp(start)}
    if review is not None:
        details["review_number"] = review.number
    entry = append_entry(
        verb=PROMOTED if kind == PromotionKind.PROMOTION else ROLLED_BACK,
        subject=promotion,
        actor=actor,
        personal={"reason": reason},
        details=details,
    )
    LivePeriod.objects.create(
        environment=environment,
        model=version.model,
        version=version,
        promotion=promotion,
        during=DateTimeTZRange(start, None),
        entry=entry.id,
    )
    return promotion


def _without_floats(value: Any) -> Any:
    """The same value in the closed set of the canonical encoder: decimals as text."""
    if isinstance(value, float | Decimal):
        return repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        return {str(key): _without_floats(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(inner) for inner in value]
    return value
