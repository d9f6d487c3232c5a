"""Who is here: everybody, one person, teams."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from countersign import clock
from countersign.accounts import access, actions, queries
from countersign.accounts.forms import PersonForm, ReasonForm, TeamForm, take_errors
from countersign.accounts.models import SOON, User
from countersign.accounts.values import random_password
from countersign.accounts.views.filters import filters_of
from countersign.accounts.views.members import READ_OR_MANAGE
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page


@page(Permission.SEE)
@require_safe
def everybody(request: HttpRequest) -> HttpResponseBase:
    """All people by name, with or without a role."""
    actor = actor_of_request(request)
    chosen, filters = filters_of(
        request,
        [
            ("state", "State", [("active", "active"), ("deactivated", "deactivated")]),
            ("role", "Role", [("none", "none"), ("some", "some")]),
        ],
    )
    query = request.GET.get("q", "").strip()[:100]
    rows = queries.users_visible_to(actor).annotate(
        holds=Exists(queries.holding_now().filter(user=OuterRef("pk"))),
        held=Count("memberships", filter=_held_now(), distinct=True),
    )
    if chosen["state"]:
        rows = rows.filter(is_active=chosen["state"] == "active")
    if chosen["role"]:
        rows = rows.filter(holds=chosen["role"] == "some")
    if query:
        rows = rows.filter(
            Q(full_name__icontains=query) | Q(username__icontains=query) | Q(email__icontains=query)
            if actor.holds(Permission.MANAGE_PEOPLE)
            else Q(full_name__icontains=query) | Q(username__icontains=query)
        )
    shown, window = window_of(request, rows, order_by=("full_name", "pk"))
    names = {
        "rows": shown,
        "window": window,
        "q": query,
        "filters": filters,
        "narrowed": bool(query) or any(chosen.values()),
        "overview": queries.overview(actor),
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/everybody.html", names)


def _held_now() -> Q:
    now = clock.now()
    return Q(memberships__starts_at__lte=now) & (
        Q(memberships__ends_at__isnull=True) | Q(memberships__ends_at__gt=now)
    )


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
        "soon": clock.now() + SOON,
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


@page(Permission.MANAGE_PEOPLE)
@require_POST
def end_sessions(request: HttpRequest, user: UUID) -> HttpResponseBase:
    """Sign a person out in every browser."""
    actor = actor_of_request(request)
    found = actions.end_sessions(user=access.get_user(actor, user), actor=actor)
    messages.info(request, f"{found} is signed out everywhere. Tokens are revoked one by one.")
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
    rows = queries.teams_visible_to(actor).annotate(
        people=Count("memberships__user", filter=_held_now(), distinct=True),
        machines=Count("service_accounts", filter=Q(service_accounts__is_active=True), distinct=True),
    )
    names = {
        "rows": rows.order_by("name"),
        "overview": queries.overview(actor),
        "form": form,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/teams.html", names, status=status)
