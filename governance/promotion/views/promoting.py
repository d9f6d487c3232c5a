"""Making a version live in an environment."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods

from countersign import refusals
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.environments.queries import environment_of
from governance.promotion.actions import promote
from governance.promotion.forms import PromoteForm
from governance.promotion.queries import gate_of, gate_title, live_in, promoter_verdict
from governance.reviews.forms import take_errors
from registry.versions.access import get_version

PROMOTE = "governance/promotion/promote.html"


@page(Permission.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def promotion(request: HttpRequest, name: str, number: int, slug: str) -> HttpResponseBase:
    """Make a version live in an environment: what becomes live, what it replaces, and the gate's answer."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number)
    environment = environment_of(slug)
    form = PromoteForm(request.POST if request.method == "POST" else None)
    status, moved, kept = 200, "", ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                made = promote(
                    version=version,
                    environment=environment,
                    reason=given["reason"],
                    expected_live=given["expected_live"],
                    actor=actor,
                )
            except Invalid as error:
                take_errors(form, error)
            except Conflict as error:
                status, moved, kept = error.status, error.message, given["reason"]
            except Refused as error:
                refusals.record(actor, error.verdict, attempted=f"promote {version} to {environment.slug}")
                status, kept = error.status, given["reason"]
                moved = "The gate refuses now; its reasons stand below."
            else:
                messages.success(request, f"{version} is live in {environment.name}.")
                return redirect_after_post(request, "governance:promotion", made.number)
    current = live_in(environment, version.model)
    gate = gate_of(version=version, environment=environment)
    allowed = actor.may(Permission.PROMOTE, version.model.team_id)
    promoter = promoter_verdict(gate, actor)
    if not form.is_bound or moved:
        live = current.version.number if current else 0
        form = PromoteForm(initial={"expected_live": live, "reason": kept})
    context = {
        "version": version,
        "model": version.model,
        "environment": environment,
        "current": current,
        "is_live": current is not None and current.version_id == version.id,
        "gate": gate,
        "title": gate_title(gate, environment),
        "standing": gate.standing,
        "form": form,
        "moved": moved,
        "kept": kept,
        "why_not": [*allowed.reasons, *promoter.reasons],
        "open": bool(gate.verdict) and bool(allowed) and bool(promoter),
    }
    return render_page(request, PROMOTE, context, status=status)
