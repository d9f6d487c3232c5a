"""The page of one registered model."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.ledger.trail import trail
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from registry.gates import protected_names
from registry.versions import columns
from registry.versions.access import get_model
from registry.versions.activity import about
from registry.versions.listing import joined, named, owners_of
from registry.versions.models import Alias, ModelVersion
from registry.versions.views.edits import edit_forms

VERSIONS_SHOWN = 25
ENTRIES_SHOWN = 8


@page(Permission.SEE)
@require_safe
def model_page(request: HttpRequest, name: str) -> HttpResponse:
    """One registered model: where it is, its versions, its history."""
    actor = actor_of_request(request)
    model = get_model(actor, name)
    versions, window = window_of(
        request,
        joined(ModelVersion.objects.filter(model=model)),
        order_by=("-number",),
        size=VERSIONS_SHOWN,
    )
    aliases: dict[Any, list[Alias]] = {}
    for alias in Alias.objects.filter(model=model).order_by("name_folded"):
        aliases.setdefault(alias.version_id, []).append(alias)
    protected = protected_names()
    context = edit_forms(model, actor) | {
        "model": model,
        "owners": named(owners_of([model.team_id]).get(model.team_id, []), shown=4),
        "rows": [
            (
                version,
                [(alias, alias.name_folded in protected) for alias in aliases.get(version.pk, [])],
                cells,
            )
            for version, cells in columns.cells("versions", versions)
        ],
        "columns": columns.columns_of("versions"),
        "window": window,
        "tags": list(model.tags.filter(version__isnull=True).order_by("key")),
        "activity": trail(actor=actor, filters=about(model), limit=ENTRIES_SHOWN),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/model.html", context)
