"""The first page: what waits for you, what runs, what was decided, what is in production."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.ledger.views import lines_of
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from governance.inbox.queries import recent_decisions, running, tasks_of, wall


@page(None)
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The inbox of whoever is signed in. Its parts `inbox-list` and `jobs` renew themselves."""
    actor = actor_of_request(request)
    context = {
        "noun": "Inbox",
        "tasks": tasks_of(actor),
        "running": running(actor),
        "decisions": lines_of(recent_decisions(actor)),
        "wall": wall(actor),
        "may_register": actor.holds_anywhere(Permission.REGISTER),
        "may_manage": actor.holds_anywhere(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "governance/inbox/inbox.html", context)
