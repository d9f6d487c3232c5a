"""Reads of experiments and runs."""

from __future__ import annotations

from django.db.models import QuerySet

from countersign.actors import Actor
from registry.runs.models import Experiment, Run, RunMetric


def experiments_visible_to(actor: Actor) -> QuerySet[Experiment]:
    """Experiments of teams the actor may see, newest first."""
    return Experiment.objects.visible_to(actor).select_related("team").order_by("-pk")


def runs_visible_to(actor: Actor) -> QuerySet[Run]:
    """Runs of experiments the actor may see, newest first."""
    return Run.objects.visible_to(actor).select_related("experiment__team").order_by("-pk")


def latest_metrics(run: Run) -> dict[str, float]:
    """The last value of each metric: highest step, then latest time."""
    rows = RunMetric.objects.filter(run=run).order_by("key", "-step", "-recorded_at", "-pk").distinct("key")
    return dict(rows.values_list("key", "value"))
