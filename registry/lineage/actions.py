"""Adding declared edges to the lineage of a version."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.store import sha256_of_text
from countersign.errors import Conflict, Invalid
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry.conflicts import broke
from registry.lineage.models import LineageEdge
from registry.lineage.verbs import EDGE_ADDED
from registry.names import checked_text
from registry.versions.actions.locks import lock_version, refuse_archived
from registry.versions.models import ModelVersion
from registry.visibility import require

KINDS = ("source_commit", "pipeline", "upstream_model", "environment", "document")
"""What an edge may come from, beside runs, data and parents, which versions name themselves."""


def add_lineage_edge(
    *,
    version: ModelVersion,
    kind: str,
    name: str,
    reference: str = "",
    digest: str = "",
    actor: Actor,
) -> LineageEdge:
    """Declare what else the version came from. Edges are never changed or removed: a review signs them.

    Raises Refused, Invalid, Conflict (edge_exists)."""
    if kind not in KINDS:
        raise Invalid(f"kind is one of {', '.join(KINDS)}.", fields={"kind": ["Unknown kind."]})
    name = checked_text(name, field="name", limit=300, lines=False)
    if not name:
        raise Invalid("Say what the version came from.", fields={"name": ["It is empty."]})
    reference = checked_text(reference, field="reference", limit=1_000, lines=False)
    try:
        with transaction.atomic():
            version = lock_version(version)
            require(actor, Permission.REGISTER, version.model.team_id)
            refuse_archived(version)
            edge = LineageEdge.objects.create(
                version=version,
                kind=kind,
                name=name,
                reference=reference,
                digest=sha256_of_text(digest) if digest else "",
                claim="declared",
                created_at=clock.now(),
            )
            append_entry(verb=EDGE_ADDED, subject=edge, actor=actor)
    except IntegrityError as error:
        if not broke(error, "lineage_edge_once"):
            raise
        raise Conflict(f"{version} has this edge already; edges never change.", code="edge_exists") from error
    return edge
