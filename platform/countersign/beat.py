"""The scheduler of `celery beat`: of several beats one works, the others stand by and take over when it is gone.

A second beat would do no harm (every task it sends may run twice), but each would double what the broker carries.
"""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler
from django.conf import settings

from countersign import signs

STAND_BY_SECONDS = 2.0


class OneBeat(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Beat with its usual schedule file, silent while another beat holds the part."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; the seconds until the next look."""
        if not signs.take_beat(settings.REDIS_URL):
            return STAND_BY_SECONDS
        return min(float(super().tick(*args, **kwargs)), STAND_BY_SECONDS * 2)

    def close(self) -> None:
        """Write the schedule and let another beat begin at once."""
        super().close()
        signs.leave_beat(settings.REDIS_URL)
