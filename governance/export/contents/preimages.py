"""What exactly was signed: the preimage of a subject digest, found again from the history of its
ingredients.

A sign-off records the digest of its subject and of each part of it. Cards, evaluations, contributors and
lineage only ever grow, so what they were can be put together again; a result counts only when its digest
is the signed one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import product
from typing import Any

from countersign import canonical
from governance.cards.models import CardRevision
from governance.evaluation.models import Evaluation, EvaluationState
from governance.policies.rules import document_of
from governance.profiles.models import RiskTier
from governance.reviews.models import Review
from governance.reviews.subject import parts_of
from registry.lineage.models import LineageEdge
from registry.lineage.queries import lineage_document, upstream_of
from registry.versions.queries import contributors_document, signature_digest

Dated = list[tuple[datetime | None, Any]]
"""Values an ingredient had, oldest first, and from when; None: from the beginning."""


class Preimages:
    """The subjects a review may have been signed on."""

    def __init__(self, review: Review) -> None:
        version = review.version
        policy = document_of(review.policy_revision)
        self._fixed = {
            "model": str(version.model_id),
            "version": str(version.id),
            "manifest": f"sha256:{version.digest}",
            "signature": f"sha256:{signature_digest(version)}",
            "environment": str(review.environment_id),
            "requirements": f"sha256:{policy.digest}",
        }
        self._tiers: Dated = [(None, None), *((None, tier.value) for tier in RiskTier)]
        self._histories: dict[str, Callable[[], Dated]] = {
            "card": lambda: _cards(review),
            "results": lambda: _results(review, policy.suite_for(version)),
            "lineage": lambda: _lineages(review),
            "contributors": lambda: _contributors(review),
        }

    def find(self, digest: str, parts: dict[str, str], at: datetime) -> dict[str, Any] | None:
        """The document with this digest (hex), signed at `at` with these digests of its parts (none: not
        recorded). None when it cannot be put together."""
        for document in self._candidates(parts, at):
            if sha256(canonical.canonical(document, limit=None)).hexdigest() == digest:
                return document
        return None

    def _candidates(self, parts: dict[str, str], at: datetime) -> Iterator[dict[str, Any]]:
        part_of = {"results": "evidence"}
        chosen: dict[str, list[Any]] = {}
        for name, history in self._histories.items():
            wanted = parts.get(part_of.get(name, name))
            values = history()
            if wanted is None:
                known = [value for since, value in values if since is None or since <= at]
                chosen[name] = known[-1:]
            else:
                chosen[name] = [value for _, value in values if _part(value) == wanted]
        chosen["risk_tier"] = [tier for _, tier in self._tiers]
        for combination in product(*chosen.values()):
            document = self._fixed | dict(zip(chosen, combination, strict=True))
            if not parts or parts_of(document) == parts:
                yield document


def _part(value: Any) -> str:
    """The digest of a part that consists of one value, as `parts_of` makes it."""
    return sha256(canonical.canonical(value, limit=None)).hexdigest()


def _cards(review: Review) -> Dated:
    revisions = CardRevision.objects.filter(version=review.version).order_by("number")
    return [(None, None), *((one.created_at, f"sha256:{one.digest}") for one in revisions)]


def _results(review: Review, suite: str) -> Dated:
    succeeded = (
        Evaluation.objects.filter(version=review.version, suite=suite, state=EvaluationState.SUCCEEDED)
        .select_related("dataset_version")
        .defer("results", "circumstances")
        .order_by("number")
    )
    found: Dated = [(None, {})]
    for one in succeeded:
        found.append(
            (one.finished_at, {f"{suite}/{one.dataset_version.digest}": f"sha256:{one.results_digest}"})
        )
    return found


def _lineages(review: Review) -> Dated:
    """The lineage at registration, and after each edge declared later."""
    declared = list(LineageEdge.objects.filter(version=review.version).order_by("created_at", "pk"))
    edges = upstream_of(review.version)
    found: Dated = []
    for count in range(len(declared) + 1):
        later = {(edge.kind, edge.name) for edge in declared[count:]}
        then = [edge for edge in edges if (edge.kind, edge.name) not in later]
        since = declared[count - 1].created_at if count else None
        found.append((since, canonical.digest(lineage_document(then))))
    return found


def _contributors(review: Review) -> Dated:
    """The contributors after each one that was added."""
    rows = list(review.version.contributors.order_by("created_at", "pk"))
    return [
        (rows[count - 1].created_at if count else None, canonical.digest(contributors_document(rows[:count])))
        for count in range(len(rows) + 1)
    ]
