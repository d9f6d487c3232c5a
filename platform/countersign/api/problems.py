"""Every error of the API as one body (RFC 9457): a stable code, a sentence that says what to do, all reasons.

    {"type": "https://…/api/docs#role_held", "title": "Conflict", "status": 409, "code": "role_held",
     "detail": "…", "errors": [{"code": "…", "detail": "…", "attr": "field or null"}], "reasons": [],
     "request_id": "…"}

Codes are listed in docs/api.md. A body without `errors` for a field still has one entry, the error itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from drf_standardized_errors.formatter import flatten_errors
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.response import Response

from countersign import refusals
from countersign.errors import CountersignError, Invalid, Refused

CONTENT_TYPE = "application/problem+json"
_UNEXPECTED = (
    "Countersign itself failed here. Nothing was changed; trying again is safe. Tell the operator the "
    "request_id."
)
_OTHER_HOST = (
    "This server does not answer to the name in Host. Use the address the operator gave you; who runs it sets "
    "COUNTERSIGN_ALLOWED_HOSTS."
)
_UNAVAILABLE = (
    "The database cannot be asked just now. Nothing was changed; send it again after as many seconds as "
    "Retry-After says."
)
_RETRY_SECONDS = 5
# DRF's codes where ours says it better.
_CODES = {"error": "unexpected", "permission_denied": "forbidden"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a body says, before it knows its request."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[dict[str, Any]] = field(default_factory=list)


def describe(error: Exception) -> Problem:
    """The problem an exception stands for; what is not known is “unexpected”, without details."""
    if isinstance(error, CountersignError):
        return _ours(error)
    if isinstance(error, Http404):
        return Problem(404, "not_found", "There is nothing at this URL, or you may not see it.")
    if isinstance(error, PermissionDenied):
        return Problem(403, "forbidden", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        limit = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes"
        return Problem(413, "too_large", f"The body is larger than {limit}. Send files to an upload instead.")
    if isinstance(error, DisallowedHost):
        return Problem(400, "bad_host", _OTHER_HOST)
    if isinstance(error, OperationalError | InterfaceError):
        return Problem(503, "unavailable", _UNAVAILABLE)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return Problem(400, "bad_request", "The request could not be read. Send it again, whole.")
    if isinstance(error, exceptions.ValidationError):
        errors = [asdict(one) for one in flatten_errors(error.detail)]
        detail = " ".join(
            f"{one['attr']}: {one['detail']}" if one["attr"] else one["detail"] for one in errors
        )
        return Problem(422, "invalid", detail or "The input is wrong.", errors)
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        first = flatten_errors(error.detail)[0]
        return Problem(error.status_code, _CODES.get(first.code, first.code), first.detail)
    return Problem(500, "unexpected", _UNEXPECTED)


def _ours(error: CountersignError) -> Problem:
    errors: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    if isinstance(error, Invalid):
        errors = [
            {"code": error.code, "detail": sentence, "attr": name}
            for name, sentences in error.fields.items()
            for sentence in sentences
        ]
    if isinstance(error, Refused):
        reasons = [reason.as_dict() for reason in error.verdict.reasons]
        errors = [
            {"code": reason.code, "detail": reason.message, "attr": None} for reason in error.verdict.reasons
        ]
    return Problem(error.status, error.code, error.message, errors, reasons)


def body(problem: Problem, request: Any) -> dict[str, Any]:
    """The JSON of a problem that answers this request."""
    own = {"code": problem.code, "detail": problem.detail, "attr": None}
    return {
        "type": f"{settings.PUBLIC_URL}/api/docs#{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "errors": problem.errors or [own],
        "reasons": problem.reasons,
        "request_id": getattr(request, "request_id", None),
    }


def respond(request: HttpRequest, error: Exception) -> JsonResponse:
    """The answer outside DRF: middleware, unknown URLs under /api/, crashes."""
    problem = describe(error)
    response = JsonResponse(body(problem, request), status=problem.status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    for name, value in _headers(error).items():
        response[name] = value
    return response


class _Handler(ExceptionHandler):
    """Ours for the body; the library's for reporting what was unexpected to signals and log."""

    def run(self) -> Response:
        problem = describe(self.exc)
        request = self.context["request"]
        response = Response(
            body(problem, getattr(request, "_request", None)),
            status=problem.status,
            headers=_headers(self.exc),
            content_type=CONTENT_TYPE,
        )
        if problem.status >= 500 and not isinstance(self.exc, CountersignError):
            self.report_exception(exceptions.APIException(), response)
        return response


def handler(exc: Exception, context: Any) -> Response:
    """DRF's EXCEPTION_HANDLER. A refusal of a known actor is recorded here, once per request."""
    if isinstance(exc, Refused) and (request := context["request"]) is not None:
        actor = getattr(request._request, "actor", None)
        refusals.record(actor, exc.verdict, attempted=f"{request.method} {request.path}")
    response: Response = _Handler(exc, context).run()
    return response


def _headers(error: Exception) -> dict[str, str]:
    headers = dict(getattr(error, "headers", {}))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    wait = getattr(error, "retry_after", None) or getattr(error, "wait", None)
    if isinstance(error, OperationalError | InterfaceError):
        wait = _RETRY_SECONDS
    if wait:
        headers["Retry-After"] = str(int(wait))
    return headers
