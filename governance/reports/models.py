"""Reports: what others measured or tested of a version, with who says so and how far it can be trusted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from countersign.blobs.models import Blob
from countersign.ledger.models import Recorded
from registry.versions.models import ModelVersion


class Trust(models.TextChoices):
    """Bound: the report names this version's bytes by their digest. Reported: it names none, so that it is about
    this version is the reporter's word. Neither was measured here; no signature on a report is checked."""

    BOUND = "bound"
    REPORTED = "reported"


class Report(Recorded):
    """A file as it came, immutable, with the summary read from it. It is no evaluation: no rule about measures
    reads it."""

    ledger_type: ClassVar[str] = "governance.report"
    number = models.BigIntegerField(unique=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="reports")
    kind = models.CharField(max_length=30)
    result = models.CharField(max_length=10, blank=True)
    trust = models.CharField(max_length=10, choices=Trust.choices)
    summary = models.JSONField()
    blob = models.ForeignKey(Blob, on_delete=models.RESTRICT, related_name="+")
    reporter_kind = models.CharField(max_length=10)
    reporter = models.UUIDField(null=True)
    reporter_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version", "blob"], name="report_once_a_version")
        ]

    def __str__(self) -> str:
        return f"report {self.number} on {self.version}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "version": str(self.version_id),
            "kind": self.kind,
            "result": self.result,
            "trust": self.trust,
            "digest": f"sha256:{self.blob_id}",
        }
