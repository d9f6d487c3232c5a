"""Every URL. Each application lists its own from the root, pages and REST paths alike; errors under /api/ are
JSON."""

from __future__ import annotations

import sys

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import include, path

from countersign.accounts.middleware import API_PREFIX
from countersign.api import problems
from countersign.errors import NotFound
from countersign.web import errors

urlpatterns = [
    path("", include("countersign.accounts.urls")),
    path("", include("countersign.jobs.urls")),
    path("", include("countersign.ledger.urls")),
    path("", include("countersign.upkeep.urls")),
    path("", include("countersign.web.search.urls")),
    path("", include("registry.urls")),
    path("", include("governance.urls")),
    path("", include("governance.inbox.urls")),
    path("api/", include("countersign.api.urls")),
]


def handler404(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Nothing at this URL."""
    if request.path.startswith(API_PREFIX):
        slash = " Paths of the API have no slash at their end." if request.path.endswith("/") else ""
        return problems.respond(
            request, NotFound(f"There is nothing at this URL.{slash} /api/v1/openapi.json lists what is.")
        )
    return errors.not_found(request, exception)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """A request Django would not read."""
    if request.path.startswith(API_PREFIX):
        return problems.respond(request, exception)
    return errors.bad_request(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Refused without a verdict."""
    if request.path.startswith(API_PREFIX):
        return problems.respond(request, exception)
    return errors.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """A form without this site's token (setting CSRF_FAILURE_VIEW)."""
    if request.path.startswith(API_PREFIX):
        return problems.respond(request, PermissionDenied())
    return errors.csrf_failure(request, reason)


def handler500(request: HttpRequest) -> HttpResponseBase:
    """A crash outside the REST views, which answer for their own."""
    if request.path.startswith(API_PREFIX):
        return problems.respond(request, sys.exc_info()[1] or RuntimeError())  # type: ignore[arg-type]
    return errors.server_error(request)
