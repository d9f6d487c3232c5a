"""Jobs of blobs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from countersign.blobs.actions import collect_unreferenced
from countersign.jobs.handlers import JobContext, handler


@handler("blobs.collect", title="Collect unreferenced bytes")
def collect(context: JobContext) -> dict[str, Any]:
    """Remove what nothing has named for a day."""
    context.step("Removing bytes that nothing names")
    collected = collect_unreferenced()
    context.log(
        f"{collected.blobs:,} blobs of {collected.bytes:,} bytes and {collected.keys:,} stray files removed."
    )
    return asdict(collected)
