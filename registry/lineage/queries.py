"""The lineage of a version: what it came from, who claims so, and what came of it. Joined from what versions,
runs and datasets say themselves, and from declared edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from countersign import canonical
from registry import links
from registry.lineage.models import LineageEdge
from registry.versions.models import ModelVersion, VersionInput


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge. `kind` is run, dataset_version, source_commit, parent_version, child_version or the kind of a
    declared edge; `name` is for people, `reference` finds the thing (an id, a commit, an address), `digest`
    is the SHA-256 of its content where there is one. `claim`: verified (by digest), observed, declared.
    `link` leads to its page; `origin` is where data says it comes from."""

    kind: str
    name: str
    reference: str
    digest: str
    claim: str
    link: str | None
    context: str = ""
    upstream: bool = True
    origin: str = ""

    @property
    def words(self) -> str:
        """The kind as people read it."""
        return self.kind.replace("_", " ")

    def as_dict(self) -> dict[str, str | bool]:
        """JSON form, as the API shows it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "reference": self.reference,
            "digest": self.digest,
            "claim": self.claim,
            "context": self.context,
            "direction": "upstream" if self.upstream else "downstream",
        }


def lineage_of(version: ModelVersion) -> list[Edge]:
    """Upstream edges (run, commit, data, parent, declared ones), then the versions that name it as their
    parent."""
    return [*upstream_of(version), *_children(version)]


def upstream_of(version: ModelVersion) -> list[Edge]:
    """What the version came from: the edges a review's subject is made of."""
    return _upstream([version])[version.pk]


def _upstream(versions: Sequence[ModelVersion]) -> dict[UUID, list[Edge]]:
    """`upstream_of` for several versions by their ids, in a fixed number of queries."""
    inputs: dict[UUID, list[VersionInput]] = {}
    named = VersionInput.objects.filter(version__in=versions).select_related("dataset_version__dataset")
    for one in named.order_by("context", "dataset_version_id"):
        inputs.setdefault(one.version_id, []).append(one)
    declared: dict[UUID, list[LineageEdge]] = {}
    for edge in LineageEdge.objects.filter(version__in=versions).order_by("kind", "name"):
        declared.setdefault(edge.version_id, []).append(edge)
    return {one.pk: _edges(one, inputs.get(one.pk, []), declared.get(one.pk, [])) for one in versions}


def _edges(
    version: ModelVersion, inputs: Iterable[VersionInput], declared: Iterable[LineageEdge]
) -> list[Edge]:
    edges: list[Edge] = []
    if (run := version.run) is not None:
        edges.append(Edge("run", run.name, str(run.pk), run.telemetry_digest, "observed", None))
        if run.source_commit:
            repository = run.source_repository or "repository not named"
            state = {True: "", False: ", with changes that were not committed", None: ""}[run.source_clean]
            name = f"{repository} {run.source_commit[:12]}{state}"
            edges.append(Edge("source_commit", name, run.source_commit, "", "observed", None))
    for one in inputs:
        data = one.dataset_version
        edges.append(
            Edge(
                "dataset_version",
                f"{data.dataset.name} {data.number}",
                str(data.pk),
                data.digest,
                one.claim,
                links.dataset_version(data),
                context=one.context,
                origin=data.source,
            )
        )
    if (parent := version.parent) is not None:
        parent.model = version.model  # a parent is of the same model
        edges.append(
            Edge(
                "parent_version",
                f"version {parent.number}",
                str(parent.pk),
                parent.digest,
                "declared",
                links.version(parent),
            )
        )
    edges += [Edge(edge.kind, edge.name, edge.reference, edge.digest, edge.claim, None) for edge in declared]
    return edges


def _children(version: ModelVersion) -> list[Edge]:
    return [
        Edge(
            "child_version",
            f"version {child.number}",
            str(child.pk),
            child.digest,
            "declared",
            links.version(child),
            upstream=False,
        )
        for child in version.children.select_related("model").order_by("number")
    ]


def lineage_document(edges: Iterable[Edge]) -> list[dict[str, str]]:
    """Upstream edges as their digest counts them, in a fixed order. Names of things that have an id do not
    count: a renamed dataset is the same data."""
    counted = [
        {
            "kind": edge.kind,
            "reference": edge.reference or edge.name,
            "digest": edge.digest,
            "claim": edge.claim,
            "context": edge.context,
        }
        for edge in edges
    ]
    return sorted(counted, key=canonical.canonical)


def lineage_digest(version: ModelVersion) -> str:
    """SHA-256 (hex) of the canonical form of the version's upstream edges."""
    return canonical.digest(lineage_document(upstream_of(version))).removeprefix("sha256:")


def lineage_digests(versions: Sequence[ModelVersion]) -> dict[UUID, str]:
    """`lineage_digest` of several versions by their ids, in a fixed number of queries."""
    return {
        ref: canonical.digest(lineage_document(edges)).removeprefix("sha256:")
        for ref, edges in _upstream(versions).items()
    }
