"""What one person may do, where, and through which role: now or at the end of a day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from countersign import clock
from countersign.accounts import access, queries
from countersign.accounts.rights import held_at, rights_of
from countersign.permissions import Permission
from countersign.web.fields import DayField, PageForm
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page


class AsOf(PageForm):
    """The day whose state is shown; without one, now."""

    on = DayField(
        label="On", required=False, help_text="A day (UTC), such as 3 Mar 2026: as it stood at its end."
    )

    def instant(self, now: datetime) -> datetime:
        """The end of the day, or now for none, today, and a day that cannot be read."""
        day = self.cleaned_data.get("on") if self.is_valid() else None
        return (
            now
            if day is None or day >= now.date()
            else datetime.combine(day + timedelta(days=1), time(), UTC)
        )


@page(None)
@require_safe
def person_access(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """What this person may do, where and why; their own page for everybody."""
    actor = actor_of_request(request)
    found = access.get_user(actor, user)
    form = AsOf(request.GET if "on" in request.GET else {"on": ""})
    now = clock.now()
    instant = form.instant(now)
    # The last instant of the day: a role that ends with the day was held on it.
    moment = instant if instant >= now else instant - timedelta(microseconds=1)
    roles = held_at(queries.memberships_visible_to(actor).filter(user=found), moment)
    rights = rights_of(roles if found.is_active else [])
    names = {
        "person": found,
        "is_self": actor.person == found.pk,
        "roles": roles,
        "rights": rights,
        "may": sum(bool(right.through) for right in rights),
        "form": form,
        "day": (instant - timedelta(days=1)).date() if instant < now else None,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/access.html", names, status=200 if form.is_valid() else 422)
