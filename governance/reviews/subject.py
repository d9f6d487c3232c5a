"""The subject of a review: what exactly people sign, as named parts and one digest (DESIGN §10).

A sign-off is worth something only for the subject it was made on. Staleness is found by comparing digests, and
the parts say what moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from countersign.canonical import canonical
from governance.cards.queries import newest_revision
from governance.environments.models import Environment
from governance.evaluation.queries import latest_evidence
from governance.policies.models import PolicyRevision
from governance.policies.rules import document_of
from governance.profiles.queries import profile_of
from registry.lineage.queries import lineage_digest
from registry.versions.models import ModelVersion
from registry.versions.queries import contributors_digest, signature_digest

PART_TITLES = {
    "artifact": "the artifact",
    "evidence": "the evidence",
    "card": "the card",
    "lineage": "the lineage",
    "contributors": "the list of contributors",
    "policy": "the risk tier or policy",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """`document` is the preimage of `digest` (SHA-256, hex, of its canonical bytes); `parts` maps the name of each
    part to its own digest."""

    document: dict[str, Any]
    digest: str
    parts: dict[str, str]

    def moved_since(self, parts: dict[str, str]) -> list[str]:
        """Names of the parts whose digest differs from an earlier subject's parts."""
        return [name for name in PART_TITLES if self.parts.get(name) != parts.get(name)]


def _digest(value: Any) -> str:
    return sha256(canonical(value)).hexdigest()


def subject_of(*, version: ModelVersion, environment: Environment, revision: PolicyRevision) -> Subject:
    """The present subject of a version for an environment under a policy revision.

    A re-run with equal results, or an evaluation of a suite the policy does not name, changes nothing in it."""
    policy = document_of(revision)
    evidence = latest_evidence(version, policy.suite)
    results = (
        {f"{policy.suite}/{evidence.dataset_version.digest}": f"sha256:{evidence.results_digest}"} if evidence else {}
    )
    card = newest_revision(version)
    profile = profile_of(version.model)
    document: dict[str, Any] = {
        "model": str(version.model_id),
        "version": str(version.id),
        "manifest": f"sha256:{version.digest}",
        "signature": f"sha256:{signature_digest(version)}",
        "lineage": f"sha256:{lineage_digest(version)}",
        "contributors": f"sha256:{contributors_digest(version)}",
        "environment": str(environment.id),
        "risk_tier": profile.risk_tier if profile else None,
        "card": f"sha256:{card.digest}" if card else None,
        "requirements": f"sha256:{policy.digest}",
        "results": results,
    }
    return Subject(document, _digest(document), parts_of(document))


def parts_of(document: dict[str, Any]) -> dict[str, str]:
    """The digest of each named part of a subject's document."""
    return {
        "artifact": _digest([document["model"], document["version"], document["manifest"], document["signature"]]),
        "evidence": _digest(document["results"]),
        "card": _digest(document["card"]),
        "lineage": _digest(document["lineage"]),
        "contributors": _digest(document["contributors"]),
        "policy": _digest([document["environment"], document["risk_tier"], document["requirements"]]),
    }
