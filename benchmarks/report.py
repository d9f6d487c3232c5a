"""What a benchmark measured, and the page it becomes."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One measured fact. `peer` is what it is held against, measured in the same run; `ratio` the fact over it."""

    what: str
    measured: str
    peer: str
    ratio: float | None = None


def p95(seconds: Sequence[float]) -> float:
    """The 95th percentile, by `statistics.quantiles` (at least 20 values make it meaningful)."""
    return statistics.quantiles(seconds, n=20)[-1]


def milliseconds(seconds: float) -> str:
    """A duration as people read it."""
    return f"{seconds * 1000:.1f} ms"


def page(sections: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """Markdown: a table for each section, and what it ran on."""
    cores = len(os.sched_getaffinity(0))
    parts = [f"Measured on {cores} cores ({platform.machine()}), Python {platform.python_version()}."]
    for title, lines in sections:
        rows = [
            f"| {line.what} | {line.measured} | {line.peer} | {'' if line.ratio is None else f'{line.ratio:.3g}'} |"
            for line in lines
        ]
        parts.append(
            f"## {title}\n\n| what | measured | held against | ratio |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    return "\n\n".join(parts) + "\n"
