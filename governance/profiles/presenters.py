"""Sentences of the audit trail about governance profiles."""

from __future__ import annotations

from typing import Any

from countersign.ledger.presenters import Sentence, sentence


@sentence("governance.model_profile.set")
def profile_set(leaf: dict[str, Any]) -> Sentence:
    """“… set the risk tier of credit-default to high (was medium)”."""
    before, after = leaf["data"]["before"], leaf["data"]["after"]
    parts = ["set the risk tier to ", after["risk_tier"]]
    if before and before["risk_tier"] != after["risk_tier"]:
        parts.append(f" (was {before['risk_tier']})")
    return Sentence.of(*parts)
