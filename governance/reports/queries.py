"""Reads of reports."""

from __future__ import annotations

from django.db.models import QuerySet

from countersign.actors import Actor
from governance.reports.models import Report
from registry.versions.models import ModelVersion
from registry.versions.queries import models_visible_to


def reports_visible_to(actor: Actor) -> QuerySet[Report]:
    """Reports on versions of models the actor may see, newest first."""
    return (
        Report.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "blob")
        .order_by("-number")
    )


def reports_on(version: ModelVersion) -> QuerySet[Report]:
    """Reports on a version, newest first."""
    return Report.objects.filter(version=version).order_by("-number")
