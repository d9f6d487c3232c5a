"""Audit exports: bundles an auditor takes away and verifies offline."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign.clock import stamp
from countersign.ledger.models import Recorded
from governance.environments.models import Environment
from registry.versions.models import RegisteredModel


class ExportState(models.TextChoices):
    """Waiting until its job ends; the others are final."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AuditExport(Recorded):
    """One export, by model, environment or period. `blob` is the bundle, `verification` what the offline verifier
    printed of it before it was handed out."""

    ledger_type: ClassVar[str] = "governance.audit_export"
    number = models.BigIntegerField(unique=True)
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, null=True, related_name="exports")
    environment = models.ForeignKey(Environment, on_delete=models.RESTRICT, null=True, related_name="exports")
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)
    reason = models.TextField()
    job = models.ForeignKey("jobs.Job", on_delete=models.RESTRICT, related_name="+")
    state = models.CharField(max_length=20, choices=ExportState.choices, default=ExportState.WAITING)
    failure = models.TextField(blank=True)
    blob = models.ForeignKey("blobs.Blob", on_delete=models.RESTRICT, null=True, related_name="+")
    entries = models.BigIntegerField(null=True)
    checkpoint_size = models.BigIntegerField(null=True)
    verification = models.TextField(blank=True)
    signed_by = models.CharField(max_length=200, blank=True)  # verifier key of the exporter
    requested_by_kind = models.CharField(max_length=10)
    requested_by = models.UUIDField(null=True)
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="export_of_one_scope",
                condition=Q(
                    model__isnull=False,
                    environment__isnull=True,
                    period_start__isnull=True,
                    period_end__isnull=True,
                )
                | Q(
                    model__isnull=True,
                    environment__isnull=False,
                    period_start__isnull=True,
                    period_end__isnull=True,
                )
                | Q(
                    model__isnull=True,
                    environment__isnull=True,
                    period_start__isnull=False,
                    period_end__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="export_bundle_when_ready",
                condition=Q(state="ready", blob__isnull=False) | (~Q(state="ready") & Q(blob__isnull=True)),
            ),
            models.CheckConstraint(
                name="export_finished_when_final",
                condition=Q(state="waiting", finished_at__isnull=True)
                | (~Q(state="waiting") & Q(finished_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"audit export {self.number}"

    def ledger_state(self) -> dict[str, Any]:
        state = {
            "number": self.number,
            "model": str(self.model_id) if self.model_id else None,
            "period_start": stamp(self.period_start) if self.period_start else None,
            "period_end": stamp(self.period_end) if self.period_end else None,
            "state": self.state,
            "bundle": f"sha256:{self.blob_id}" if self.blob_id else None,
            "entries": self.entries,
            "checkpoint_size": self.checkpoint_size,
            "signed_by": self.signed_by or None,
        }
        # Entries from before an environment could be asked for do not name one.
        return state | ({"environment": str(self.environment_id)} if self.environment_id else {})
