"""Deciding on a draft: the second person puts it in force, or somebody discards it with a reason."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST

from countersign.accounts.forms import take_errors
from countersign.errors import Conflict, Invalid
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post
from governance.policies.access import get_policy, get_revision
from governance.policies.actions import discard_draft, put_in_force
from governance.policies.forms import DiscardForm
from governance.policies.views.reading import draw_policy


@page(Permission.WRITE_POLICY)
@require_POST
def put_revision_in_force(request: HttpRequest, policy: UUID, number: int) -> HttpResponseBase:
    """Put a draft in force, as the second person. Whoever comes too late sees what is in force now."""
    actor = actor_of_request(request)
    revision = get_revision(actor, policy, number, Permission.WRITE_POLICY)
    try:
        put_in_force(revision=revision, actor=actor)
    except (Conflict, Invalid) as error:
        return draw_policy(request, get_policy(actor, policy), str(number), refused=error)
    messages.info(request, f"Revision {number} is in force.")
    return redirect_after_post(request, "governance:policy", policy)


@page(Permission.WRITE_POLICY)
@require_POST
def discard(request: HttpRequest, policy: UUID, number: int) -> HttpResponseBase:
    """Take a draft off the table, with a reason for its author."""
    actor = actor_of_request(request)
    revision = get_revision(actor, policy, number, Permission.WRITE_POLICY)
    form = DiscardForm(request.POST)
    error: Conflict | Invalid = Invalid("Nothing was changed.")
    if form.is_valid():
        try:
            discard_draft(revision=revision, reason=form.cleaned_data["reason"], actor=actor)
        except (Conflict, Invalid) as found:
            error = found
            if isinstance(found, Invalid):
                take_errors(form, found)
        else:
            messages.info(request, f"Draft {number} is discarded. Its text stays on record.")
            url = reverse("governance:policy", args=[policy])
            return redirect_after_post(request, f"{url}?revision={number}")
    return draw_policy(request, get_policy(actor, policy), str(number), refused=error, form=form)
