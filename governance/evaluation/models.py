"""Evaluations: one execution of a suite against a version and a dataset version; it yields evidence."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import orjson
from django.db import models
from django.db.models import Q

from countersign.blobs.models import Blob
from countersign.ledger.models import Recorded
from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion


class EvaluationState(models.TextChoices):
    """Waiting until its job ends; whether that runs just now is the job's to say. The others are final."""

    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Evaluation(Recorded):
    """`results` are canonical JSON bytes (RFC 8785) whose digest counts: byte-identical on a re-run.
    `circumstances` (host, isolation, libraries, latency, times) have a digest of their own, and name that of the
    `scores` (the positive class' for a binary classifier), from which two versions are compared row by row."""

    ledger_type: ClassVar[str] = "governance.evaluation"
    number = models.BigIntegerField(unique=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="evaluations")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.RESTRICT, related_name="evaluations")
    suite = models.CharField(max_length=60)
    suite_revision = models.PositiveIntegerField()
    job = models.ForeignKey("jobs.Job", on_delete=models.RESTRICT, related_name="+")
    state = models.CharField(max_length=20, choices=EvaluationState.choices, default=EvaluationState.WAITING)
    failure_code = models.CharField(max_length=60, blank=True)
    failure = models.TextField(blank=True)
    failure_said = models.TextField(
        blank=True
    )  # what the model's own process said, printable characters only
    results = models.BinaryField(null=True)
    results_digest = models.CharField(max_length=64, blank=True)
    circumstances = models.BinaryField(null=True)
    circumstances_digest = models.CharField(max_length=64, blank=True)
    scores = models.ForeignKey(
        Blob, on_delete=models.RESTRICT, null=True, related_name="+"
    )  # `<f8`, a row each
    reported = models.ForeignKey(
        Blob, on_delete=models.RESTRICT, null=True, related_name="+"
    )  # scores somebody brought, as the file came: the model is not run then
    requested_by_kind = models.CharField(max_length=10)
    requested_by = models.UUIDField(null=True)
    requested_by_label = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="evaluation_evidence_when_succeeded",
                condition=Q(state="succeeded", results__isnull=False, circumstances__isnull=False)
                | (~Q(state="succeeded") & Q(results__isnull=True)),
            ),
            models.CheckConstraint(
                name="evaluation_finished_when_final",
                condition=Q(state="waiting", finished_at__isnull=True)
                | (~Q(state="waiting") & Q(finished_at__isnull=False)),
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["version", "-number"], name="evaluation_of_version")
        ]

    def __str__(self) -> str:
        return f"evaluation {self.number} of {self.version}"

    @cached_property
    def results_document(self) -> dict[str, Any]:
        """The results, parsed; empty until the evaluation succeeded."""
        return orjson.loads(bytes(self.results)) if self.results else {}

    @cached_property
    def circumstances_document(self) -> dict[str, Any]:
        """The circumstances, parsed; empty until there are any."""
        return orjson.loads(bytes(self.circumstances)) if self.circumstances else {}

    def ledger_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "number": self.number,
            "version": str(self.version_id),
            "dataset_version": str(self.dataset_version_id),
            "suite": self.suite,
            "suite_revision": self.suite_revision,
            "state": self.state,
            "failure_code": self.failure_code,
            "results_digest": f"sha256:{self.results_digest}" if self.results_digest else None,
            "circumstances_digest": f"sha256:{self.circumstances_digest}"
            if self.circumstances_digest
            else None,
        }
        # Only where there is one: what older entries tell of stays what it was.
        return state | ({"reported": f"sha256:{self.reported_id}"} if self.reported_id else {})


class EvaluationPart(models.Model):
    """Some rows of a large evaluation, predicted by a job of its own: from `start` up to before `stop`. It lives until
    the evaluation ends: work in progress, like a job's steps, that no ledger entry tells of.

    `scores` are `<f8`, a row each, in `answer` what belongs to them; `failure` says why there will be none."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()  # from 1
    start = models.BigIntegerField()
    stop = models.BigIntegerField()
    scores = models.ForeignKey(Blob, on_delete=models.RESTRICT, null=True, related_name="+")
    answer = models.JSONField(null=True)  # {"classes", "columns", "latencies", "circumstances"}
    failure_code = models.CharField(max_length=60, blank=True)
    failure = models.TextField(blank=True)
    failure_said = models.TextField(blank=True)
    circumstances = models.JSONField(null=True)  # of a failure

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["evaluation", "number"], name="evaluation_part_number"),
            models.CheckConstraint(
                name="evaluation_part_rows", condition=Q(start__gte=0, stop__gt=models.F("start"))
            ),
            models.CheckConstraint(
                name="evaluation_part_answer",
                condition=Q(scores__isnull=True, answer__isnull=True)
                | Q(scores__isnull=False, answer__isnull=False, failure_code=""),
            ),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.evaluation}"

    @property
    def ended(self) -> bool:
        """Whether its rows were predicted, or never will be."""
        return self.scores_id is not None or bool(self.failure_code)
