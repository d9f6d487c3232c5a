"""Asking a worker to seal, after commits: at most once a second in each process. Beat asks as well, so that
nothing is lost with the broker."""

from __future__ import annotations

import threading
import time

from countersign import broker

TASK = "countersign.ledger.tasks.seal_pending"
QUEUE = "core"
"""The queue of the workers that hold the signing key."""
INTERVAL_SECONDS = 1.0
BACK_OFF_SECONDS = 10.0
"""After a failure: a dead broker must not cost every request its time-out."""


class _Asking:
    """When this process may ask again, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._not_before = 0.0

    def claim(self) -> bool:
        with self._lock:
            if time.monotonic() < self._not_before:
                return False
            self._not_before = time.monotonic() + INTERVAL_SECONDS
            return True

    def back_off(self) -> None:
        with self._lock:
            self._not_before = time.monotonic() + BACK_OFF_SECONDS


_asking = _Asking()


def ask_for_sealing() -> None:
    """Send one `seal_pending` task, or nothing when one was sent less than a second ago. A broker that does
    not answer costs a second and a line in the log."""
    if _asking.claim() and not broker.send(TASK, [], queue=QUEUE):
        _asking.back_off()
