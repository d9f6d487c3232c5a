"""The governance profile of a registered model: purpose and risk tier. It decides which policy applies."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from countersign.ledger.models import Recorded
from registry.versions.models import RegisteredModel


class RiskTier(models.TextChoices):
    """How much rigour a model needs (SR 26-2: exposure and purpose)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


TIER_RANK = {RiskTier.LOW: 0, RiskTier.MEDIUM: 1, RiskTier.HIGH: 2}


class ModelProfile(Recorded):
    """One per registered model; a model without one cannot be promoted where a policy governs."""

    ledger_type: ClassVar[str] = "governance.model_profile"
    model = models.OneToOneField(RegisteredModel, on_delete=models.RESTRICT, related_name="profile")
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices)
    tier_reason = models.TextField(blank=True)
    purpose = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.model.name}: {self.risk_tier}"

    def ledger_state(self) -> dict[str, Any]:
        return {"model": str(self.model_id), "risk_tier": self.risk_tier, "purpose": self.purpose}
