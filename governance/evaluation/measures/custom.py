"""Measures of the operator's own: Python entry points of the group `countersign.measures`, installed beside the product
on every worker and web server, and never code that came with a model.

    [project.entry-points."countersign.measures"]
    profit = "bank_measures:profit"

The function is called with keywords alone: `task` (text), `labels` and `scores` as the task measures them (see
`measuring.measure`), `threshold` (None but for a binary classifier), `seed`. It gives one estimate as a mapping:
`value`, `ci_low`, `ci_high` (each a finite number or None), `method` (how the interval was made) and `n`; where
`value` is None, also `undefined`, a sentence. It must depend on nothing but its arguments, or evidence cannot be made
again.

Names are read without loading the packages, so the web process imports none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from governance.evaluation.measures.measure import Better, Measure, Unit

GROUP = "countersign.measures"


@cache
def installed() -> dict[str, EntryPoint]:
    """The entry points by their names, in order of name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def custom_catalogue() -> dict[str, Measure]:
    """What each is called, by its path in the results."""
    return {
        f"custom.{name}": Measure(
            f"custom.{name}",
            name.replace("_", " ").capitalize(),
            Better.NEITHER,
            Unit.SCORE,
            f"A measure of this installation's own, from the package {_package(point)}.",
        )
        for name, point in installed().items()
    }


def measure_custom(**arguments: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The estimate of each by name, with the package and release it came from; and what was not measured, with why.
    `arguments` are what each function is called with."""
    found, left_out = {}, []
    for name, point in installed().items():
        try:
            estimate = _checked(point.load()(**arguments))
        except Exception as error:  # a stranger's code: whatever it raises is its own measure's loss
            why = f"The measure of {_package(point)} failed: {type(error).__name__}: {str(error)[:200]}"
            left_out.append({"what": name.replace("_", " ").capitalize(), "why": why})
            continue
        found[name] = estimate | {"package": _package(point)}
    return found, left_out


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _checked(given: Any) -> dict[str, Any]:
    """The estimate in its one form. Raises TypeError, ValueError."""
    if not isinstance(given, Mapping) or not {"value", "ci_low", "ci_high", "method", "n"} <= set(given):
        raise TypeError("it gave no mapping with value, ci_low, ci_high, method and n")
    ends: dict[str, float | None] = {}
    for key in ("value", "ci_low", "ci_high"):
        number = None if given[key] is None else float(f"{float(given[key]):.12g}")
        if number is not None and not math.isfinite(number):
            raise ValueError(f"{key} is not a finite number")
        ends[key] = number
    if ends["value"] is None and not given.get("undefined"):
        raise ValueError("value is None and undefined does not say why")
    undefined = {"undefined": str(given["undefined"])[:500]} if ends["value"] is None else {}
    return ends | {"method": str(given["method"])[:200], "n": int(given["n"])} | undefined
