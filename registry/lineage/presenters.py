"""Sentences of the audit trail about lineage."""

from __future__ import annotations

from typing import Any

from countersign.ledger.presenters import Sentence, sentence
from registry.versions.presenters import version_words


@sentence("registry.lineage_edge.added")
def edge_added(leaf: dict[str, Any]) -> Sentence:
    """“Declared that credit-default 14 came from the pipeline …”."""
    state = leaf["data"]["after"]
    kind = state["kind"].replace("_", " ")
    return Sentence.of(
        "Declared that ", version_words(state["version"]), f" came from the {kind} {state['name']}"
    )
