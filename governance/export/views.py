"""Pages of audit exports: asking for one, and one with what it holds and how to check it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from zipfile import BadZipFile

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from countersign.accounts.forms import take_errors
from countersign.errors import CountersignError, Refused
from countersign.jobs.views import steps_of
from countersign.ledger import queries as ledger
from countersign.ledger.verbs import EXPORT_KEY_PUBLISHED
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import asks_for_part, redirect_after_post, render_page
from governance.export.access import get_export
from governance.export.actions import request_export
from governance.export.contents.writing import LEFT_OUT
from governance.export.forms import ONE_ENVIRONMENT, ONE_MODEL, ExportForm
from governance.export.holdings import parts_of
from governance.export.models import AuditExport, ExportState
from governance.export.queries import exports_visible_to

PART = "export-progress"
STATUS = {
    ExportState.WAITING: "waiting",
    ExportState.READY: "done",
    ExportState.FAILED: "failed",
    ExportState.CANCELLED: "not_run",
}


@page(Permission.EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def export_list(request: HttpRequest) -> HttpResponseBase:
    """The exports the actor may take away, newest first; POST asks for one. `?model=` and `?environment=` choose."""
    actor = actor_of_request(request)
    status = 200
    if request.method == "POST":
        form = ExportForm(request.POST, actor=actor)
        status = 422
        if form.is_valid():
            try:
                asked = request_export(actor=actor, **form.arguments())
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                return redirect_after_post(request, "governance:export", asked.number)
    else:
        form = ExportForm(actor=actor, initial={"scope": ONE_MODEL} | _chosen(request, actor))
    rows, window = window_of(request, exports_visible_to(actor), order_by=("-number",))
    context = {
        "form": form,
        "rows": [(row, *state_of(row)) for row in rows],
        "window": window,
        "everything": actor.holds(Permission.EXPORT),
        "keys": _keys(),
        "noun": "Ledger",
        "nothing_saved": status != 200,
    }
    return render_page(request, "governance/export/list.html", context, status=status)


@page(Permission.EXPORT)
@require_safe
def export_page(request: HttpRequest, number: int) -> HttpResponseBase:
    """One export. The part `export-progress` polls itself until it ends, then the page is loaded anew."""
    export = get_export(actor_of_request(request), number)
    waiting = export.state == ExportState.WAITING
    if not waiting and asks_for_part(request) == PART:
        return HttpResponseClientRefresh()
    status, word = state_of(export)
    context: dict[str, Any] = {
        "export": export,
        "status": status,
        "word": word,
        "job_url": reverse("jobs:job", args=[export.job_id]),
        "keys": _keys(),
        "again": _again(export),
        "noun": "Ledger",
    }
    if waiting:
        context |= {"steps": steps_of(export.job), "percent": round(export.job.progress * 100)}
    elif export.blob is not None:
        context |= _holdings(export)
    return render_page(request, "governance/export/export.html", context)


def _again(export: AuditExport) -> str:
    """The query that chooses the same scope again; empty for a period."""
    if export.model is not None:
        return "?" + urlencode({ONE_MODEL: export.model.name})
    return (
        "?" + urlencode({ONE_ENVIRONMENT: export.environment.slug}) if export.environment is not None else ""
    )


def state_of(export: AuditExport) -> tuple[str, str]:
    """Status and word of an export: a waiting one is running once its job is."""
    if export.state == ExportState.WAITING and export.job.state == "running":
        return "running", "Running"
    return STATUS[ExportState(export.state)], export.get_state_display()


def _holdings(export: AuditExport) -> dict[str, Any]:
    assert export.blob is not None  # noqa: S101 - the caller asked
    try:
        parts = parts_of(export.blob)
    except (OSError, BadZipFile):
        return {"lost": True}
    return {
        "parts": parts,
        "files": sum(part.count for part in parts),
        "size": sum(part.size for part in parts),
        "left_out": LEFT_OUT,
    }


def _keys() -> dict[str, str]:
    """The public keys `verify.py` is given; empty until the ledger is created."""
    tree, published = ledger.tree(), ledger.newest_leaf(EXPORT_KEY_PUBLISHED.name)
    if tree is None or published is None:
        return {}
    return {"ledger": tree.vkey, "export": published["data"]["after"]["details"]["vkey"]}


def _chosen(request: HttpRequest, actor: Any) -> dict[str, Any]:
    """The model (by name) or environment (by slug) a link came with, if it may be chosen."""
    form = ExportForm(actor=actor)
    for scope, field in ((ONE_MODEL, "name"), (ONE_ENVIRONMENT, "slug")):
        said = request.GET.get(scope, "").replace("\0", "")
        choices = form.fields[scope].queryset  # type: ignore[attr-defined]
        found = choices.filter(**{field: said}).first() if said else None
        if found:
            return {"scope": scope, scope: found.pk}
    return {}
