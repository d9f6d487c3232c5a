"""Model cards: structured documentation in immutable revisions; its numbers are drawn, never typed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign.ledger.models import Recorded
from registry.versions.models import ModelVersion


class CardRevision(Recorded):
    """One revision of a version's card. `sections` maps a section id to its written Markdown text; `digest`
    is the SHA-256 of the canonical form of the sections."""

    ledger_type: ClassVar[str] = "governance.card_revision"
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="card_revisions")
    number = models.PositiveIntegerField()
    sections = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    author = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    service_account = models.UUIDField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version", "number"], name="card_revision_number"),
            models.CheckConstraint(name="card_digest_is_hex", condition=Q(digest__regex=r"^[0-9a-f]{64}$")),
        ]

    def __str__(self) -> str:
        return f"card of {self.version}, revision {self.number}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "version": str(self.version_id),
            "number": self.number,
            "digest": f"sha256:{self.digest}",
            "sections": sorted(self.sections),
        }
