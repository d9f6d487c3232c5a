"""Verify now: the act on the ledger's page that starts the job."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST

from countersign.permissions import Permission
from countersign.upkeep.actions import request_verification
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post


@page(Permission.VERIFY_LEDGER)
@require_POST
def verify_now(request: HttpRequest) -> HttpResponseBase:
    """Start a verification, or go to the one that runs."""
    job = request_verification(actor=actor_of_request(request))
    return redirect_after_post(request, "jobs:job", job.id)
