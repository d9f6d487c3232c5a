"""Who is here: members and their roles, one person, teams."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, F, Func, Q, TextField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from countersign import clock, refusals
from countersign.accounts import access, actions, queries
from countersign.accounts.forms import MemberFilter, PersonForm, ReasonForm, RoleForm, TeamForm, take_errors
from countersign.accounts.models import ServiceAccount, Team, User
from countersign.accounts.values import random_password
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission, Role
from countersign.verdicts import Verdict
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page

READ_OR_MANAGE = {"GET": Permission.SEE, "POST": Permission.MANAGE_PEOPLE}
ROWS = 50
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
                    ends_at=form.ends_at(),
                    reason=form.cleaned_data["reason"],
                    actor=actor,
                )
            except Refused as refusal:  # shown in place, with what was typed; recorded like any other
                refusals.record(actor, refusal.verdict, attempted=f"POST {request.path}")
                refused, status = refusal.verdict, refusal.status
            except CountersignError as error:
                take_errors(form, error)
            else:
                messages.info(request, f"{granted.user} is {granted} now.")
                return redirect_after_post(request, "accounts:people")
    names = _member_list(request) | {
        "form": form,
        "refused": refused,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/people.html", names, status=status)


def _member_list(request: HttpRequest) -> dict[str, Any]:
    actor = actor_of_request(request)
    narrowed = MemberFilter(request.GET)
    query, ended = "", False
    if narrowed.is_valid():
        query, ended = narrowed.cleaned_data["q"].strip(), narrowed.cleaned_data["ended"]
    rows = queries.memberships_visible_to(actor)
    if not ended:
        rows = rows.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=clock.now()))
    if query:
        rows = rows.filter(
            Q(user__full_name__icontains=query)
            | Q(user__username__icontains=query)
            | Q(team__name__icontains=query)
            | Q(role__icontains=query)
        )
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
        "ended": ended,
        "without_role": queries.users_visible_to(actor)
        .filter(is_active=True)
        .exclude(pk__in=queries.not_ended().values("user"))
        .order_by("full_name")[:ROWS],
        "counts": _counts(),
        "now": clock.now(),
    }


def _counts() -> dict[str, int]:
    return {
        "people": User.objects.filter(is_active=True).count(),
        "teams": Team.objects.count(),
        "service_accounts": ServiceAccount.objects.filter(is_active=True).count(),
    }


@never_cache
@page(Permission.MANAGE_PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def new_person(request: HttpRequest) -> HttpResponseBase:
    """Add a person; the answer shows their first password once."""
    form = PersonForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            first_password = random_password()
            try:
                user = actions.create_user(
                    **form.cleaned_data, password=first_password, actor=actor_of_request(request)
                )
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                return _show_password(request, user, first_password)
    return render_page(request, "accounts/person_new.html", {"form": form}, status=status)


@page(Permission.SEE)
@require_safe
def person(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """One person: what they hold and held, and what an administrator may do."""
    return _draw_person(request, access.get_user(actor_of_request(request), user), ReasonForm(), 200)


def _draw_person(request: HttpRequest, found: User, form: ReasonForm, status: int) -> HttpResponseBase:
    actor = actor_of_request(request)
    roles = list(queries.memberships_visible_to(actor).filter(user=found).order_by("-starts_at", "role"))
    names = {
        "person": found,
        "roles": roles,
        "granters": queries.labels_of(role.granted_by for role in roles if role.granted_by),
        "service_accounts": queries.service_accounts_visible_to(actor)
        .filter(responsible=found)
        .order_by("name"),
        "form": form,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
        "is_self": actor.person == found.pk,
        "now": clock.now(),
    }
    for role in roles:
        role.granter = names["granters"].get(role.granted_by) if role.granted_by else None  # type: ignore[attr-defined]
    return render_page(request, "accounts/person.html", names, status=status)


@page(Permission.MANAGE_PEOPLE)
@require_POST
def deactivate(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """Close a person's account, with a reason."""
    actor = actor_of_request(request)
    found = access.get_user(actor, user)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _draw_person(request, found, form, 422)
    actions.deactivate_user(user=found, reason=form.cleaned_data["reason"], actor=actor)
    messages.info(request, f"{found} is deactivated: every role has ended and every token is revoked.")
    return redirect_after_post(request, "accounts:person", found.pk)


@page(Permission.MANAGE_PEOPLE)
@require_POST
def reactivate(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """Open a person's account again."""
    actor = actor_of_request(request)
    found = actions.reactivate_user(user=access.get_user(actor, user), actor=actor)
    messages.info(request, f"{found} may sign in again, and holds no role yet.")
    return redirect_after_post(request, "accounts:person", found.pk)


@never_cache
@page(Permission.MANAGE_PEOPLE)
@require_POST
def reset_password(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """Give a person a temporary password, shown once."""
    actor = actor_of_request(request)
    found, temporary = actions.reset_password(user=access.get_user(actor, user), actor=actor)
    return _show_password(request, found, temporary)


def _show_password(request: HttpRequest, user: User, password: str) -> HttpResponseBase:
    names = {
        "person": user,
        "password": password,
        "sign_in_url": request.build_absolute_uri(reverse("accounts:sign-in")),
    }
    return render_page(request, "accounts/password_once.html", names, status=201)


@page(Permission.MANAGE_PEOPLE)
@require_http_methods(["GET", "HEAD", "POST"])
def end_role(request: HttpRequest, membership: UUID) -> HttpResponseBase:
    """End a role now, with a reason."""
    actor = actor_of_request(request)
    found = access.get_membership(actor, membership)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        actions.end_role(membership=found, reason=form.cleaned_data["reason"], actor=actor)
        messages.info(request, f"{found.user} is no longer {found}.")
        return redirect_after_post(request, "accounts:person", found.user_id)
    names = {"membership": found, "form": form}
    return render_page(request, "accounts/role_end.html", names, status=422 if form.is_bound else 200)


@page(READ_OR_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def teams(request: HttpRequest) -> HttpResponseBase:
    """The teams; POST adds one."""
    actor = actor_of_request(request)
    form = TeamForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                team = actions.create_team(name=form.cleaned_data["name"], actor=actor)
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                messages.info(request, f"The team {team} is added. Grant people roles in it.")
                return redirect_after_post(request, "accounts:teams")
    now = clock.now()
    held = Q(memberships__starts_at__lte=now) & (
        Q(memberships__ends_at__isnull=True) | Q(memberships__ends_at__gt=now)
    )
    rows = queries.teams_visible_to(actor).annotate(
        people=Count("memberships__user", filter=held, distinct=True),
        machines=Count("service_accounts", filter=Q(service_accounts__is_active=True), distinct=True),
    )
    names = {
        "rows": rows.order_by("name"),
        "form": form,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
        "counts": _counts(),
    }
    return render_page(request, "accounts/teams.html", names, status=status)
