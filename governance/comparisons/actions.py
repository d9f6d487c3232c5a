"""Asking for the paired differences of two evaluations, and recording them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Invalid, Refused
from countersign.jobs.actions import enqueue
from countersign.jobs.models import Job
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.comparisons.models import Comparison
from governance.comparisons.queries import COMPARE, why_not_paired
from governance.comparisons.verbs import COMPARISON_RECORDED, COMPARISON_REQUESTED
from governance.evaluation.actions import evidence_bytes
from governance.evaluation.models import Evaluation
from registry.versions.actions.locks import lock_version


@transaction.atomic
def request_comparison(*, evaluation: Evaluation, against: Evaluation, actor: Actor) -> Job | None:
    """Ask for the differences of `evaluation` minus `against`; None where they are measured already.

    Raises Refused (permission), Invalid (not_comparable: other rows, suite, threshold, or no scores kept)."""
    if not (verdict := actor.may(Permission.EVALUATE, evaluation.version.model.team_id)):
        raise Refused(verdict)
    if reason := why_not_paired(evaluation, against):
        raise Invalid(reason, code="not_comparable")
    lock_version(evaluation.version)
    if Comparison.objects.filter(evaluation=evaluation, against=against).exists():
        return None
    job = enqueue(
        kind=COMPARE,
        key=f"{evaluation.id}:{against.id}",
        actor=actor,
        args={"evaluation": str(evaluation.id), "against": str(against.id)},
        subject=evaluation,
        team=evaluation.version.model.team_id,
    )
    append_entry(
        verb=COMPARISON_REQUESTED, subject=evaluation, actor=actor, details={"against": str(against.id)}
    )
    return job


@transaction.atomic
def record_comparison(
    *, evaluation: Evaluation, against: Evaluation, document: dict[str, Any], actor: Actor
) -> Comparison:
    """Record the differences of a pair, once: a second job gives the row of the first. Call inside the job's
    `finishing()`."""
    lock_version(evaluation.version)
    known = Comparison.objects.filter(evaluation=evaluation, against=against).first()
    if known is not None:
        return known
    content = evidence_bytes(document)
    comparison = Comparison.objects.create(
        evaluation=evaluation,
        against=against,
        document=content,
        digest=sha256(content).hexdigest(),
        created_at=clock.now(),
    )
    append_entry(verb=COMPARISON_RECORDED, subject=comparison, actor=actor)
    return comparison
