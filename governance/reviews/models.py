"""Reviews, sign-offs and remarks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign.clock import stamp
from countersign.ledger.models import Recorded
from governance.environments.models import Environment
from governance.policies.models import PolicyRevision
from registry.versions.models import ModelVersion


class ReviewState(models.TextChoices):
    """Open and changes requested are live; the others are terminal: renewal opens a new review."""

    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    STALE = "stale"
    EXPIRED = "expired"
    REVOKED = "revoked"


LIVE = (ReviewState.OPEN, ReviewState.CHANGES_REQUESTED)
MOVES: dict[str, frozenset[str]] = {
    ReviewState.OPEN: frozenset(
        {ReviewState.CHANGES_REQUESTED, ReviewState.APPROVED, ReviewState.REJECTED, ReviewState.WITHDRAWN}
    ),
    ReviewState.CHANGES_REQUESTED: frozenset({ReviewState.OPEN, ReviewState.WITHDRAWN, ReviewState.REJECTED}),
    ReviewState.APPROVED: frozenset({ReviewState.STALE, ReviewState.EXPIRED, ReviewState.REVOKED}),
    ReviewState.REJECTED: frozenset(),
    ReviewState.WITHDRAWN: frozenset(),
    ReviewState.STALE: frozenset(),
    ReviewState.EXPIRED: frozenset(),
    ReviewState.REVOKED: frozenset(),
}


class Review(Recorded):
    """A request to approve a version for an environment. The rule in force is the rule at request:
    `policy_revision`. Staleness is computed by comparing subject digests, never stored as the truth. `renews` is the
    approved review whose approval no longer held when this one was asked for."""

    ledger_type: ClassVar[str] = "governance.review"
    number = models.BigIntegerField(unique=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="reviews")
    environment = models.ForeignKey(Environment, on_delete=models.RESTRICT, related_name="reviews")
    policy_revision = models.ForeignKey(PolicyRevision, on_delete=models.RESTRICT, related_name="reviews")
    state = models.CharField(max_length=20, choices=ReviewState.choices, default=ReviewState.OPEN)
    reason = models.TextField()
    due_on = models.DateField(null=True)
    subject_digest = models.CharField(max_length=64)  # at request; sign-offs carry their own
    renews = models.ForeignKey("self", on_delete=models.RESTRICT, null=True, related_name="renewals")
    requested_by_kind = models.CharField(max_length=10)
    requested_by = models.UUIDField(null=True)
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["version", "environment"],
                condition=Q(state__in=["open", "changes_requested"]),
                name="one_live_review",
            )
        ]

    def __str__(self) -> str:
        return f"review {self.number}: {self.version} for {self.environment.name}"

    @property
    def live(self) -> bool:
        """Whether it still takes sign-offs."""
        return self.state in LIVE

    def ledger_state(self) -> dict[str, Any]:
        state = {
            "number": self.number,
            "version": str(self.version_id),
            "environment": str(self.environment_id),
            "policy_revision": str(self.policy_revision_id),
            "state": self.state,
            "subject_digest": f"sha256:{self.subject_digest}",
        }
        if self.renews_id is not None:  # entries from before renewals do not name one
            state["renews"] = str(self.renews_id)
        return state


class Decision(models.TextChoices):
    """What a person decided."""

    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"
    REJECT = "reject"


class Meaning(models.TextChoices):
    """What a signature means (21 CFR 11.50)."""

    AUTHORSHIP = "authorship"
    VALIDATION = "validation"
    APPROVAL = "approval"
    COMPLIANCE = "compliance review"


class SignOff(Recorded):
    """One person's signed decision, bound to the subject digest they saw. Written once; who may not sign for a
    version, and that one person fills one required sign-off, is also held by a trigger (0003_constraints).

    `printed_name` is kept as it was at signing; `subject_parts` says which part of the subject had which digest,
    so that a stale sign-off can name what moved."""

    ledger_type: ClassVar[str] = "governance.sign_off"
    review = models.ForeignKey(Review, on_delete=models.RESTRICT, related_name="sign_offs")
    person = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, related_name="+")
    decision = models.CharField(max_length=20, choices=Decision.choices)
    meaning = models.CharField(max_length=20, choices=Meaning.choices)
    role = models.CharField(max_length=20)  # held at the moment of signing
    printed_name = models.CharField(max_length=200)
    subject_digest = models.CharField(max_length=64)
    subject_parts = models.JSONField(default=dict)
    reason = models.TextField()
    method = models.CharField(max_length=20)  # how the person proved who they are: password
    reauthenticated_at = models.DateTimeField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["signed_at"]

    def __str__(self) -> str:
        return f"{self.meaning} by {self.printed_name}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "review": str(self.review_id),
            "person": str(self.person_id),
            "decision": self.decision,
            "meaning": self.meaning,
            "role": self.role,
            "subject_digest": f"sha256:{self.subject_digest}",
            "subject_parts": dict(self.subject_parts),
            "method": self.method,
            "reauthenticated_at": stamp(self.reauthenticated_at),
            "signed_at": stamp(self.signed_at),
        }


class ThreadState(models.TextChoices):
    """A thread is open until somebody says that it is settled, and may be opened again."""

    OPEN = "open"
    RESOLVED = "resolved"


class Thread(Recorded):
    """What is said in a review about one thing of its subject. `anchor` keeps what that thing said when the thread
    began (anchors.Anchor.document); it never changes, whatever moves."""

    ledger_type: ClassVar[str] = "governance.thread"
    review = models.ForeignKey(Review, on_delete=models.RESTRICT, related_name="threads")
    number = models.PositiveIntegerField()  # within the review
    anchor_key = models.CharField(max_length=700)
    anchor = models.JSONField()
    state = models.CharField(max_length=20, choices=ThreadState.choices, default=ThreadState.OPEN)
    opened_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    turned_by_label = models.CharField(max_length=200, blank=True)  # who resolved or reopened it last
    turned_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["number"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["review", "number"], name="thread_number_in_review")
        ]

    def __str__(self) -> str:
        return f"thread {self.number} of review {self.review.number}"

    def ledger_state(self) -> dict[str, Any]:
        return {
            "review": str(self.review_id),
            "number": self.number,
            "anchor_key": self.anchor_key,
            "anchor": dict(self.anchor),
            "state": self.state,
        }


class Remark(Recorded):
    """What somebody said in a review, on the record: in a thread, or about the whole (`thread` None). `anchor` was
    written before there were threads and stays as it was."""

    ledger_type: ClassVar[str] = "governance.remark"
    review = models.ForeignKey(Review, on_delete=models.RESTRICT, related_name="remarks")
    thread = models.ForeignKey(Thread, on_delete=models.RESTRICT, null=True, related_name="remarks")
    author = models.ForeignKey("accounts.User", on_delete=models.RESTRICT, null=True, related_name="+")
    author_label = models.CharField(max_length=200)
    anchor = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at"]

    def __str__(self) -> str:
        return f"remark in review {self.review.number}"

    def ledger_state(self) -> dict[str, Any]:
        state = {
            "review": str(self.review_id),
            "author": str(self.author_id) if self.author_id else None,
            "anchor": self.anchor,
        }
        if self.thread_id is not None:  # entries of remarks from before threads do not name one
            state["thread"] = str(self.thread_id)
        return state
