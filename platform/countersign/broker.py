"""Sending a task's name and arguments to the broker, bounded in time.

A dead or hanging broker never fails a committed request: what could not be sent is sent again by the sweeper.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from countersign.celery import app

log = structlog.get_logger(__name__)

_SECONDS = 1.0


def send(task: str, args: Sequence[str], *, queue: str) -> bool:
    """Send one task within about a second; False (and a line in the log) when the broker did not take it."""
    options = {
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        "max_retries": 0,
    }
    try:
        with app.connection_for_write(connect_timeout=_SECONDS, transport_options=options) as connection:
            app.send_task(
                task, args=list(args), queue=queue, connection=connection, retry=False, ignore_result=True
            )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("broker.unreachable", task=task, error=type(error).__name__)
        return False
    return True
