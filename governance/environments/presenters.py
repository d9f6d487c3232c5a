"""Sentences of the audit trail about environments."""

from __future__ import annotations

from typing import Any

from countersign.ledger.presenters import Sentence, sentence


@sentence("governance.environment.created")
def created(leaf: dict[str, Any]) -> Sentence:
    """“… made the environment production, alias production”."""
    state = leaf["data"]["after"]
    return Sentence.of("made the environment ", state["name"], ", whose alias is ", state["alias"])
