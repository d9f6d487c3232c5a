"""Conditional requests (RFC 9110, section 13): what has not changed is not sent again, and nobody writes over what
they have not seen.

Every GET answered with JSON carries an `ETag`, the digest of its body; `If-None-Match` with it is answered by 304.
An edit decorated with `editable` takes `If-Match` with the ETag that was read; `If-None-Match: *` only makes what
is not there yet. Where the condition fails nothing changes: 412 `precondition_failed`, with the ETag of now.

    class OneModel(ActorAPIView):
        def as_it_stands(self, name: str) -> Any:          # locks the row, then draws what GET answers with
            return model_body(lock_model(get_model(self.actor, name, Permission.REGISTER)))

        @editable
        def patch(self, request: Request, name: str) -> Response: ...

The body is drawn under the lock the action takes too, in one transaction with it: of two edits that read the same
state the second is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from countersign.errors import CountersignError

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
EDITS = ("PUT", "PATCH")

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Edited(Protocol):
    """A view whose thing is edited. `as_it_stands` takes the path's arguments, locks what the action will lock, and
    gives the body GET would answer with, None where there is nothing yet. Raises NotFound, Refused."""

    def as_it_stands(self, **path: Any) -> Any: ...


class PreconditionFailed(CountersignError):
    """The thing is not what the caller's `If-Match` or `If-None-Match` says; `headers` name the ETag of now."""

    code = "precondition_failed"
    status = 412

    def __init__(self, message: str, etag: str | None) -> None:
        super().__init__(message)
        self.headers = {"ETag": etag} if etag else {}


def etag_of(body: Any) -> str:
    """The strong ETag of a body, as serializers give it: 128 bits of the SHA-256 of its JSON."""
    return f'"{hashlib.sha256(JSONRenderer().render(body)).hexdigest()[:32]}"'


def editable(handler: Handler) -> Handler:
    """Decorator of a PUT, PATCH or DELETE handler, or of a POST that adds to what it names, of an Edited view.
    Without a condition in the headers it does nothing. Raises PreconditionFailed."""

    @wraps(handler)
    def answer(view: Any, request: Request, **path: Any) -> Any:
        if IF_MATCH not in request.headers and IF_NONE_MATCH not in request.headers:
            return handler(view, request, **path)
        with transaction.atomic():
            _demand(request, view.as_it_stands(**path))
            return handler(view, request, **path)

    answer.editable = True  # type: ignore[attr-defined]  # the schema names the headers
    return answer  # type: ignore[return-value]


def is_editable(view: Any, method: str) -> bool:
    """Whether the view's handler of this method takes conditions."""
    return getattr(getattr(view, method.lower(), None), "editable", False)


def _demand(request: Request, body: Any) -> None:
    etag = None if body is None else etag_of(body)
    if IF_MATCH in request.headers and not _names(request.headers[IF_MATCH], etag):
        raise PreconditionFailed(
            "Somebody changed this since you read it. Read it again, then repeat with its ETag."
            if etag
            else f"There is nothing here yet. Send it without {IF_MATCH}.",
            etag,
        )
    if IF_NONE_MATCH in request.headers and _names(request.headers[IF_NONE_MATCH], etag):
        raise PreconditionFailed("This exists already. Read it, then send If-Match with its ETag.", etag)


def _names(header: str, etag: str | None) -> bool:
    """Whether the header names what is there; only a strong ETag is equal (RFC 9110, 8.8.3.2)."""
    return etag is not None and any(known in ("*", etag) for known in parse_etags(header))


def mark(view: Any, request: HttpRequest, response: Any) -> None:
    """Give an answer with a JSON body its ETag, or turn it into a 304 for who has it. Edits by PUT and PATCH answer
    with what a GET would say now, so theirs are marked too."""
    if not isinstance(response, Response) or response.has_header("ETag") or response.data is None:
        return
    reading = request.method in ("GET", "HEAD") and response.status_code == 200
    editing = (
        request.method in EDITS and response.status_code in (200, 201) and is_editable(view, request.method)
    )
    if not reading and not editing:
        return
    response["ETag"] = etag = etag_of(response.data)
    if reading and any(
        known.removeprefix("W/") in ("*", etag)
        for known in parse_etags(request.headers.get(IF_NONE_MATCH, ""))
    ):
        response.add_post_render_callback(_not_modified)


def _not_modified(full: HttpResponse) -> HttpResponse:
    """Without the body; the headers that tell caches about it stay."""
    bare = HttpResponse(status=304)
    for name in ("ETag", "Cache-Control", "Vary"):
        if full.has_header(name):
            bare[name] = full[name]
    return bare
