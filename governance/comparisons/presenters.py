"""How comparisons are called in the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, sentence
from governance.comparisons.models import Comparison
from governance.evaluation.models import Evaluation

_EVALUATIONS = Lookup(
    Evaluation.objects.select_related("version__model").defer("results", "circumstances").in_bulk
)
_COMPARISONS = Lookup(
    Comparison.objects.select_related("evaluation__version__model", "against__version__model")
    .defer("document", "evaluation__results", "against__results")
    .in_bulk
)


def _pair(evaluation: Evaluation | None, against: Evaluation | None) -> Link | str:
    if evaluation is None or against is None:
        return "two versions on the same rows"
    version, other = evaluation.version, against.version
    return Link(
        f"{version} with {other} on the same rows",
        reverse("governance:compare", args=[version.model.name, version.number, other.number]),
    )


@sentence("governance.comparison.requested")
def requested(leaf: dict[str, Any]) -> Sentence:
    """“… asked to compare credit-default 4 with credit-default 2 on the same rows”."""
    details = leaf["data"]["after"]["details"]
    return Sentence.of(
        "asked to compare ",
        _pair(_EVALUATIONS.of(UUID(leaf["subject"]["ref"])), _EVALUATIONS.of(UUID(details["against"]))),
    )


@sentence("governance.comparison.recorded")
def recorded(leaf: dict[str, Any]) -> Sentence:
    """“… recorded how credit-default 4 compares with credit-default 2 on the same rows”."""
    comparison = _COMPARISONS.of(UUID(leaf["subject"]["ref"]))
    pair = _pair(comparison.evaluation, comparison.against) if comparison else "two versions on the same rows"
    return Sentence.of("compared ", pair)
