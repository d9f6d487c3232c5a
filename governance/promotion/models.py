"""Promotions and rollbacks, and what was live where and when."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, ClassVar

import rfc8785
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models

from countersign.ledger.models import Recorded
from governance.environments.models import Environment
from governance.reviews.models import Review
from registry.versions.models import ModelVersion, RegisteredModel


class PromotionKind(models.TextChoices):
    """A rollback is a promotion to a version that was live here before."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class Promotion(Recorded):
    """The act that made a version live in an environment. `verdict` is the gate's answer as it was then, decimals
    as text; the ledger holds its digest. Written once (a trigger refuses more)."""

    ledger_type: ClassVar[str] = "governance.promotion"
    number = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=20, choices=PromotionKind.choices)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="promotions")
    environment = models.ForeignKey(Environment, on_delete=models.RESTRICT, related_name="promotions")
    previous = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, null=True, related_name="+")
    review = models.ForeignKey(Review, on_delete=models.RESTRICT, null=True, related_name="promotions")
    subject_digest = models.CharField(max_length=64, blank=True)
    verdict = models.JSONField(default=dict)
    reason = models.TextField()
    promoted_by_kind = models.CharField(max_length=10)
    promoted_by = models.UUIDField(null=True)
    promoted_by_label = models.CharField(max_length=200)
    promoted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-promoted_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.version} to {self.environment.name}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "kind": self.kind,
            "version": str(self.version_id),
            "environment": str(self.environment_id),
            "previous": str(self.previous_id) if self.previous_id else None,
            "review": str(self.review_id) if self.review_id else None,
            "subject_digest": f"sha256:{self.subject_digest}" if self.subject_digest else None,
            "verdict": f"sha256:{sha256(rfc8785.dumps(self.verdict)).hexdigest()}",
        }


class LivePeriod(models.Model):
    """When a version was live in an environment, and by which promotion. A period can only end, and the protected
    alias points where the open one says (triggers)."""

    environment = models.ForeignKey(Environment, on_delete=models.RESTRICT, related_name="live_periods")
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="live_periods")
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="live_periods")
    promotion = models.ForeignKey(Promotion, on_delete=models.RESTRICT, related_name="live_periods")
    during = DateTimeRangeField()
    entry = models.UUIDField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            ExclusionConstraint(
                name="one_live_version_at_a_time",
                expressions=[
                    ("environment", RangeOperators.EQUAL),
                    ("model", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} in {self.environment.name} {self.during}"
