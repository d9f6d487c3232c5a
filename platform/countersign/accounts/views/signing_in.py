"""Signing in and out."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from countersign.accounts import actions, queries, throttle
from countersign.accounts.forms import SignInForm
from countersign.actors import Actor, ActorKind
from countersign.web.guards import actor_or_none, page
from countersign.web.render import redirect_after_post, render_page

log = structlog.get_logger(__name__)

TEMPLATE = "accounts/sign_in.html"


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """User name and password; public. Failures are slowed down and say how many tries are left."""
    onward = _onward(request)
    if actor_or_none(request) is not None:
        return redirect_after_post(request, onward)
    form = SignInForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _draw(request, form, onward, 200)
    if not form.is_valid():
        return _draw(request, form, onward, 422)
    username, address = form.cleaned_data["username"], _address(request)
    try:
        attempt = throttle.begin(username, address)
    except throttle.LockedOut as locked:
        return _locked(request, form, onward, locked)
    user = authenticate(request, username=username, password=form.cleaned_data["password"])
    if user is not None:
        attempt.succeeded()
        login(request, user)  # a fresh session key: one planted before signing in is worth nothing
        return redirect_after_post(request, onward)
    known = queries.person_named(username)
    log.warning("sign_in.failed", user=str(known.pk) if known else None, locked_seconds=attempt.lock_seconds)
    if attempt.lock_seconds:
        if known is not None:
            actions.record_lockout(
                user=known, seconds=attempt.lock_seconds, address=address, actor=_nobody(request)
            )
        return _locked(request, form, onward, throttle.LockedOut(attempt.lock_seconds))
    left = attempt.tries_left()
    form.add_error(
        "password",
        f"User name and password do not belong together. {left} {'try' if left == 1 else 'tries'} left.",
    )
    return _draw(request, form, onward, 422)


@page(None)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session."""
    logout(request)
    return redirect_after_post(request, "accounts:sign-in")


def _draw(request: HttpRequest, form: SignInForm, onward: str, status: int) -> HttpResponse:
    return render_page(request, TEMPLATE, {"form": form, "onward": onward}, status=status)


def _locked(request: HttpRequest, form: SignInForm, onward: str, locked: throttle.LockedOut) -> HttpResponse:
    form.add_error("password", locked.message)
    response = _draw(request, form, onward, locked.status)
    response["Retry-After"] = str(locked.retry_after)
    return response


def _onward(request: HttpRequest) -> str:
    """Where to go after signing in: a page of ours, never another site."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _address(request: HttpRequest) -> str:
    """Who connects; behind the TLS proxy of an https instance, whom the proxy next to us saw."""
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        return forwarded.rpartition(",")[2].strip()
    address: str = request.META.get("REMOTE_ADDR", "")
    return address


def _nobody(request: HttpRequest) -> Actor:
    return queries.actor_of(ActorKind.SYSTEM, None, via="page", request=getattr(request, "request_id", None))
