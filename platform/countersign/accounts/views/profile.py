"""One's own page: roles, tokens, password, and how pages look."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from countersign import clock
from countersign.accounts import access, actions, queries
from countersign.accounts.forms import AppearanceForm, PasswordForm, TokenForm, take_errors
from countersign.accounts.models import SOON, ServiceAccount, User
from countersign.accounts.reauthentication import confirm_any_password
from countersign.errors import CountersignError, Refused
from countersign.web.context import DENSITIES, DENSITY_COOKIE, THEME_COOKIE, THEMES
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page

TEMPLATE = "accounts/profile.html"
_YEAR = 365 * 24 * 60 * 60


@never_cache
@page(None)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponseBase:
    """One's own access; POST makes a token, whose plaintext this one answer shows."""
    actor = actor_of_request(request)
    user = _myself(request)
    answered_for = list(
        ServiceAccount.objects.filter(responsible=user, is_active=True)
        .select_related("team")
        .order_by("name")
    )
    form = TokenForm(
        request.POST if request.method == "POST" else None,
        holders=[user, *answered_for],
        initial={"holder": user.pk},
    )
    names: dict[str, Any] = {}
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                token, plaintext = actions.create_token(
                    holder=form.chosen_holder(),
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
                names, status = {"made": token, "plaintext": plaintext}, 201
                form = TokenForm(holders=[user, *answered_for], initial={"holder": user.pk})
    return _draw(request, user, form, answered_for, names, status)


def _draw(
    request: HttpRequest,
    user: User,
    form: TokenForm,
    answered_for: list[ServiceAccount],
    names: dict[str, Any],
    status: int,
) -> HttpResponse:
    actor = actor_of_request(request)
    own = Q(user=user) | Q(service_account__responsible=user)
    look = {
        "theme": request.COOKIES.get(THEME_COOKIE, "system"),
        "density": request.COOKIES.get(DENSITY_COOKIE, "roomy"),
    }
    names |= {
        "person": user,
        "roles": queries.not_ended().filter(user=user).select_related("team").order_by("role", "starts_at"),
        "tokens": queries.tokens_visible_to(actor).filter(own).order_by("-revoked_at", "expires_at"),
        "answered_for": answered_for,
        "token_form": form,
        "appearance_form": AppearanceForm(initial=look),
        "now": clock.now(),
        "soon": clock.now() + SOON,
    }
    return render_page(request, TEMPLATE, names, status=status)


@page(None)
@require_POST
def revoke_token(request: HttpRequest, token: Any) -> HttpResponseBase:
    """Close a token and go back to the page the button stood on."""
    actor = actor_of_request(request)
    revoked = actions.revoke_token(token=access.get_token(actor, token), actor=actor)
    messages.info(request, f"The token {revoked.name} is revoked. What used it is refused from now on.")
    back = "accounts:profile" if request.POST.get("back") != "tokens" else "accounts:tokens"
    return redirect_after_post(request, back)


@sensitive_post_parameters("current", "password", "again")
@never_cache
@page(None)
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponseBase:
    """Choose a new password; sessions in other browsers end."""
    actor, user = actor_of_request(request), _myself(request)
    form = PasswordForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                proven_at = confirm_any_password(actor, form.cleaned_data["current"])
            except Refused as refused:
                status = refused.status if refused.status == 429 else 422
                form.add_error("current", refused.message)
            else:
                try:
                    changed = actions.change_password(
                        user=user,
                        password=form.cleaned_data["password"],
                        reauthenticated_at=proven_at,
                        actor=actor,
                    )
                except CountersignError as error:
                    take_errors(form, error)
                else:
                    update_session_auth_hash(request, changed)  # this browser stays signed in
                    messages.info(request, "Your password is changed. Sessions in other browsers have ended.")
                    return redirect_after_post(request, "accounts:profile")
    return render_page(request, "accounts/password.html", {"form": form, "person": user}, status=status)


@page(None)
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponseBase:
    """End one's sessions in every browser, this one too."""
    actions.end_sessions(user=_myself(request), actor=actor_of_request(request))
    logout(request)
    return redirect_after_post(request, "accounts:sign-in")


@page(None)
@require_POST
def appearance(request: HttpRequest) -> HttpResponseBase:
    """Remember in this browser how pages look."""
    form = AppearanceForm(request.POST)
    response = redirect_after_post(request, reverse("accounts:profile") + "#appearance")
    if form.is_valid():
        for cookie, value in (
            (THEME_COOKIE, form.cleaned_data["theme"]),
            (DENSITY_COOKIE, form.cleaned_data["density"]),
        ):
            if value in (*THEMES, *DENSITIES):
                response.set_cookie(
                    cookie, value, max_age=_YEAR, samesite="Lax", secure=request.is_secure(), httponly=True
                )
            else:
                response.delete_cookie(cookie, samesite="Lax")
    return response


def _myself(request: HttpRequest) -> User:
    """The row of the person whose session this is."""
    person = actor_of_request(request).person
    if person is None:
        raise RuntimeError("a session stands for a person")
    return User.objects.get(pk=person)
