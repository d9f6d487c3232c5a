"""Sentences of the audit trail about experiments and runs."""

from __future__ import annotations

from typing import Any

from countersign.ledger.presenters import Sentence, sentence


@sentence("registry.experiment.created")
def experiment_created(leaf: dict[str, Any]) -> Sentence:
    """“Created the experiment …”."""
    return Sentence.of("Created the experiment ", leaf["data"]["after"]["name"])


@sentence("registry.run.started")
def run_started(leaf: dict[str, Any]) -> Sentence:
    """“Started the run …, commit 5bd87e35”."""
    state = leaf["data"]["after"]
    commit = f", commit {state['source_commit'][:12]}" if state["source_commit"] else ""
    return Sentence.of("Started the run ", state["name"], commit)


@sentence("registry.run.ended")
def run_ended(leaf: dict[str, Any]) -> Sentence:
    """“Sealed the run …, which finished”."""
    state = leaf["data"]["after"]
    return Sentence.of("Sealed the run ", state["name"], f", which {state['state']}")
