"""Pages that say no: what happened, whether anything changed, whom to ask, what to do; never a bare number.

`urls.py` names these as handlers; whoever catches a CountersignError of a page calls `error_page`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template

from countersign import clock
from countersign.errors import CountersignError, Refused
from countersign.verdicts import Verdict
from countersign.web import formats
from countersign.web.render import render_page

RETRY_SECONDS = 5
"""When to come back while the database does not answer."""

_LAST_RESORT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Our fault · Countersign</title>"
    "<h1>This page could not be made. That is our fault.</h1>"
    "<p>Nothing was changed: what cannot be written to the ledger does not happen. Trying again is safe."
)


def error_page(request: HttpRequest, error: CountersignError) -> HttpResponse:
    """The page for an error of ours: a refusal with every reason, or the sentence the error carries."""
    if isinstance(error, Refused):
        return refusal(request, error.verdict, code=error.code)
    if error.status == 404:
        return not_found(request, error)
    return _say(request, "errors/400.html", error.status, {"message": error.message, "code": error.code})


def refusal(
    request: HttpRequest, verdict: Verdict, *, code: str = "refused", ask: Sequence[tuple[str, str]] = ()
) -> HttpResponse:
    """403 for what one may know of, with every reason. `ask` is whom to ask: pairs of what they are and their names."""
    return _say(request, "errors/403.html", 403, {"verdict": verdict, "code": code, "ask": ask})


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: Django refused to read the request (too many fields, a forged host); 413 where it is too large."""
    if isinstance(exception, RequestDataTooBig):
        limit = formats.size(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        said = f"This is more than the {limit} a form may hold. Nothing was saved. Shorten it, or send it as a file."
        return _say(request, "errors/400.html", 413, {"message": said, "code": "too_large"})
    if isinstance(exception, DisallowedHost):
        said = f"Countersign does not answer to this name. Its address is {settings.PUBLIC_URL}."
        return _say(request, "errors/400.html", 400, {"message": said, "code": "bad_host"})
    return _say(
        request, "errors/400.html", 400, {"message": "The request could not be read.", "code": "bad_request"}
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 without a verdict."""
    reason = "You may know of this, but not have it. Ask an administrator for the role it needs."
    return refusal(request, Verdict.because("forbidden", reason), code="forbidden")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form did not carry the token this site gave it. For the setting CSRF_FAILURE_VIEW."""
    origin = request.headers.get("Origin", "")
    if origin and origin not in ("null", f"{request.scheme}://{request.get_host()}"):
        said = (
            f"This was sent from another site ({origin[:100]}), not from a page of Countersign, so it was not done. "
            "If you did not mean to send it, leave that site."
        )
    else:
        said = (
            "This form is older than your session, or cookies are off. Go back, load the page again and send it "
            "once more; your text is kept in this browser."
        )
    return refusal(request, Verdict.because("csrf_failed", said), code="csrf_failed")


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """405: the page is there, but not for this method; `allowed` are those it answers."""
    said = f"This address does not answer to {request.method}, only to {allowed}. Open it anew, or go back."
    response = _say(request, "errors/400.html", 405, {"message": said, "code": "method_not_allowed"})
    response["Allow"] = allowed
    return response


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: there is no such thing, or you may not know of it; the two are not told apart."""
    message = exception.message if isinstance(exception, CountersignError) else ""
    return _say(request, "errors/404.html", 404, {"message": message})


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database does not answer; without a context processor, since one of them may be what
    failed."""
    status = 503 if isinstance(sys.exc_info()[1], OperationalError | InterfaceError) else 500
    names = {"request_id": getattr(request, "request_id", ""), "now": clock.now()}
    try:
        response = HttpResponse(get_template(f"errors/{status}.html").render(names), status=status)
    except Exception:  # the fault lies in the template or its static files; any answer is better than none
        response = HttpResponse(_LAST_RESORT, status=status)
    if status == 503:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _say(request: HttpRequest, template: str, status: int, names: dict[str, Any]) -> HttpResponse:
    names |= {"request_id": getattr(request, "request_id", ""), "nothing_saved": True}
    return render_page(request, template, names, status=status)
