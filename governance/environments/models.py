"""Environments: where models live. Each has a protected alias that moves only by promotion."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from countersign.ledger.models import Recorded


class Environment(Recorded):
    """A place a model can be live in. Its target is an alias: serving reads `models:/name@alias`."""

    ledger_type: ClassVar[str] = "governance.environment"
    name = models.CharField(max_length=60)
    slug = models.SlugField(max_length=60, unique=True)
    position = models.PositiveIntegerField()  # the order of a model's journey, production last
    alias = models.CharField(max_length=100)
    alias_folded = models.CharField(max_length=130, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"name": self.name, "slug": self.slug, "position": self.position, "alias": self.alias}
