"""Reads of models, versions, manifests and aliases, and the digests a review's subject is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from countersign import canonical
from countersign.actors import Actor
from countersign.identifiers import fold
from registry.versions.manifests import manifest_of
from registry.versions.models import Alias, AliasPeriod, Contributor, ModelVersion, RegisteredModel


def models_visible_to(actor: Actor) -> QuerySet[RegisteredModel]:
    """Models of teams the actor may see, newest first."""
    return RegisteredModel.objects.visible_to(actor).select_related("team").order_by("-pk")


def versions_visible_to(actor: Actor) -> QuerySet[ModelVersion]:
    """Versions of models the actor may see, newest first."""
    versions = ModelVersion.objects.visible_to(actor).select_related(
        "model__team", "run__experiment", "parent"
    )
    return versions.order_by("-pk")


def newest_version(model: RegisteredModel) -> ModelVersion | None:
    """The version with the highest number that is not archived."""
    return model.versions.filter(archived_at__isnull=True).order_by("-number").first()


def version_at_alias(model: RegisteredModel, name: str) -> ModelVersion | None:
    """The version the alias points at now."""
    alias = Alias.objects.filter(model=model, name_folded=fold(name)).select_related("version__model").first()
    return alias.version if alias else None


def version_at_alias_then(model: RegisteredModel, name: str, instant: datetime) -> ModelVersion | None:
    """The version the alias pointed at, at an instant."""
    periods = AliasPeriod.objects.filter(model=model, name_folded=fold(name), during__contains=instant)
    period = periods.select_related("version__model").first()
    return period.version if period else None


def live_aliases(version: ModelVersion) -> QuerySet[Alias]:
    """The aliases that point at the version, by name."""
    return Alias.objects.filter(version=version).order_by("name_folded")


def manifest_document(version: ModelVersion) -> dict[str, Any]:
    """{"files": [{"path", "size", "sha256"}]}, sorted by path: what the version's digest is of."""
    return manifest_of({file.path: file.blob for file in version.files.select_related("blob")})


def signature_document(version: ModelVersion) -> dict[str, Any]:
    """The signature as its digest counts it: threshold, tolerance and costs are text as Python writes them."""
    signature = dict(version.signature)
    for name in ("threshold", "tolerance"):
        if signature.get(name) is not None:
            signature[name] = repr(float(signature[name]))
    if "costs" in signature:
        signature["costs"] = {kind: repr(float(price)) for kind, price in signature["costs"].items()}
    return signature


def signature_digest(version: ModelVersion) -> str:
    """SHA-256 (hex) of the signature's canonical form."""
    return canonical.digest(signature_document(version)).removeprefix("sha256:")


def contributors_document(contributors: Iterable[Contributor]) -> list[dict[str, Any]]:
    """Who made a version and how we know, in a fixed order. Somebody unknown here counts by the digest of the
    declared identity: it is personal."""
    people: list[dict[str, Any]] = [
        {
            "kind": one.kind,
            "known_by": one.known_by,
            "service_account": str(one.service_account) if one.service_account else None,
            "user": str(one.user_id) if one.user_id else None,
            "declared": canonical.digest(one.declared_identity) if one.declared_identity else None,
        }
        for one in contributors
    ]
    return sorted(people, key=canonical.canonical)


def contributors_digest(version: ModelVersion) -> str:
    """SHA-256 (hex) of the canonical form of all contributors of the version."""
    return canonical.digest(contributors_document(version.contributors.all())).removeprefix("sha256:")


def contributors_digests(versions: Sequence[ModelVersion]) -> dict[UUID, str]:
    """`contributors_digest` of several versions by their ids, in one query."""
    people: dict[UUID, list[Contributor]] = {version.pk: [] for version in versions}
    for one in Contributor.objects.filter(version__in=versions):
        people[one.version_id].append(one)
    return {
        ref: canonical.digest(contributors_document(made)).removeprefix("sha256:")
        for ref, made in people.items()
    }
