"""Pages of reports: those on a version with the form that adds one, and one of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from countersign.accounts.forms import take_errors
from countersign.blobs.serving import serve_blob
from countersign.blobs.store import kept_or_discarded, receive
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.reports.access import get_report
from governance.reports.actions import LIMIT, record_report
from governance.reports.forms import ReportForm
from governance.reports.models import Report, Trust
from governance.reports.queries import reports_on
from governance.reports.reading import read_report
from registry.versions.access import get_version
from registry.versions.models import ModelVersion
from registry.versions.views import version_context

RESULTS = {"passed": ("met", "Passed"), "warned": ("doubt", "Warned"), "failed": ("not_met", "Failed")}
MEASURED = ("done", "Measures only")


@page({"GET": Permission.SEE, "POST": Permission.EVALUATE})
@require_http_methods(["GET", "HEAD", "POST"])
def report_list(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """What others measured of a version, newest first; POST adds a report."""
    actor = actor_of_request(request)
    status, form = 200, ReportForm()
    if request.method == "POST":
        version = get_version(actor, name, number, Permission.EVALUATE)
        form, status = ReportForm(request.POST, request.FILES), 422
        if form.is_valid():
            try:
                report = _record(form.cleaned_data["file"].read(), version, actor)
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
                status = error.status
            else:
                return redirect_after_post(request, address(report))
    context = version_context(request, name, number, "evaluations")
    version = context["version"]
    context |= {
        "rows": [(report, address(report), status_of(report)) for report in reports_on(version)],
        "form": form,
        "may": actor.may(Permission.EVALUATE, version.model.team_id),
    }
    return render_page(request, "governance/reports/list.html", context, status=status)


def _record(raw: bytes, version: ModelVersion, actor: Any) -> Report:
    summary = read_report(raw)
    incoming = receive(iter([raw]), size=len(raw), expected_sha256=None, limit=LIMIT)
    with kept_or_discarded([incoming]):
        return record_report(version=version, incoming=incoming, summary=summary, actor=actor)


@page(Permission.SEE)
@require_safe
def report_page(request: HttpRequest, name: str, number: int, report: int) -> HttpResponseBase:
    """One report: what it says, who brought it, how far it can be trusted."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number)
    found = get_report(actor, version, report)
    context = {
        "report": found,
        "version": version,
        "model": version.model,
        "status": status_of(found),
        "bound": found.trust == Trust.BOUND,
        "may_download": actor.may(Permission.DOWNLOAD, version.model.team_id),
    }
    return render_page(request, "governance/reports/report.html", context)


@page(Permission.DOWNLOAD)
@require_safe
def report_file(request: HttpRequest, name: str, number: int, report: int) -> HttpResponseBase:
    """The file as it came."""
    actor = actor_of_request(request)
    found = get_report(actor, get_version(actor, name, number), report, Permission.DOWNLOAD)
    return serve_blob(request, found.blob, file_name(found))


def file_name(report: Report) -> str:
    """What the file is called when it is downloaded."""
    return f"report-{report.number}.{'xml' if report.kind == 'junit' else 'json'}"


def address(report: Report) -> str:
    """The page of a report."""
    version = report.version
    return reverse("governance:report", args=[version.model.name, version.number, report.number])


def status_of(report: Report) -> tuple[str, str]:
    """Status and word of what a report says."""
    return RESULTS.get(report.result, MEASURED)
