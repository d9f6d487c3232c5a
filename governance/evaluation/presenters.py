"""How evaluations are called: sentences of the audit trail, and the headings of their jobs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse

from countersign.jobs import subjects
from countersign.jobs.subjects import SubjectLabel
from countersign.ledger.presenters import Link, Lookup, Sentence, sentence
from governance.evaluation.models import Evaluation

_EVALUATIONS = Lookup(
    Evaluation.objects.select_related("version__model").defer("results", "circumstances").in_bulk
)


def label_of(ref: UUID) -> SubjectLabel | None:
    """“Evaluation 208 of credit-default 14”, with its page."""
    evaluation = _EVALUATIONS.of(ref)
    if evaluation is None:
        return None
    version = evaluation.version
    return SubjectLabel(
        f"Evaluation {evaluation.number} of {version}",
        reverse("governance:evaluation", args=[version.model.name, version.number, evaluation.number]),
    )


subjects.register(Evaluation.ledger_type, label_of)


def _link(leaf: dict[str, Any]) -> Link | str:
    label = label_of(UUID(leaf["subject"]["ref"]))
    return Link(f"e{label.text[1:]}", label.url) if label else "an evaluation"


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
