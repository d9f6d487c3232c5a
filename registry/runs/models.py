"""Experiments and runs: where training recorded parameters, metrics and inputs (MLflow's meaning)."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from countersign.clock import stamp
from countersign.ledger.models import Recorded
from registry.datasets.models import DatasetVersion
from registry.visibility import OfExperiment, OfTeam


class Experiment(Recorded):
    """A named group of runs, owned by a team."""

    ledger_type: ClassVar[str] = "registry.experiment"
    name = models.CharField(max_length=200)
    name_folded = models.CharField(max_length=250, unique=True)
    team = models.ForeignKey("accounts.Team", on_delete=models.RESTRICT, related_name="experiments")
    created_at = models.DateTimeField()

    objects = OfTeam.as_manager()

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {"name": self.name, "team": str(self.team_id)}


class RunState(models.TextChoices):
    """A running run takes telemetry; the other states are final and sealed by digest."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class Run(Recorded):
    """One training run. Its parameters, metrics and inputs are append-only telemetry, sealed by
    `telemetry_digest` when the run ends or a version cites it."""

    ledger_type: ClassVar[str] = "registry.run"
    experiment = models.ForeignKey(Experiment, on_delete=models.RESTRICT, related_name="runs")
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=20, choices=RunState.choices, default=RunState.RUNNING.value)
    source_repository = models.CharField(max_length=500, blank=True)
    source_commit = models.CharField(max_length=64, blank=True)
    source_clean = models.BooleanField(null=True)  # None: the job did not say
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    telemetry_digest = models.CharField(max_length=64, blank=True)
    created_by_kind = models.CharField(max_length=10)
    created_by = models.UUIDField(null=True)

    objects = OfExperiment.as_manager()

    def __str__(self) -> str:
        return self.name

    def ledger_state(self) -> dict[str, Any]:
        return {
            "experiment": str(self.experiment_id),
            "name": self.name,
            "state": self.state,
            "source_repository": self.source_repository,
            "source_commit": self.source_commit,
            "source_clean": self.source_clean,
            "started_at": stamp(self.started_at),
            "ended_at": stamp(self.ended_at) if self.ended_at else None,
            "telemetry_digest": f"sha256:{self.telemetry_digest}" if self.telemetry_digest else None,
        }


class RunParameter(models.Model):
    """A parameter; logged once, never changed."""

    run = models.ForeignKey(Run, on_delete=models.RESTRICT, related_name="parameters")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=6000)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["run", "key"], name="run_parameter_once")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunMetric(models.Model):
    """One value of a metric at a step and a time."""

    run = models.ForeignKey(Run, on_delete=models.RESTRICT, related_name="metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField()
    step = models.BigIntegerField(default=0)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["run", "key", "step"], name="run_metric_key_step")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunInput(models.Model):
    """A dataset version the run read."""

    run = models.ForeignKey(Run, on_delete=models.RESTRICT, related_name="inputs")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.RESTRICT, related_name="read_by")
    context = models.CharField(max_length=40, default="training")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["run", "dataset_version", "context"], name="run_input_once"),
            models.CheckConstraint(name="run_input_context_named", condition=~Q(context="")),
        ]

    def __str__(self) -> str:
        return f"{self.run} read {self.dataset_version}"
