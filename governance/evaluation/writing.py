"""How the numbers of evidence are written, for pages, cards and reviews alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countersign.web import formats
from governance.evaluation.measures.catalogue import Measure, Unit

_WRITERS: dict[Unit, Callable[[Any], str]] = {
    Unit.SCORE: formats.score,
    Unit.PERCENT: formats.percent,
    Unit.COUNT: formats.thousands,
    Unit.TARGET: formats.quantity,
}


def written(measure: Measure, value: Any) -> str:
    """A value in the measure's unit; “not measured” where there is none."""
    return _WRITERS[measure.unit](value)


def span(measure: Measure, estimate: Mapping[str, Any]) -> str:
    """An interval in the measure's unit; empty where there is none."""
    low, high = estimate.get("ci_low"), estimate.get("ci_high")
    if low is None or high is None:
        return ""
    if measure.unit is Unit.TARGET:
        return formats.quantities(low, high)
    return f"{written(measure, low)} to {written(measure, high)}"
