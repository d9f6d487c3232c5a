"""Asking for an audit export, and recording how it ended."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.store import Incoming
from countersign.errors import Conflict, Invalid, Refused
from countersign.jobs.actions import enqueue
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from governance.environments.models import Environment
from governance.export.models import AuditExport, ExportState
from governance.export.verbs import EXPORT_CANCELLED, EXPORT_FAILED, EXPORT_REQUESTED, EXPORT_WRITTEN
from governance.numbers import next_number
from registry.names import checked_text
from registry.versions.models import RegisteredModel

EXPORT = "governance.export"
REASON_LIMIT = 2_000


@transaction.atomic
def request_export(
    *,
    model: RegisteredModel | None = None,
    environment: Environment | None = None,
    period_start: datetime | None = None,
    period_end: datetime | None = None,
    reason: str,
    actor: Actor,
) -> AuditExport:
    """Ask for a bundle about one model, about one environment with the models that were live there or asked to be,
    or about everything recorded from `period_start` up to, not including, `period_end`; a period that has not
    ended yet ends now. Owners may take their own models away, compliance and auditors everything. The reason is
    printed on the cover and kept in the ledger.

    Raises Refused, Invalid (no scope or more than one; a period that ends before it begins; no reason)."""
    _require(actor, model)
    now = clock.now()
    if period_end is not None:
        period_end = min(period_end, now)
    problems = _scope_problems(model, environment, period_start, period_end)
    reason = checked_text(reason, field="reason", limit=REASON_LIMIT)
    if not reason:
        problems["reason"] = ["Say why you take it away; it is printed on the cover."]
    if problems:
        raise Invalid("Nothing was asked for.", fields=problems)
    export = AuditExport(
        number=next_number("audit_export"),
        model=model,
        environment=environment,
        period_start=period_start,
        period_end=period_end,
        reason=reason,
        requested_by_kind=actor.kind,
        requested_by=actor.ref,
        requested_by_label=actor.label,
        created_at=now,
    )
    export.job = enqueue(
        kind=EXPORT,
        key=str(export.id),
        actor=actor,
        args={"export": str(export.id)},
        subject=export,
        team=model.team_id if model else None,
    )
    export.save(force_insert=True)
    append_entry(verb=EXPORT_REQUESTED, subject=export, actor=actor, personal={"reason": reason})
    return export


@transaction.atomic
def record_export(
    *,
    export: AuditExport,
    bundle: Incoming,
    entries: int,
    checkpoint_size: int,
    signed_by: str,
    verification: str,
    actor: Actor,
) -> AuditExport:
    """Record the written bundle and what the offline verifier said of it. Call inside the job's
    `finishing()`, so that bundle and the job's success commit together. Raises Refused when the actor may
    no longer export, Conflict when the export has ended already."""
    export = _lock_waiting(export)
    _require(actor, export.model)
    before = export.ledger_state()
    export.blob = keep_blob(bundle)
    export.entries = entries
    export.checkpoint_size = checkpoint_size
    export.signed_by = signed_by
    export.verification = verification
    export.state = ExportState.READY
    export.finished_at = clock.now()
    export.save()
    append_entry(verb=EXPORT_WRITTEN, subject=export, actor=actor, before=before)
    return export


@transaction.atomic
def record_failure(*, export: AuditExport, code: str, message: str, actor: Actor) -> AuditExport:
    """Record why an export failed, or (code `cancelled`) that it was cancelled. Raises Conflict when the
    export has ended already."""
    export = _lock_waiting(export)
    before = export.ledger_state()
    cancelled = code == "cancelled"
    export.state = ExportState.CANCELLED if cancelled else ExportState.FAILED
    export.failure = message
    export.finished_at = clock.now()
    export.save()
    append_entry(
        verb=EXPORT_CANCELLED if cancelled else EXPORT_FAILED,
        subject=export,
        actor=actor,
        before=before,
        details={"message": message},
    )
    return export


def _require(actor: Actor, model: RegisteredModel | None) -> None:
    if not (verdict := actor.may(Permission.EXPORT, model.team_id if model else None)):
        raise Refused(verdict)


def _scope_problems(
    model: RegisteredModel | None,
    environment: Environment | None,
    start: datetime | None,
    end: datetime | None,
) -> dict[str, list[str]]:
    of_period = start is not None or end is not None
    if [model is not None, environment is not None, of_period].count(True) > 1:
        named = "model" if model is not None else "environment"
        return {named: ["Choose one model, one environment or a period, not two of them."]}
    if model is not None or environment is not None:
        return {}
    if start is None or end is None:
        return {"period_start": ["Choose a model, an environment, or both ends of a period."]}
    if start >= end:
        return {
            "period_start": [
                "The period begins when it has ended, or later than now. Choose an earlier start."
            ]
        }
    return {}


def _lock_waiting(export: AuditExport) -> AuditExport:
    locked = AuditExport.objects.select_for_update(of=("self",)).select_related("model").get(id=export.id)
    if locked.state != ExportState.WAITING:
        raise Conflict(f"Audit export {locked.number} has {locked.state} already.", code="export_ended")
    return locked
