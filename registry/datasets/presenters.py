"""Sentences of the audit trail about datasets."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence
from registry.datasets.models import Dataset, DatasetVersion

_DATASETS = Lookup(Dataset.objects.in_bulk)
_VERSIONS = Lookup(DatasetVersion.objects.select_related("dataset").in_bulk)
name_with(_DATASETS, lambda dataset: Link(dataset.name, reverse("registry:dataset", args=[dataset.name])))
name_with(
    _VERSIONS,
    lambda version: Link(
        str(version), reverse("registry:dataset-version", args=[version.dataset.name, version.number])
    ),
)


def _dataset(leaf: dict[str, Any]) -> Link | str:
    """The dataset an entry is about, by its name of then where it is gone."""
    dataset = _DATASETS.of(leaf["subject"]["ref"])
    if dataset is None:
        name: str = leaf["data"]["after"]["name"]
        return name
    return Link(dataset.name, reverse("registry:dataset", args=[dataset.name]))


@sentence("registry.dataset.created")
def created(leaf: dict[str, Any]) -> Sentence:
    """“Created the dataset …”."""
    return Sentence.of("Created the dataset ", _dataset(leaf))


@sentence("registry.dataset.updated")
def updated(leaf: dict[str, Any]) -> Sentence:
    """“Described the dataset … anew”."""
    return Sentence.of("Described the dataset ", _dataset(leaf), " anew")


@sentence("registry.dataset_version.registered")
def registered(leaf: dict[str, Any]) -> Sentence:
    """“Registered version 3 of the dataset …, 21,000 rows”."""
    state = leaf["data"]["after"]
    dataset = _DATASETS.of(state["dataset"])
    name: Link | str = "(gone)"
    if dataset is not None:
        name = Link(dataset.name, reverse("registry:dataset-version", args=[dataset.name, state["number"]]))
    rows = f", {state['rows']:,} rows" if state["rows"] is not None else ""
    kept = "" if state["kept_here"] else ", kept elsewhere"
    return Sentence.of(
        f"Registered version {state['number']} of the dataset ",
        name,
        rows,
        kept,
    )
