"""What a model costs to run, measured outside its process. Circumstances: they hold for this host and no other."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def cost_of(
    circumstances: dict[str, Any], artifact_bytes: int, row_latency: dict[str, Any] | None
) -> dict[str, Any]:
    """One block out of the circumstances of the process that scored every row: sizes in bytes, times in seconds;
    `row`, where it was measured, is the latency of rows handed over one at a time."""
    latency = circumstances["latency"]
    return {
        "host": host_class(),
        "artifact_bytes": artifact_bytes,
        "load_seconds": circumstances["load_seconds"],
        "cpu_seconds": circumstances["cpu_seconds"],
        "wall_seconds": circumstances["wall_seconds"],
        "peak_memory_bytes": circumstances["peak_rss_bytes"],
        "rows_per_second": latency.get("rows_per_second"),
        "batch": {
            "batches": latency["batches"],
            "p50_seconds": latency.get("median_seconds"),
            "p95_seconds": latency.get("p95_seconds"),
        },
        **({"row": row_latency} if row_latency else {}),
    }


def host_class() -> dict[str, Any]:
    """What makes times of two hosts comparable: the processor, how many of them, and the kind of machine."""
    return {"machine": platform.machine(), "processor": _processor(), "processors": os.cpu_count()}


def _processor() -> str:
    """The processor's name as the kernel tells it; empty where it tells none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
