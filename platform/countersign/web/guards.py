"""How a page declares what it needs.

@page(Permission.SEE)
def model_page(request: HttpRequest, name: str) -> HttpResponse: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from countersign.actors import Actor
from countersign.errors import Refused
from countersign.permissions import Declared, permission_for
from countersign.web.render import SeeOther

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]


def page(permission: Declared) -> Callable[[View[Parameters]], View[Parameters]]:
    """Decorator: the page needs this permission in some team (None: only to be signed in; a dict: one for
    each method). A stranger is sent to sign in and back; who lacks it gets Refused with the reason.

    What a thing of one team needs is asked again where the thing is got (`access`)."""

    def decorate(view: View[Parameters]) -> View[Parameters]:
        @wraps(view)
        def guarded(
            request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> HttpResponseBase:
            actor = actor_or_none(request)
            if actor is None:
                return to_sign_in(request)
            method = request.method or "GET"
            if isinstance(permission, Mapping) and method not in {*permission, "HEAD"}:
                return HttpResponseNotAllowed(list(permission))
            needed = permission_for(permission, method)
            if needed is not None and not actor.holds_anywhere(needed):
                raise Refused(actor.may(needed))
            return view(request, *args, **kwargs)

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def actor_or_none(request: Any) -> Actor | None:
    """Who asks, as ActorMiddleware found it."""
    return getattr(request, "actor", None)


def actor_of_request(request: HttpRequest) -> Actor:
    """Who asks, in a view behind `page`."""
    actor = actor_or_none(request)
    if actor is None:
        raise RuntimeError("a view that needs an actor is not behind @page")
    return actor


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Off to the sign-in page, and back to this one where that does no harm."""
    url = resolve_url("accounts:sign-in")
    here = request.headers.get("HX-Current-URL") or request.get_full_path()
    if request.method in ("GET", "HEAD") and request.get_full_path() != "/":
        url = f"{url}?{urlencode({'next': here})}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRedirect(url)
    return SeeOther(url)
