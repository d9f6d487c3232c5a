"""Reads of datasets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from countersign.actors import Actor
from countersign.permissions import Permission
from registry.datasets.models import Dataset, DatasetVersion


def datasets_visible_to(actor: Actor) -> QuerySet[Dataset]:
    """Datasets of teams the actor may see, newest first."""
    return Dataset.objects.visible_to(actor).select_related("team").order_by("-pk")


def with_counts(datasets: QuerySet[Dataset], actor: Actor) -> QuerySet[Any]:
    """The same datasets with `version_count`, and `trained_count`: versions the actor may see that name one as what
    they were made from."""
    teams = actor.teams_with(Permission.SEE)
    seen = Q() if teams is None else Q(versions__trained__version__model__team__in=teams)
    trained = Count("versions__trained__version", filter=seen, distinct=True)
    return datasets.annotate(version_count=Count("versions", distinct=True), trained_count=trained)


def newest_versions(datasets: Iterable[Dataset]) -> dict[UUID, DatasetVersion]:
    """The newest version of each, by the id of the dataset."""
    newest = DatasetVersion.objects.filter(dataset__in=list(datasets)).order_by("dataset_id", "-number")
    return {version.dataset_id: version for version in newest.distinct("dataset_id")}


def licences_of(datasets: QuerySet[Dataset]) -> list[str]:
    """Licences their versions carry, at most a dozen."""
    named = DatasetVersion.objects.filter(dataset__in=datasets.order_by()).exclude(licence="")
    return list(named.order_by("licence").values_list("licence", flat=True).distinct()[:12])


def narrowed(
    datasets: QuerySet[Dataset], *, q: str = "", licence: str = "", team: str = "", sensitive: bool = False
) -> QuerySet[Dataset]:
    """Datasets that hold the words in name or description, and of which a version has the licence, or sensitive
    attributes."""
    if q:
        datasets = datasets.filter(Q(name__icontains=q) | Q(description__icontains=q))
    if team:
        datasets = datasets.filter(team__slug=team)
    versions = DatasetVersion.objects.filter(dataset=OuterRef("pk"))
    if licence:
        datasets = datasets.filter(Exists(versions.filter(licence=licence)))
    if sensitive:
        datasets = datasets.filter(Exists(versions.exclude(sensitive_attributes=[])))
    return datasets


def dataset_versions_visible_to(actor: Actor) -> QuerySet[DatasetVersion]:
    """Versions of datasets the actor may see, newest first."""
    return DatasetVersion.objects.visible_to(actor).select_related("dataset__team", "blob").order_by("-pk")
