"""Sentences of the audit trail about datasets."""

from __future__ import annotations

from typing import Any

from countersign.ledger.presenters import Lookup, Sentence, sentence
from registry.datasets.models import Dataset

_DATASETS = Lookup(Dataset.objects.in_bulk)


@sentence("registry.dataset.created")
def created(leaf: dict[str, Any]) -> Sentence:
    """“Created the dataset …”."""
    return Sentence.of("Created the dataset ", leaf["data"]["after"]["name"])


@sentence("registry.dataset_version.registered")
def registered(leaf: dict[str, Any]) -> Sentence:
    """“Registered version 3 of the dataset …, 21,000 rows”."""
    state = leaf["data"]["after"]
    dataset = _DATASETS.of(state["dataset"])
    rows = f", {state['rows']:,} rows" if state["rows"] is not None else ""
    kept = "" if state["kept_here"] else ", kept elsewhere"
    return Sentence.of(
        f"Registered version {state['number']} of the dataset ", str(dataset or "(gone)"), rows, kept
    )
