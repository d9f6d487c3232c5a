"""The pages of one version: overview, files, and what the ledger says of it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from countersign.blobs.serving import serve_blob
from countersign.ledger.queries import Filters
from countersign.ledger.trail import trail
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from registry.gates import protected_names
from registry.runs.queries import latest_metrics
from registry.versions.access import get_file, get_version
from registry.versions.listing import named, owners_of
from registry.versions.models import ModelVersion
from registry.versions.views.edits import edit_forms


def version_context(request: HttpRequest, name: str, number: int, tab: str) -> dict[str, Any]:
    """What every tab of a version shows."""
    version = get_version(actor_of_request(request), name, number)
    protected = protected_names()
    return {
        "version": version,
        "model": version.model,
        "aliases": [
            (alias, alias.name_folded in protected) for alias in version.aliases.order_by("name_folded")
        ],
        "file_count": version.files.count(),
        "tab": tab,
    }


@page(Permission.SEE)
@require_safe
def version_page(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Overview of a version: facts, signature, contributors; governance's panels around them."""
    context = version_context(request, name, number, "overview")
    version: ModelVersion = context["version"]
    run = version.run
    actor = actor_of_request(request)
    context |= edit_forms(version, actor)
    context |= {
        "owners": named(owners_of([version.model.team_id]).get(version.model.team_id, []), shown=4),
        "may_download": actor.may(Permission.DOWNLOAD, version.model.team_id),
        "host": request.build_absolute_uri("/").rstrip("/"),
        "contributors": version.contributors.select_related("user").order_by("created_at"),
        "tags": list(version.tags.order_by("key")),
        "features": version.signature.get("features", []),
        "parameters": list(run.parameters.order_by("key")) if run else [],
        "metrics": sorted(latest_metrics(run).items()) if run else [],
    }
    return render_page(request, "registry/version.html", context)


@page(Permission.SEE)
@require_safe
def version_files(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """The manifest: files with sizes and digests."""
    context = version_context(request, name, number, "files")
    version: ModelVersion = context["version"]
    context |= {
        "files": version.files.select_related("blob").order_by("path"),
        "may_download": actor_of_request(request).may(Permission.DOWNLOAD, version.model.team_id),
    }
    return render_page(request, "registry/version_files.html", context)


@page(Permission.DOWNLOAD)
@require_safe
def version_file(request: HttpRequest, name: str, number: int, path: str) -> HttpResponseBase:
    """The bytes of one file, as a download."""
    file = get_file(actor_of_request(request), name, number, path)
    return serve_blob(request, file.blob, path.rsplit("/", 1)[-1])


@page(Permission.READ_LEDGER)
@require_safe
def version_audit(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Everything recorded about this version itself."""
    context = version_context(request, name, number, "audit")
    version: ModelVersion = context["version"]
    context |= trail(
        actor=actor_of_request(request),
        filters=Filters(subject_type=version.ledger_type, subject_ref=version.pk),
        cursor=request.GET.get("cursor"),
    )
    return render_page(request, "registry/version_audit.html", context)
