"""The page on which somebody brings scores made elsewhere, for a model that cannot be run here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods

from countersign.accounts.forms import take_errors
from countersign.blobs.store import kept_or_discarded, receive
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.evaluation.actions import report_predictions
from governance.evaluation.forms import EvaluationForm
from governance.evaluation.views import address
from registry.versions.access import get_version
from registry.versions.tasks import task_of
from registry.versions.views import version_context

LIMIT = 2 * 1024 * 1024
"""The largest file a form takes, in bytes; larger ones come by REST."""


class BroughtForm(EvaluationForm):
    """On which data, and the scores."""

    predictions = forms.FileField(
        label="Scores",
        help_text="Parquet or CSV, at most 2 MiB; larger files by REST.",
        # A larger body is not read at all, so this is also what one who sent it sees.
        error_messages={"required": "Choose a file of at most 2 MiB, or send a larger one by REST."},
    )


@page(Permission.EVALUATE)
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """The form, and what it is sent: the scores are measured by a job like any other evaluation."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number, Permission.EVALUATE)
    form, status = BroughtForm(actor=actor, version=version), 200
    if request.method == "POST":
        form, status = BroughtForm(request.POST, request.FILES, actor=actor, version=version), 422
        if form.is_valid():
            content = form.cleaned_data["predictions"].read()
            try:
                incoming = receive(iter([content]), size=len(content), expected_sha256=None, limit=LIMIT)
                with kept_or_discarded([incoming]):
                    asked = report_predictions(
                        version=version,
                        dataset_version=form.chosen(),
                        predictions=incoming,
                        suite=form.cleaned_data["suite"],
                        actor=actor,
                    )
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                return redirect_after_post(request, address(asked, version))
    context: dict[str, Any] = version_context(request, name, number, "evaluations")
    context |= {"form": form, "task": task_of(version.signature)}
    return render_page(request, "governance/evaluation/brought.html", context, status=status)
