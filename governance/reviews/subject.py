"""The subject of a review: what exactly people sign, as named parts and one digest (DESIGN §10).

A sign-off is worth something only for the subject it was made on. Staleness is found by comparing digests, and
the parts say what moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from countersign.canonical import canonical
from governance.cards.models import CardRevision
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation, EvaluationState
from governance.policies.models import PolicyRevision
from governance.policies.rules import document_of
from governance.profiles.models import ModelProfile
from registry.lineage.queries import lineage_digests
from registry.versions.models import ModelVersion
from registry.versions.queries import contributors_digests, signature_digest

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

    def moved_since(self, parts: Mapping[str, str]) -> list[str]:
        """Names of the parts whose digest differs from an earlier subject's parts."""
        return [name for name in PART_TITLES if self.parts.get(name) != parts.get(name)]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What decisions about versions rest on, read for all of them at once."""

    evidence: dict[tuple[UUID, str], Evaluation]  # newest that succeeded, by version and suite
    cards: dict[UUID, CardRevision]  # newest, by version
    profiles: dict[UUID, ModelProfile]  # by model
    lineage: dict[UUID, str]
    contributors: dict[UUID, str]


def ingredients_of(versions: Sequence[ModelVersion], *, results: bool) -> Ingredients:
    """The ingredients of these versions in a fixed number of queries; `results`: with the evidence itself, not
    only its digest."""
    evidence = (
        Evaluation.objects.filter(version__in=versions, state=EvaluationState.SUCCEEDED)
        .select_related("dataset_version__dataset")
        .order_by("version", "suite", "-number")
        .distinct("version", "suite")
    )
    if not results:
        evidence = evidence.defer("results", "circumstances")
    cards = (
        CardRevision.objects.filter(version__in=versions).order_by("version", "-number").distinct("version")
    )
    profiles = ModelProfile.objects.filter(model__in={version.model_id for version in versions})
    return Ingredients(
        evidence={(one.version_id, one.suite): one for one in evidence},
        cards={card.version_id: card for card in cards},
        profiles={profile.model_id: profile for profile in profiles},
        lineage=lineage_digests(versions),
        contributors=contributors_digests(versions),
    )


def part_digest(value: Any) -> str:
    """The digest of a part of a subject: SHA-256 (hex) of its canonical bytes."""
    return sha256(canonical(value)).hexdigest()


def subject_of(*, version: ModelVersion, environment: Environment, revision: PolicyRevision) -> Subject:
    """The present subject of a version for an environment under a policy revision.

    A re-run with equal results, or an evaluation of a suite the policy does not name, changes nothing in it."""
    found = ingredients_of([version], results=False)
    return subject_from(found, version=version, environment=environment, revision=revision)


def subject_from(
    found: Ingredients, *, version: ModelVersion, environment: Environment, revision: PolicyRevision
) -> Subject:
    """`subject_of`, from what was read before."""
    policy = document_of(revision)
    suite = policy.suite_for(version)
    evidence = found.evidence.get((version.id, suite))
    results = (
        {f"{suite}/{evidence.dataset_version.digest}": f"sha256:{evidence.results_digest}"}
        if evidence
        else {}
    )
    card = found.cards.get(version.id)
    profile = found.profiles.get(version.model_id)
    document: dict[str, Any] = {
        "model": str(version.model_id),
        "version": str(version.id),
        "manifest": f"sha256:{version.digest}",
        "signature": f"sha256:{signature_digest(version)}",
        "lineage": f"sha256:{found.lineage[version.id]}",
        "contributors": f"sha256:{found.contributors[version.id]}",
        "environment": str(environment.id),
        "risk_tier": profile.risk_tier if profile else None,
        "card": f"sha256:{card.digest}" if card else None,
        "requirements": f"sha256:{policy.digest}",
        "results": results,
    }
    return Subject(document, part_digest(document), parts_of(document))


def parts_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each named part of a subject's document; `offline/verify.py` makes them the same way."""
    return {
        "artifact": part_digest(
            [document["model"], document["version"], document["manifest"], document["signature"]]
        ),
        "evidence": part_digest(document["results"]),
        "card": part_digest(document["card"]),
        "lineage": part_digest(document["lineage"]),
        "contributors": part_digest(document["contributors"]),
        "policy": part_digest([document["environment"], document["risk_tier"], document["requirements"]]),
    }
