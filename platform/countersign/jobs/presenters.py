"""Sentences of the audit trail about jobs."""

from __future__ import annotations

from typing import Any

from countersign.jobs.handlers import title_of
from countersign.ledger.presenters import Sentence, sentence


@sentence("jobs.job.cancelled")
def cancelled(leaf: dict[str, Any]) -> Sentence:
    """“Ada cancelled the job evaluation …”."""
    return Sentence.of("cancelled the job ", title_of(leaf["data"]["after"]["details"]["kind"]))


@sentence("jobs.job.retried")
def retried(leaf: dict[str, Any]) -> Sentence:
    """“Ada ran the job evaluation … again”."""
    return Sentence.of("ran the job ", title_of(leaf["data"]["after"]["details"]["kind"]), " again")
