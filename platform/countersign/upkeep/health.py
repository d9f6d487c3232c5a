"""/healthz says that the process answers; /readyz that everything it needs does, part by part."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from countersign import signs
from countersign.blobs.storage import storage
from countersign.jobs.handlers import QUEUES
from countersign.ledger.queries import anchor_trouble, lag_seconds


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the platform needs; `detail` says what is wrong, never a password or a path of the host."""

    name: str
    ready: bool
    detail: str


def database() -> Part:
    """PostgreSQL answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Part("database", False, f"PostgreSQL does not answer: {type(error).__name__}")
    return Part("database", True, "answers")


def broker() -> Part:
    """Redis answers."""
    try:
        with signs.connect(settings.REDIS_URL) as client:
            client.ping()
    except redis.RedisError as error:
        return Part(
            "broker", False, f"Redis does not answer: {type(error).__name__}. Jobs wait; nothing is lost."
        )
    return Part("broker", True, "answers")


def store() -> Part:
    """The blob store takes a file and gives it back."""
    try:
        pending = storage().begin()
        try:
            pending.write(b"ready?")
        finally:
            pending.discard()
    except OSError as error:
        return Part("storage", False, f"The blob store cannot be written: {os.strerror(error.errno or 0)}")
    return Part("storage", True, "writable")


def workers() -> Part:
    """A worker of each queue gave a sign of life in the last 30 seconds."""
    try:
        silent = signs.silent_queues(settings.REDIS_URL, QUEUES)
    except redis.RedisError:
        return Part("workers", False, "unknown while Redis does not answer")
    if silent:
        return Part("workers", False, f"no worker for the queue {' and '.join(silent)}")
    return Part("workers", True, "alive")


def sequencer() -> Part:
    """No entry waits to be sealed for longer than the limit, and the anchor file fits the database."""
    try:
        lag, trouble = lag_seconds(), anchor_trouble()
    except DatabaseError:
        return Part("sequencer", False, "unknown while PostgreSQL does not answer")
    if trouble:
        return Part("sequencer", False, trouble)
    limit = settings.LEDGER_LAG_LIMIT_SECONDS
    if lag > limit:
        return Part(
            "sequencer",
            False,
            f"entries wait {lag:.0f} s to be sealed (limit {limit} s). See the core worker's log: it may hold no "
            "key, or its anchor file may be ahead of the database.",
        )
    return Part("sequencer", True, f"lag {lag:.0f} s")


PARTS: tuple[Callable[[], Part], ...] = (database, broker, store, workers, sequencer)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part is ready, else 503; the body names each part."""
    parts = [check() for check in PARTS]
    ready = all(part.ready for part in parts)
    body = {
        "ready": ready,
        "parts": {part.name: {"ready": part.ready, "detail": part.detail} for part in parts},
    }
    return JsonResponse(body, status=200 if ready else 503)
