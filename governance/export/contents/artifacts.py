"""The files about one model version: what it consists of, who made it, what it came from, how it was
measured, what its card said. Each is the preimage of a digest its entries hold, or is compared with its
entries."""

from __future__ import annotations

from typing import Any

from countersign.ledger.models import Recorded
from governance.cards.models import CardRevision
from governance.evaluation.models import Evaluation
from governance.export.contents.files import Files
from governance.export.contents.leaves import leaves_about
from registry.lineage.models import LineageEdge
from registry.lineage.queries import Edge, lineage_document, lineage_of
from registry.versions.models import Contributor, ModelVersion
from registry.versions.queries import contributors_document, manifest_document, signature_document


def add_version(files: Files, version: ModelVersion, folder: str) -> None:
    """Every file about the version, under `folder`."""
    files.add_json(f"{folder}/manifest.json", manifest_document(version))
    files.add_json(f"{folder}/signature.json", signature_document(version))
    files.add_json(f"{folder}/contributors.json", {"contributors": contributors(version)})
    files.add_json(f"{folder}/lineage.json", lineage(version))
    for evaluation in Evaluation.objects.filter(version=version).order_by("number").iterator(chunk_size=8):
        add_evidence(files, evaluation, f"{folder}/evidence/{evaluation.number}")
    for revision in CardRevision.objects.filter(version=version).order_by("number").iterator(chunk_size=8):
        files.add_json(f"{folder}/card/{revision.number}.json", revision.sections)
        files.add(f"{folder}/card/{revision.number}.md", card_text(revision.sections).encode())


def contributors(version: ModelVersion) -> list[dict[str, Any]]:
    """Who made the version and how we know, in the order in which it was recorded, each with its entry.
    Somebody unknown here is named by the digest of the declared identity, as in the digest that reviews
    sign."""
    rows = {str(one.pk): one for one in version.contributors.all()}
    # The log's order: two ids of one millisecond sort by chance.
    return [
        contributors_document([rows[ref]])[0] | {"id": ref, "entry": entry}
        for ref, entry in _entries(Contributor, list(rows.values())).items()
    ]


def lineage(version: ModelVersion) -> dict[str, Any]:
    """What the version came from (`upstream`, as the digest that reviews sign counts it, with names and, for
    edges declared later, their entries) and the versions that came from it."""
    declared = list(LineageEdge.objects.filter(version=version))
    entries = _entries(LineageEdge, declared)
    by_name = {(edge.kind, edge.name): entries[str(edge.pk)] for edge in declared}
    edges = lineage_of(version)
    return {
        "upstream": [_edge(edge, by_name.get((edge.kind, edge.name))) for edge in edges if edge.upstream],
        "downstream": [_edge(edge, None) for edge in edges if not edge.upstream],
    }


def _edge(edge: Edge, entry: str | None) -> dict[str, Any]:
    return lineage_document([edge])[0] | {"name": edge.name, "entry": entry}


def add_evidence(files: Files, evaluation: Evaluation, folder: str) -> None:
    """The evidence, byte for byte. A failed evaluation may have circumstances and no results."""
    if evaluation.results is not None:
        files.add(f"{folder}/results.json", bytes(evaluation.results))
    if evaluation.circumstances is not None:
        files.add(f"{folder}/circumstances.json", bytes(evaluation.circumstances))


def card_text(sections: dict[str, str]) -> str:
    """The written sections of a card as one Markdown text: `verify.py` makes it anew from the JSON."""
    return "".join(f"## {name}\n\n{sections[name]}\n\n" for name in sorted(sections))


def _entries(kind: type[Recorded], rows: list[Any]) -> dict[str, str]:
    """The entry by which each thing began, by the thing's id. Raises LookupError where there is none."""
    found: dict[str, str] = {}
    for leaf in leaves_about([kind.ledger_type], [row.pk for row in rows]):
        found.setdefault(leaf.ref, leaf.id)
    if missing := {str(row.pk) for row in rows} - found.keys():
        raise LookupError(f"no sealed entry tells of {kind.ledger_type} {min(missing)}; run manage.py verify")
    return found
