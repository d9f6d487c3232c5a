"""Numbers of the evidence beside the measures of all rows, as rows of tables: an estimate, its interval drawn, and the
rule that reads it. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from governance.evaluation.measures.catalogue import (
    EVIDENCE,
    HEADLINES,
    METRICS,
    SECTIONS,
    Better,
    Measure,
    Unit,
)
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import SUITES, Probe
from governance.evaluation.tables import Estimate, drawn, judged, task_of_results
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Limit, Yardstick

#: The probe whose answer a section of the evidence is.
_PROBES = {
    "robustness": Probe.ROBUSTNESS,
    "flip": Probe.FLIP,
    "importance": Probe.IMPORTANCE,
    "reproduction": Probe.REPRODUCTION,
    "overfitting": Probe.TRAINING,
}
#: What `not_measured` calls the sections whose name is not that of a rule's path.
_CALLED = {
    "flip": "Flip test",
    "importance": "Importance",
    "reproduction": "Reproduction",
    "overfitting": SECTIONS["overfitting.gap"],
    "leakage": "Overlap of training and evaluation rows",
    "label_noise": SECTIONS["label_noise.suspected"],
    "costs": "Costs of errors",
    "scan": "Scan of the file",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One number. `value` and `interval` are text, `undefined` says why there is no value; without a rule `state` is
    empty."""

    label: str
    meaning: str
    value: str
    interval: str
    drawing: SafeString | str
    n: int
    method: str
    demands: tuple[str, ...]
    state: str
    undefined: str


def row(
    measure: Measure,
    estimate: Estimate,
    *,
    label: str = "",
    limits: list[Limit] | None = None,
    judgement: tuple[str, Limit | None] = ("", None),
    axis: tuple[float, float] | None = None,
    reference: float | None = None,
    lowest: float | None = None,
) -> Row:
    """A number as a row, `judgement` being how its `limits` judged it; without `axis` it has its own, which holds
    `lowest` and `reference`."""
    state, limit = judgement
    label = label or measure.label
    if axis is None and lowest is None:
        lowest = reference
    return Row(
        label=label,
        meaning=measure.meaning,
        value=written(measure, estimate.get("value")),
        interval=span(measure, estimate),
        drawing=drawn(label, estimate, limit=limit, axis=axis, reference=reference, lowest=lowest),
        n=int(estimate.get("n") or 0),
        method=str(estimate.get("method", "")),
        demands=tuple(one.demand for one in limits or ()),
        state=state,
        undefined=str(estimate.get("undefined", "")),
    )


def by_path(path: str, results: Mapping[str, Any], yardstick: Yardstick, **drawing: Any) -> Row | None:
    """The estimate at a dotted path that rules read, with the rule; None where the evidence has none."""
    found: Any = results
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    limits = yardstick.limits_on(path)
    return row(EVIDENCE[path], found, limits=limits, judgement=judged(limits, yardstick), **drawing)


def own_measures(results: Mapping[str, Any], yardstick: Yardstick) -> list[Row]:
    """The measures an operator installed, by name; also those that are no longer installed."""
    found = []
    for name, estimate in sorted(results.get("custom", {}).items()):
        path = f"custom.{name}"
        label, package = name.replace("_", " ").capitalize(), estimate.get("package", "a package")
        measure = EVIDENCE.get(path) or Measure(
            path,
            label,
            Better.NEITHER,
            Unit.SCORE,
            f"A measure of this installation's own, then from {package}.",
        )
        limits = yardstick.limits_on(path)
        found.append(row(measure, estimate, limits=limits, judgement=judged(limits, yardstick)))
    return found


def metric_of(part: Mapping[str, Any], results: Mapping[str, Any]) -> Measure:
    """The measure that a probe reports; where it names none, the task's first."""
    return METRICS[part.get("metric") or HEADLINES[task_of_results(results)][0]]


def why_absent(evaluation: Evaluation, results: Mapping[str, Any], section: str) -> str:
    """Why a section is missing from the evidence, in sentences that say what to do."""
    called = _CALLED.get(section) or SECTIONS.get(section, section)
    said = [one["why"] for one in results.get("not_measured", []) if one["what"].startswith(called)]
    if said:
        return " ".join(dict.fromkeys(said))
    suite = SUITES.get(evaluation.suite)
    if suite and suite.revision == evaluation.suite_revision:
        probe = _PROBES.get(section)
        if (probe and probe not in suite.probes) or (section == "slices" and not suite.slices):
            return f"The suite “{suite.title}” leaves it out. Evaluate by a fuller suite to have it measured."
    return "This evidence is older than this measurement. Run it again to have it measured."
