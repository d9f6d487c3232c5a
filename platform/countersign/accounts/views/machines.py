"""Service accounts and the tokens of all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Case, IntegerField, Max, Q, When
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from countersign import clock
from countersign.accounts import access, actions, queries
from countersign.accounts.actions.machines import may_make_token
from countersign.accounts.forms import ResponsibleForm, ServiceAccountForm, TokenForm, take_errors
from countersign.accounts.models import STALE, ServiceAccount
from countersign.accounts.views.filters import filters_of
from countersign.accounts.views.members import READ_OR_MANAGE
from countersign.errors import CountersignError, Refused
from countersign.permissions import Permission, Role, Scope
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page


@page(READ_OR_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def service_accounts(request: HttpRequest) -> HttpResponseBase:
    """Service accounts with who answers for them; POST adds one."""
    actor = actor_of_request(request)
    form = ServiceAccountForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                account = actions.create_service_account(
                    **form.cleaned_data | {"role": Role(form.cleaned_data["role"])}, actor=actor
                )
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                messages.info(request, f"The service account {account} is added. Make it a token here.")
                return redirect_after_post(request, "accounts:service-account", account.pk)
    query = request.GET.get("q", "").strip()[:100]
    rows = queries.service_accounts_visible_to(actor).annotate(last_used_at=Max("tokens__last_used_at"))
    if query:
        rows = rows.filter(
            Q(name__icontains=query)
            | Q(team__name__icontains=query)
            | Q(responsible__full_name__icontains=query)
        )
    closed = Case(When(is_active=True, then=0), default=1, output_field=IntegerField())
    shown, window = window_of(request, rows.annotate(closed=closed), order_by=("closed", "name", "pk"))
    leaving = queries.leaving(row.responsible_id for row in shown)
    for row in shown:
        row.leaves_at = leaving.get(row.responsible_id)  # type: ignore[attr-defined]
    names = {
        "rows": shown,
        "window": window,
        "q": query,
        "overview": queries.overview(actor),
        "form": form,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "accounts/service_accounts.html", names, status=status)


@never_cache
@page(Permission.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def service_account(request: HttpRequest, account: UUID) -> HttpResponseBase:
    """One service account; POST makes a token, whose plaintext this one answer shows."""
    actor = actor_of_request(request)
    found = access.get_service_account(actor, account)
    form = _token_form(found, request.POST if request.method == "POST" else None)
    names: dict[str, Any] = {}
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                token, plaintext = actions.create_token(
                    holder=found,
                    name=form.cleaned_data["name"],
                    scopes=form.chosen_scopes(),
                    days=form.cleaned_data["days"],
                    actor=actor,
                )
            except Refused:
                raise
            except CountersignError as error:
                take_errors(form, error)
            else:
                names, status, form = {"made": token, "plaintext": plaintext}, 201, _token_form(found)
    names |= {
        "account": found,
        "tokens": queries.tokens_visible_to(actor)
        .filter(service_account=found)
        .order_by("-revoked_at", "expires_at"),
        "token_form": form,
        "may_make_token": may_make_token(holder=found, actor=actor),
        "responsible_form": ResponsibleForm(initial={"responsible": found.responsible_id}),
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
        "now": clock.now(),
    }
    return render_page(request, "accounts/service_account.html", names, status=status)


def _token_form(account: ServiceAccount, data: Any = None) -> TokenForm:
    return TokenForm(data, holders=[account], scopes=(Scope.READ, Scope.WRITE))


@page(Permission.MANAGE_PEOPLE)
@require_POST
def reassign(request: HttpRequest, account: UUID) -> HttpResponseBase:
    """Name another person to answer for a service account."""
    actor = actor_of_request(request)
    found = access.get_service_account(actor, account)
    form = ResponsibleForm(request.POST)
    if form.is_valid():
        found = actions.reassign_service_account(
            account=found, responsible=form.cleaned_data["responsible"], actor=actor
        )
        messages.info(request, f"{found.responsible} answers for {found} now.")
    else:
        messages.error(request, "Choose an active person. Nothing was changed.")
    return redirect_after_post(request, "accounts:service-account", found.pk)


@page(Permission.MANAGE_PEOPLE)
@require_POST
def deactivate(request: HttpRequest, account: UUID) -> HttpResponseBase:
    """Close a service account and revoke its tokens."""
    actor = actor_of_request(request)
    found = actions.deactivate_service_account(
        account=access.get_service_account(actor, account), actor=actor
    )
    messages.info(request, f"The service account {found} is closed and its tokens are revoked.")
    return redirect_after_post(request, "accounts:service-account", found.pk)


@page(Permission.SEE)
@require_safe
def tokens(request: HttpRequest) -> HttpResponseBase:
    """The tokens one may know of, those that end first on top; ended ones when asked for."""
    actor = actor_of_request(request)
    chosen, filters = filters_of(
        request,
        [
            ("state", "State", [("all", "ended too"), ("ended", "ended")]),
            ("use", "Use", [("stale", f"none for {STALE.days} days"), ("ending", "ends soon")]),
        ],
    )
    query = request.GET.get("q", "").strip()[:100]
    rows = queries.tokens_narrowed(queries.tokens_visible_to(actor), query, chosen["state"], chosen["use"])
    shown, window = window_of(request, rows, order_by=("expires_at", "pk"))
    names = {
        "rows": shown,
        "window": window,
        "q": query,
        "filters": filters,
        "narrowed": bool(query) or any(chosen.values()),
        "overview": queries.overview(actor),
        "sees_all": actor.holds(Permission.MANAGE_PEOPLE) or actor.holds(Permission.READ_LEDGER),
        "person_id": actor.person,
        "may_manage": actor.may(Permission.MANAGE_PEOPLE),
        "now": clock.now(),
    }
    return render_page(request, "accounts/tokens.html", names)
