"""Sentences of the audit trail about model cards."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.ledger.presenters import Link, Sentence, sentence
from governance.cards.sections import SECTIONS
from registry.versions.presenters import VERSIONS


@sentence("governance.card_revision.saved")
def saved(leaf: dict[str, Any]) -> Sentence:
    """“… saved revision 3 of the card of credit-default 14: Training data, Limits, overlays, conditions”."""
    after = leaf["data"]["after"]
    titles = [SECTIONS[name].title for name in after["details"]["changed"] if name in SECTIONS]
    version = VERSIONS.of(after["version"])
    card: Link | str = "a model card"
    if version is not None:
        card = Link(
            f"the card of {version}", reverse("governance:card", args=[version.model.name, version.number])
        )
    return Sentence.of(f"saved revision {after['number']} of ", card, f": {'; '.join(titles)}")
