"""Pages of registered models and their versions. Higher layers add columns, panels and tabs."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from countersign.accounts.models import Team
from countersign.blobs.serving import serve_blob
from countersign.ledger.queries import Filters
from countersign.ledger.views import trail
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from registry.runs.queries import latest_metrics
from registry.versions import columns
from registry.versions.access import get_file, get_model, get_version
from registry.versions.models import Alias, ModelVersion
from registry.versions.queries import models_visible_to

VERSIONS_SHOWN = 25


@page(Permission.SEE)
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """Registered models the actor may see, newest first; `?q=`, `?team=`, `?archived=1` narrow the list."""
    actor = actor_of_request(request)
    q, team, archived = (
        request.GET.get("q", "").strip(),
        request.GET.get("team", ""),
        request.GET.get("archived") == "1",
    )
    found = models_visible_to(actor).filter(archived_at__isnull=not archived)
    if q:
        found = found.filter(
            Q(name__icontains=q) | Q(description__icontains=q) | Q(versions__digest__startswith=q)
        ).distinct()
    if team:
        found = found.filter(team__slug=team)
    models, window = window_of(request, found, order_by=("-pk",))
    newest: dict[Any, int] = {}
    for version in (
        ModelVersion.objects.filter(model__in=models).order_by("model_id", "-number").distinct("model_id")
    ):
        newest[version.model_id] = version.number
    teams = actor.teams_with(Permission.SEE)
    context = {
        "rows": [(model, newest.get(model.pk), cells) for model, cells in columns.cells("models", models)],
        "titles": columns.titles("models"),
        "window": window,
        "q": q,
        "team": team,
        "archived": archived,
        "teams": Team.objects.all() if teams is None else Team.objects.filter(pk__in=teams),
        "may_register": actor.holds_anywhere(Permission.REGISTER),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/models.html", context)


@page(Permission.SEE)
@require_safe
def model_page(request: HttpRequest, name: str) -> HttpResponse:
    """One registered model: where it is, its versions, its history."""
    actor = actor_of_request(request)
    model = get_model(actor, name)
    versions, window = window_of(
        request, ModelVersion.objects.filter(model=model), order_by=("-number",), size=VERSIONS_SHOWN
    )
    aliases: dict[Any, list[Alias]] = {}
    for alias in Alias.objects.filter(model=model).order_by("name_folded"):
        aliases.setdefault(alias.version_id, []).append(alias)
    for version in versions:
        version.model = model
    context = {
        "model": model,
        "rows": [
            (version, aliases.get(version.pk, []), cells)
            for version, cells in columns.cells("versions", versions)
        ],
        "titles": columns.titles("versions"),
        "window": window,
        "tags": list(model.tags.filter(version__isnull=True).order_by("key")),
        "activity": trail(
            actor=actor, filters=Filters(subject_type=model.ledger_type, subject_ref=model.pk), limit=8
        ),
        "may_register": actor.holds(Permission.REGISTER, model.team_id),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/model.html", context)


def version_context(request: HttpRequest, name: str, number: int, tab: str) -> dict[str, Any]:
    """What every tab of a version shows."""
    version = get_version(actor_of_request(request), name, number)
    counts = ModelVersion.objects.filter(pk=version.pk).aggregate(files=Count("files", distinct=True))
    return {
        "version": version,
        "model": version.model,
        "aliases": list(version.aliases.order_by("name_folded")),
        "file_count": counts["files"],
        "tab": tab,
    }


@page(Permission.SEE)
@require_safe
def version_page(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Overview of a version: facts, signature, contributors; governance's panels around them."""
    context = version_context(request, name, number, "overview")
    version: ModelVersion = context["version"]
    run = version.run
    context |= {
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
        "may_download": actor_of_request(request).holds(Permission.DOWNLOAD, version.model.team_id),
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
