"""Making a version live, and going back. The target of an environment is an alias, so both happen in one
transaction: the alias moves, or nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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
from governance.promotion.queries import gate_of, live_in, rollback_verdict
from governance.promotion.verbs import PROMOTED, ROLLED_BACK
from governance.reviews.actions.requesting import checked_text
from governance.reviews.models import Review
from registry.versions.actions import set_alias
from registry.versions.models import ModelVersion, RegisteredModel


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
        _refuse_a_lost_race(current, version, environment, expected_live)
        gate = gate_of(version=version, environment=environment)
        if not gate.verdict:
            raise Refused(gate.verdict)
        return _make_live(
            version=version,
            environment=environment,
            kind=PromotionKind.PROMOTION,
            review=gate.standing.review if gate.standing else None,
            subject_digest=gate.standing.subject.digest if gate.standing else "",
            verdict=gate.verdict,
            reason=reason,
            actor=actor,
            current=current,
        )


def roll_back(*, version: ModelVersion, environment: Environment, reason: str, actor: Actor) -> Promotion:
    """Make a version live again that was live here before. Needs no new sign-off: the way back must stay open.

    Raises Refused (permission; never live here; approval revoked; bytes damaged), Invalid without a reason."""
    if not (verdict := actor.may(Permission.ROLL_BACK, version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why the earlier version comes back.")
    with transaction.atomic():
        version, environment = _lock(version, environment)
        verdict = rollback_verdict(version=version, environment=environment)
        if not verdict:
            raise Refused(verdict)
        before = LivePeriod.objects.filter(environment=environment, version=version).order_by("-during")
        earlier = before.select_related("promotion__review").first()
        return _make_live(
            version=version,
            environment=environment,
            kind=PromotionKind.ROLLBACK,
            review=earlier.promotion.review if earlier else None,
            subject_digest=earlier.promotion.subject_digest if earlier else "",
            verdict=verdict,
            reason=reason,
            actor=actor,
            current=live_in(environment, version.model),
        )


def _lock(version: ModelVersion, environment: Environment) -> tuple[ModelVersion, Environment]:
    """Model, version, environment: locked in the order every action keeps."""
    RegisteredModel.objects.select_for_update().get(id=version.model_id)
    locked = ModelVersion.objects.select_for_update(of=("self",)).select_related("model").get(id=version.id)
    return locked, Environment.objects.select_for_update().get(id=environment.id)


def _refuse_a_lost_race(
    current: LivePeriod | None, version: ModelVersion, environment: Environment, expected_live: int | None
) -> None:
    if current is not None and current.version_id == version.id:
        raise Conflict(
            f"Version {version.number} is live in {environment.name} already, since {current.during.lower:%d %b %Y %H:%M} UTC.",
            code="already_live",
        )
    live = current.version.number if current else 0
    if expected_live is not None and expected_live != live:
        now = f"version {live} is live" if live else "no version is live"
        raise Conflict(
            f"Another promotion came first: in {environment.name} {now}. Nothing was changed. Look again, then decide.",
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
        verdict=verdict.as_dict(),
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
    details: dict[str, Any] = {"verdict": verdict.as_dict(), "live_from": clock.stamp(start)}
    if review is not None:
        details["review_number"] = review.number
    entry = append_entry(
        verb=PROMOTED if kind == PromotionKind.PROMOTION else ROLLED_BACK,
        subject=promotion,
        actor=actor,
        personal={"reason": reason},
        details=_ledger_safe(details),
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


def _ledger_safe(value: Any) -> Any:
    """The same value with decimals as strings: leaves hold no floats."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _ledger_safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_ledger_safe(inner) for inner in value]
    return value
