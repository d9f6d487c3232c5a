"""Who holds which role, from when until when; granting one, ending one, letting one last longer or shorter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from countersign import clock, refusals
from countersign.accounts import access, actions, queries
from countersign.accounts.forms import ReasonForm, RoleEndForm, RoleForm, take_errors
from countersign.accounts.models import SOON, Membership, Team
from countersign.accounts.views.filters import filters_of
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission, Role
from countersign.verdicts import Verdict
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page

READ_OR_MANAGE = {"GET": Permission.SEE, "POST": Permission.MANAGE_PEOPLE}
UNSEEN_DAYS = 90
_NEVER = "9"  # sorts behind every date


@page(READ_OR_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest) -> HttpResponseBase:
    """Roles, those that end first on top; POST grants one."""
    actor = actor_of_request(request)
    form = RoleForm(
        request.POST if request.method == "POST" else None, initial={"user": request.GET.get("person")}
    )
    refused: Verdict | None = None
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                granted = actions.grant_role(
                    user=form.cleaned_data["user"],
                    role=Role(form.cleaned_data["role"]),
                    team=form.cleaned_data["team"],
                    starts_at=form.starts_at(),
                    ends_at=form.ends_at(),
                    reason=form.cleaned_data["reason"],
                    actor=actor,
                )
            except Refused as refusal:  # shown in place, with what was typed; recorded like any other
                refusals.record(actor, refusal.verdict, attempted=f"POST {request.path}")
                refused, status = refusal.verdict, refusal.status
            except CountersignError as error:
                take_errors(form, error, {"starts_at": "starts", "ends_at": "until"})
            else:
                begins = "now" if granted.starts_at <= clock.now() else f"from {granted.starts_at:%d %b %Y}"
                messages.info(request, f"{granted.user} is {granted} {begins}.")
                return redirect_after_post(request, "accounts:people")
    names = _member_list(request) | {
        "form": form,
        "refused": refused,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/people.html", names, status=status)


def _member_list(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of_request(request)
    chosen, filters = filters_of(
        request,
        [
            ("team", "Team", [(team.slug, team.name) for team in Team.objects.order_by("name")]),
            ("role", "Role", [(role.value, role.value) for role in Role]),
            ("ended", "Ended", [("1", "too"), ("only", "only")]),
            ("unseen", "Not signed in for", [(str(UNSEEN_DAYS), f"{UNSEEN_DAYS} days")]),
        ],
    )
    query = request.GET.get("q", "").strip()[:100]
    rows = _narrowed(queries.memberships_visible_to(actor), query, chosen)
    until = Func(F("ends_at"), Value("YYYYMMDDHH24MISSUS"), function="to_char", output_field=TextField())
    rows = rows.annotate(until=Coalesce(until, Value(_NEVER), output_field=TextField()))
    shown, window = window_of(request, rows, order_by=("until", "pk"))
    granters = queries.labels_of(row.granted_by for row in shown if row.granted_by)
    for row in shown:
        row.granter = granters.get(row.granted_by) if row.granted_by else None  # type: ignore[attr-defined]
    return {
        "rows": shown,
        "window": window,
        "q": query,
        "filters": filters,
        "narrowed": bool(query) or any(chosen.values()),
        "overview": queries.overview(actor),
        "soon": clock.now() + SOON,
        "now": clock.now(),
    }


def _narrowed(rows: QuerySet[Membership], query: str, chosen: dict[str, str]) -> QuerySet[Membership]:
    now = clock.now()
    ended = Q(ends_at__lte=now)
    if chosen["ended"] == "only":
        rows = rows.filter(ended)
    elif not chosen["ended"]:
        rows = rows.exclude(ended)
    if chosen["team"]:
        rows = rows.filter(team__slug=chosen["team"])
    if chosen["role"]:
        rows = rows.filter(role=chosen["role"])
    if chosen["unseen"]:
        since = now - timedelta(days=UNSEEN_DAYS)
        rows = rows.filter(Q(user__last_login__isnull=True) | Q(user__last_login__lt=since))
    if query:
        rows = rows.filter(
            Q(user__full_name__icontains=query)
            | Q(user__username__icontains=query)
            | Q(team__name__icontains=query)
            | Q(role__icontains=query)
        )
    return rows


@page(Permission.MANAGE_PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def end_role(request: HttpRequest, membership: UUID) -> HttpResponseBase:
    """End a role now, with a reason; beside it stands the form that moves its end."""
    actor = actor_of_request(request)
    found = access.get_membership(actor, membership)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            actions.end_role(membership=found, reason=form.cleaned_data["reason"], actor=actor)
        except Refused:
            raise
        except CountersignError as error:  # somebody else ended it meanwhile
            status = error.status
            take_errors(form, error)
        else:
            messages.info(request, f"{found.user} is no longer {found}.")
            return redirect_after_post(request, "accounts:person", found.user_id)
    return _draw_role(request, found, status, form=form)


@page(Permission.MANAGE_PEOPLE)
@require_POST
def move_role_end(request: HttpRequest, membership: UUID) -> HttpResponseBase:
    """Let a role last longer or shorter, with a reason."""
    actor = actor_of_request(request)
    found = access.get_membership(actor, membership)
    form = RoleEndForm(request.POST)
    status, refused = 422, None
    if form.is_valid():
        try:
            moved = actions.move_role_end(
                membership=found,
                ends_at=form.ends_at(),
                reason=form.cleaned_data["reason"],
                expected_end=form.cleaned_data["seen_end"],
                actor=actor,
            )
        except Refused as refusal:
            refusals.record(actor, refusal.verdict, attempted=f"POST {request.path}")
            status, refused = refusal.status, refusal.verdict
        except CountersignError as error:
            status = error.status
            take_errors(form, error, {"ends_at": "until"})
        else:
            until = f"until {moved.ends_at:%d %b %Y %H:%M} UTC" if moved.ends_at else "without end"
            messages.info(request, f"{moved.user} is {moved} {until}.")
            return redirect_after_post(request, "accounts:person", moved.user_id)
    return _draw_role(request, found, status, end_form=form, refused=refused)


def _draw_role(
    request: HttpRequest,
    found: Membership,
    status: int,
    *,
    form: ReasonForm | None = None,
    end_form: RoleEndForm | None = None,
    refused: Verdict | None = None,
) -> HttpResponseBase:
    found.refresh_from_db()
    names = {
        "membership": found,
        "form": form or ReasonForm(),
        "end_form": end_form or RoleEndForm(initial={"seen_end": found.ends_at}),
        "refused": refused,
        "is_self": actor_of_request(request).person == found.user_id,
        "ended": found.ends_at is not None and found.ends_at <= clock.now(),
        "now": clock.now(),
    }
    return render_page(request, "accounts/role_end.html", names, status=status)
