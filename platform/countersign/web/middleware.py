"""Middleware of every response: an id for the request, and the headers that bind the browser."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]

# Nothing inline, nothing from elsewhere. `data:` images are what browsers make of small SVG in CSS.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "style-src 'self'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    )
)


class RequestContext:
    """Gives the request an id (`request.request_id`), binds it to the log, and returns it as `X-Request-ID`.

    The id is always ours: one sent by the client could be forged to point at another's entries."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = f"req-{secrets.token_hex(8)}"
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class SecurityHeaders:
    """Sets the policy headers on every response, errors and files included.

    A response that brings a policy of its own (a served artifact is sandboxed) keeps it *and* gets ours: with
    two policies the browser obeys both."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        own = response.get("Content-Security-Policy")
        response["Content-Security-Policy"] = (
            f"{own}, {CONTENT_SECURITY_POLICY}" if own else CONTENT_SECURITY_POLICY
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Referrer-Policy"] = "same-origin"
        response["Cross-Origin-Opener-Policy"] = "same-origin"
        return response
