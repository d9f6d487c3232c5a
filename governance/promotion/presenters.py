"""Sentences of the audit trail about promotions and rollbacks."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Lookup, Sentence, sentence
from governance.promotion.models import Promotion

_PROMOTIONS = Lookup(Promotion.objects.select_related("version__model", "environment", "previous").in_bulk)


def _what(leaf: dict[str, Any]) -> tuple[str | Link, ...]:
    promotion = _PROMOTIONS.of(leaf["subject"]["ref"])
    if promotion is None:
        return ("a version",)
    version = promotion.version
    link = Link(str(version), reverse("registry:version", args=[version.model.name, version.number]))
    came = f", after version {promotion.previous.number}" if promotion.previous else ""
    return (link, f" to live in {promotion.environment.name}{came}")


@sentence("governance.promotion.made")
def made(leaf: dict[str, Any]) -> Sentence:
    """“… promoted credit-default 14 to live in Production, after version 12: “…””."""
    return Sentence.of("promoted ", *_what(leaf), f": “{leaf['personal']['reason']}”")


@sentence("governance.promotion.rolled_back")
def rolled_back(leaf: dict[str, Any]) -> Sentence:
    """“… rolled back credit-default 12 to live in Production, after version 14: “…””."""
    return Sentence.of("rolled back ", *_what(leaf), f": “{leaf['personal']['reason']}”")
