"""Policies: requirements by risk tier and environment, as versioned YAML."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from countersign.clock import stamp
from countersign.ledger.models import Recorded
from governance.environments.models import Environment
from governance.profiles.models import RiskTier


class Policy(Recorded):
    """The line of revisions that governs one tier in one environment."""

    ledger_type: ClassVar[str] = "governance.policy"
    name = models.CharField(max_length=200)
    risk_tier = models.CharField(max_length=10, choices=RiskTier.choices)
    environment = models.ForeignKey(Environment, on_delete=models.RESTRICT, related_name="policies")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["risk_tier", "environment"], name="policy_of_tier_and_environment"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"name": self.name, "risk_tier": self.risk_tier, "environment": str(self.environment_id)}


class RevisionState(models.TextChoices):
    """A draft is put in force by a second person, which supersedes the revision before; or it is discarded, by
    whoever may write policies."""

    DRAFT = "draft"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class PolicyRevision(Recorded):
    """One revision. `author` None: it was shipped with the product and put in force at installation."""

    ledger_type: ClassVar[str] = "governance.policy_revision"
    policy = models.ForeignKey(Policy, on_delete=models.RESTRICT, related_name="revisions")
    number = models.PositiveIntegerField()
    text = models.TextField()  # the YAML, byte for byte
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=RevisionState.choices, default=RevisionState.DRAFT)
    author = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    approved_by = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    created_at = models.DateTimeField()
    in_force_from = models.DateTimeField(null=True)
    in_force_until = models.DateTimeField(null=True)
    discarded_at = models.DateTimeField(null=True)
    discarded_by = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    discard_reason = models.TextField(default="", blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_revision_number"),
            models.UniqueConstraint(
                fields=["policy"], condition=Q(state="in_force"), name="one_policy_revision_in_force"
            ),
            models.CheckConstraint(
                name="policy_put_in_force_by_another",
                condition=Q(author__isnull=True) | Q(approved_by__isnull=True) | ~Q(author=F("approved_by")),
            ),
            models.CheckConstraint(
                name="policy_in_force_was_approved",
                condition=Q(
                    state__in=["draft", "discarded"], approved_by__isnull=True, in_force_from__isnull=True
                )
                | (
                    ~Q(state__in=["draft", "discarded"])
                    & Q(in_force_from__isnull=False)
                    & (Q(author__isnull=True) | Q(approved_by__isnull=False))
                ),
            ),
            models.CheckConstraint(
                name="policy_superseded_has_an_end",
                condition=Q(state="superseded", in_force_until__isnull=False)
                | (~Q(state="superseded") & Q(in_force_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="policy_discarded_by_somebody",
                condition=(
                    Q(state="discarded", discarded_at__isnull=False, discarded_by__isnull=False)
                    & ~Q(discard_reason="")
                )
                | (
                    ~Q(state="discarded")
                    & Q(discarded_at__isnull=True, discarded_by__isnull=True, discard_reason="")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.name}, revision {self.number}"

    def ledger_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "policy": str(self.policy_id),
            "number": self.number,
            "digest": f"sha256:{self.digest}",
            "text_digest": f"sha256:{sha256(self.text.encode()).hexdigest()}",
            "state": self.state,
            "author": str(self.author_id) if self.author_id else None,
            "approved_by": str(self.approved_by_id) if self.approved_by_id else None,
            "in_force_from": stamp(self.in_force_from) if self.in_force_from else None,
            "in_force_until": stamp(self.in_force_until) if self.in_force_until else None,
        }
        # Only where it happened: entries of an earlier release tell of revisions without these keys.
        if self.discarded_at is not None:
            state |= {
                "discarded_at": stamp(self.discarded_at),
                "discarded_by": str(self.discarded_by_id),
                "reason_digest": f"sha256:{sha256(self.discard_reason.encode()).hexdigest()}",
            }
        return state
