"""Redis, and whom it tells of: a worker of each queue, one beat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings

from countersign import signs
from countersign.jobs.handlers import QUEUES
from countersign.upkeep.doctor.findings import Finding, missing, ok, weak

OLDEST = (6, 2)


def examine() -> Iterator[Finding]:
    """Findings about the broker; one alone when it does not answer."""
    try:
        with signs.connect(settings.REDIS_URL) as client:
            version = str(client.info("server")["redis_version"])
            policy = _setting(client, "maxmemory-policy")
    except (redis.RedisError, ValueError) as error:
        yield missing(
            "Redis",
            f"it does not answer ({type(error).__name__})",
            why="Jobs wait and nothing is sealed until it is back; nothing is lost.",
            do="Start it, and check REDIS_URL.",
        )
        return
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        yield missing(
            "Redis",
            f"version {version}",
            why="The queue uses commands of Redis 6.2.",
            do="Upgrade to Redis 6.2, Valkey 7.2 or newer.",
        )
    else:
        yield ok("Redis", f"version {version}")
    yield _password()
    if policy not in (None, "noeviction"):
        yield weak(
            "Redis eviction",
            str(policy),
            why="When memory is short messages of the queue are thrown away; the sweeper sends them again, later.",
            do="Set maxmemory-policy noeviction.",
        )
    else:
        yield ok("Redis persistence", "not needed: the database says what is due, messages are sent again")
    yield from _alive()


def _setting(client: Any, name: str) -> str | None:
    """One setting of the server, or None where it does not say (hosted ones forbid CONFIG)."""
    try:
        value = client.config_get(name).get(name)
    except redis.RedisError:
        return None
    return None if value is None else str(value)


def _password() -> Finding:
    scheme, _, rest = str(settings.REDIS_URL).partition("://")
    try:
        with signs.connect(f"{scheme}://{rest.rpartition('@')[2]}") as anybody:
            anybody.ping()
    except redis.AuthenticationError:
        return ok("Redis password", "asked for")
    except redis.RedisError as error:
        return ok("Redis password", f"no connection without it ({type(error).__name__})")
    return weak(
        "Redis password",
        "none",
        why="Every program that reaches the socket may read and write the queue, the models in the sandbox excepted.",
        do="Set requirepass, and the password in REDIS_URL.",
    )


def _alive() -> Iterator[Finding]:
    silent = signs.silent_queues(settings.REDIS_URL, QUEUES)
    for queue in QUEUES:
        if queue in silent:
            yield missing(
                f"Worker {queue}",
                "none gave a sign of life in the last half minute",
                why="Evaluations wait." if queue == "evaluation" else "Nothing is sealed, exported or swept.",
                do=f"Start one: celery -A countersign.celery worker -Q {queue}",
            )
        else:
            yield ok(f"Worker {queue}", "alive")
    if signs.beats(settings.REDIS_URL):
        yield ok("Beat", "one is at work; others would stand by")
    else:
        yield missing(
            "Beat",
            "none is at work",
            why="Nobody asks for sealing, for lost jobs to be sent again, for the daily upkeep.",
            do="Start it: celery -A countersign.celery beat",
        )
