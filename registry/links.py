"""Where the pages of things are, for sentences, lineage and refusals."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse

from registry.datasets.models import DatasetVersion
from registry.versions.models import ModelVersion, RegisteredModel


def model(row: RegisteredModel) -> str | None:
    """The page of a model."""
    return _page("registry:model", row.name)


def version(row: ModelVersion) -> str | None:
    """The page of a version."""
    return _page("registry:version", row.model.name, row.number)


def dataset_version(row: DatasetVersion) -> str | None:
    """The page of a dataset version."""
    return _page("registry:dataset-version", row.dataset.name, row.number)


def _page(name: str, *arguments: str | int) -> str | None:
    """None where the deployment has no such page: the words then stand without a link."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return None
