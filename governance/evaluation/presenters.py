"""Sentences of the audit trail about evaluations."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Sentence, sentence
from governance.evaluation.models import Evaluation


def _link(leaf: dict[str, Any]) -> Link | str:
    evaluation = (
        Evaluation.objects.filter(id=leaf["subject"]["ref"])
        .defer("results", "circumstances")
        .select_related("version__model")
        .first()
    )
    if evaluation is None:
        return "an evaluation"
    return Link(
        f"evaluation {evaluation.number} of {evaluation.version}",
        reverse(
            "governance:evaluation",
            args=[evaluation.version.model.name, evaluation.version.number, evaluation.number],
        ),
    )


@sentence("governance.evaluation.requested")
def requested(leaf: dict[str, Any]) -> Sentence:
    """“… asked for evaluation 3 of credit-default 14”."""
    return Sentence.of("asked for ", _link(leaf))


@sentence("governance.evaluation.succeeded")
def succeeded(leaf: dict[str, Any]) -> Sentence:
    """“… recorded the evidence of evaluation 3”."""
    return Sentence.of("recorded the evidence of ", _link(leaf))


@sentence("governance.evaluation.failed")
def failed(leaf: dict[str, Any]) -> Sentence:
    """“… recorded that evaluation 3 failed: …”."""
    return Sentence.of("recorded that ", _link(leaf), " failed: ", leaf["personal"]["message"])


@sentence("governance.evaluation.cancelled")
def cancelled(leaf: dict[str, Any]) -> Sentence:
    """“… cancelled evaluation 3”."""
    return Sentence.of("cancelled ", _link(leaf))
