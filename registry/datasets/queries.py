"""Reads of datasets."""

from __future__ import annotations

from django.db.models import QuerySet

from countersign.actors import Actor
from registry.datasets.models import Dataset, DatasetVersion


def datasets_visible_to(actor: Actor) -> QuerySet[Dataset]:
    """Datasets of teams the actor may see, newest first."""
    return Dataset.objects.visible_to(actor).select_related("team").order_by("-pk")


def dataset_versions_visible_to(actor: Actor) -> QuerySet[DatasetVersion]:
    """Versions of datasets the actor may see, newest first."""
    return DatasetVersion.objects.visible_to(actor).select_related("dataset__team", "blob").order_by("-pk")
