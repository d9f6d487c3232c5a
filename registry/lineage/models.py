"""Declared lineage edges. What versions, runs and datasets already say is not repeated here: queries join
it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from countersign.ledger.models import Recorded
from registry.versions.models import ModelVersion
from registry.visibility import OfVersion


class LineageEdge(Recorded):
    """A directed, typed edge into a model version from something named: a commit, a pipeline, an upstream
    model kept elsewhere. `claim` says who vouches: declared, observed or verified by digest."""

    ledger_type: ClassVar[str] = "registry.lineage_edge"
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="edges")
    kind = models.CharField(max_length=40)  # source_commit, pipeline, upstream_model, document
    name = models.CharField(max_length=300)
    reference = models.CharField(max_length=1000, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    claim = models.CharField(max_length=10, default="declared")
    created_at = models.DateTimeField()

    objects = OfVersion.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["version", "kind", "name"], name="lineage_edge_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "version": str(self.version_id),
            "kind": self.kind,
            "name": self.name,
            "reference": self.reference,
            "digest": self.digest,
            "claim": self.claim,
        }
