"""The policies that come with this release, and which of them an installation has never had on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from governance.policies.document import PolicyDocument
from governance.policies.models import Policy, PolicyRevision
from governance.policies.rules import parse

SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class ShippedText:
    """One file of the release."""

    text: str
    document: PolicyDocument


@cache
def shipped_texts() -> dict[tuple[str, str], ShippedText]:
    """What this release ships, by risk tier and the environment's address; in the order of the files' names."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.yaml"))]
    shipped = [ShippedText(text, parse(text)) for text in texts]
    return {(one.document.risk_tier, one.document.environment): one for one in shipped}


def newer_shipped(policy: Policy, revisions: Iterable[PolicyRevision]) -> ShippedText | None:
    """The text this release ships for a policy that was shipped once, where none of its revisions ever said the same:
    nobody has decided on it yet. Drafted, it is on record, whatever becomes of the draft; None from then on, and for
    policies that people began."""
    found = shipped_texts().get((policy.risk_tier, policy.environment.slug))
    revisions = list(revisions)
    if found is None or all(one.author_id is not None for one in revisions):
        return None
    return None if any(one.digest == found.document.digest for one in revisions) else found
