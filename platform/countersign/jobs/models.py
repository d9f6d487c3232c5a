"""Durable jobs: one row each, made in the caller's transaction; Celery only carries their ids."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign.ledger.models import Recorded


class JobState(models.TextChoices):
    """Queued and running are live; the other three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = (JobState.QUEUED, JobState.RUNNING)
MOVES: dict[str, frozenset[str]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.QUEUED,
        }  # queued again: retry, lost worker
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}


class Job(Recorded):
    """A piece of long work. Its progress is telemetry, not state of the ledger; what it changes is recorded by
    the actions it calls. `claim` is a fresh uuid for each attempt: a worker that lost its claim writes nothing."""

    ledger_type: ClassVar[str] = "jobs.job"
    ledger_replayed: ClassVar[bool] = False

    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    queue = models.CharField(max_length=20)
    args = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.QUEUED)
    progress = models.FloatField(default=0)
    message = models.CharField(max_length=300, blank=True)
    steps = models.JSONField(default=list)  # [{"name", "state", "detail", "started_at", "ended_at"}]
    failure_code = models.CharField(max_length=60, blank=True)
    failure = models.TextField(blank=True)
    result = models.JSONField(null=True)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_ref = models.UUIDField(null=True)
    team = models.UUIDField(null=True)  # who else may see it; None: instance work
    actor_kind = models.CharField(max_length=10)
    actor_ref = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    act = models.UUIDField()
    request = models.CharField(max_length=64, null=True)
    attempts = models.PositiveIntegerField(default=0)
    attempts_allowed = models.PositiveIntegerField(default=3)
    claim = models.UUIDField(null=True)
    worker = models.CharField(max_length=200, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    run_after = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(state__in=["queued", "running"]),
                name="job_once_while_live",
            ),
            models.CheckConstraint(name="job_state_known", condition=Q(state__in=JobState.values)),
            models.CheckConstraint(
                name="job_ended_when_final",
                condition=Q(state__in=["queued", "running"], ended_at__isnull=True)
                | Q(state__in=["succeeded", "failed", "cancelled"], ended_at__isnull=False),
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["state", "run_after"], name="job_due"),
            models.Index(fields=["subject_type", "subject_ref", "-created_at"], name="job_of_subject"),
            models.Index(fields=["-created_at"], name="job_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def live(self) -> bool:
        """Whether it may still change something."""
        return self.state in LIVE


class JobLine(models.Model):
    """One line of a job's log, as people read it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField()
    text = models.TextField()

    def __str__(self) -> str:
        return self.text
