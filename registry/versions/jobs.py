"""Jobs of versions."""

from __future__ import annotations

from typing import Any

from countersign.jobs.handlers import JobContext, handler
from registry.versions.actions import abandon_expired_uploads


@handler("registry.expire_uploads", title="Close uploads nobody finished")
def expire_uploads(context: JobContext) -> dict[str, Any]:
    """Close the uploads whose seven days are over; the collector then finds their bytes unnamed."""
    context.step("Closing uploads whose time is over")
    return {"closed": abandon_expired_uploads()}
