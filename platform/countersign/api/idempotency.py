"""`Idempotency-Key` on creates: the same request sent twice is done once and answered twice.

Rule. A key belongs to the actor who sent it and lives for 24 hours. What makes a request the same is a keyed
digest of method, path and query, media type and body; a body that is not JSON is streamed and not read ahead,
so there Content-Length and the header Content-Digest or Content-SHA256 stand for it. The answer is stored
in the same transaction as what the request did, so a crash leaves both or neither. Only a success is stored:
a refused or wrong request changed nothing and may be sent again with the same key. A handler whose answer
holds a secret is not decorated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from countersign import clock
from countersign.actors import Actor
from countersign.api.models import IdempotencyKey
from countersign.errors import Conflict, CountersignError, Invalid

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
_BODY_DIGESTS = ("Content-Length", "Content-Digest", "Content-SHA256")
_FORGOTTEN_AT_ONCE = 100


class InProgress(Conflict):
    """The first request with a key is not answered yet."""

    code = "in_progress"
    retry_after = 1


Handler = TypeVar("Handler", bound=Callable[..., Any])


def idempotent(handler: Handler) -> Handler:
    """Decorator of a DRF handler method that creates something. Without the header it does nothing.

    Raises Invalid for a key that is no key or was used for another request (`idempotency_key_reused`),
    Conflict while the first request with it is still under way (`in_progress`)."""

    @wraps(handler)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        actor: Actor = request.user  # type: ignore[assignment]
        if actor.ref is None or not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
            raise Invalid(
                f"{HEADER} is 1 to 200 printable ASCII characters, such as a UUID.",
                code="idempotency_key_invalid",
            )
        digest = _digest(request)
        with transaction.atomic():
            _claim(actor.ref, key)
            if known := _known(actor.ref, key):
                return _replay(known, digest)
            try:
                response: Response = handler(view, request, *args, **kwargs)
            except CountersignError as error:
                if not error.keeps_writes:
                    raise
                failure = error
            else:
                if response.status_code < 400:
                    _keep(actor.ref, key, digest, response)
                return response
        raise failure

    answer.idempotent = True  # type: ignore[attr-defined]  # the schema names the header
    return answer  # type: ignore[return-value]


def _digest(request: Request) -> str:
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    parts = [request.method or "", request.get_full_path(), media_type]
    if media_type == "application/json":
        parts.append(hashlib.sha256(request._request.body).hexdigest())
    else:
        parts += [request.headers.get(name, "") for name in _BODY_DIGESTS]
    return salted_hmac("countersign.idempotency", "\n".join(parts), algorithm="sha256").hexdigest()


def _claim(actor: UUID, key: str) -> None:
    """Take the key until the transaction ends. Raises Conflict while another request holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_lock_number(actor, key)])
        if not cursor.fetchone()[0]:
            raise InProgress(
                f"The first request with this {HEADER} is still under way. Ask again in a moment."
            )


def _known(actor: UUID, key: str) -> IdempotencyKey | None:
    """The answer that was given, unless it is older than a day."""
    oldest = clock.now() - KEPT
    IdempotencyKey.objects.filter(actor=actor, key=key, created_at__lt=oldest).delete()
    return IdempotencyKey.objects.filter(actor=actor, key=key).first()


def _replay(known: IdempotencyKey, digest: str) -> HttpResponse:
    if known.digest != digest:
        raise Invalid(
            f"This {HEADER} was used for another request. Use a new key for each thing you create.",
            code="idempotency_key_reused",
        )
    response = HttpResponse(bytes(known.body), status=known.status, content_type="application/json")
    response["Idempotency-Replayed"] = "true"
    if known.location:
        response["Location"] = known.location
    return response


def _keep(actor: UUID, key: str, digest: str, response: Response) -> None:
    now = clock.now()
    IdempotencyKey.objects.create(
        actor=actor,
        key=key,
        digest=digest,
        status=response.status_code,
        body=b"" if response.data is None else JSONRenderer().render(response.data),
        location=response.get("Location", ""),
        created_at=now,
    )
    _forget_old()


def _forget_old() -> None:
    """Others that ran out go on the way; those another request is removing are left to it."""
    oldest = clock.now() - KEPT
    old = IdempotencyKey.objects.select_for_update(skip_locked=True).filter(created_at__lt=oldest)
    IdempotencyKey.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])).delete()


def done_once(actor: Actor, token: str, act: Callable[[], str]) -> str:
    """Do what a page's form asks for, once: `act` does it and gives the address that shows it. `token` is the
    hidden one of the form; a second sending of it (a double click, a retry) waits for the first and is led to
    the same address. What `act` raises undoes everything, so the form may be sent again."""
    if actor.ref is None or not 1 <= len(token) <= 100:
        return act()
    key = f"form {token}"
    with transaction.atomic():
        _wait_for(actor.ref, key)
        if known := _known(actor.ref, key):
            return known.location
        address = act()
        IdempotencyKey.objects.create(
            actor=actor.ref,
            key=key,
            digest="",
            status=303,
            body=b"",
            location=address,
            created_at=clock.now(),
        )
        _forget_old()
        return address


def answered_before(actor: Actor, token: str) -> str | None:
    """Where a form with this token led, if it was sent and done already."""
    known = _known(actor.ref, f"form {token}") if actor.ref and token else None
    return known.location if known else None


def _wait_for(actor: UUID, key: str) -> None:
    """Take the key until the transaction ends, after whoever holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_lock_number(actor, key)])


def _lock_number(actor: UUID, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{actor}\n{key}".encode()).digest()[:8], signed=True)
