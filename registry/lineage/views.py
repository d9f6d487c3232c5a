"""The lineage of a version as a list, and its short form on the version's own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.permissions import Permission
from countersign.web.guards import page
from countersign.web.panels import Panel, register
from countersign.web.render import render_page
from registry.lineage.graph import DIRECTIONS, Direction, graph_of, use_edges
from registry.lineage.queries import lineage_of
from registry.lineage.uses import uses_of
from registry.versions.models import ModelVersion
from registry.versions.views import version_context


@page(Permission.SEE)
@require_safe
def version_lineage(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What the version came from, who claims so, and what came of it; `?direction=` draws one side."""
    context = version_context(request, name, number, "lineage")
    version = context["version"]
    asked = request.GET.get("direction", "both")
    direction: Direction = next((one for one in DIRECTIONS if one == asked), "both")
    edges = lineage_of(version)
    context |= {
        "graph": graph_of(version, direction),
        "direction": direction,
        "directions": [(one, one.capitalize()) for one in DIRECTIONS],
        "upstream": [edge for edge in edges if edge.upstream] if direction != "downstream" else [],
        "downstream": [*use_edges(uses_of(version)), *(edge for edge in edges if not edge.upstream)]
        if direction != "upstream"
        else [],
    }
    return render_page(request, "registry/version_lineage.html", context)


def _short(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    return {"edges": lineage_of(version)}


register(
    page="registry.version",
    panel=Panel(
        name="lineage", order=60, area="main", template="registry/panels/lineage.html", context=_short
    ),
)
