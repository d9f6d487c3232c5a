"""What the numbers rest on, on the page of evidence: the gap to the training data, leaks, defects of the data, what
data of this size can show, labels that look wrong, and what was not measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countersign.web import formats
from governance.evaluation.evidence_rows import Row, by_path, metric_of, row, why_absent
from governance.evaluation.figures import class_names
from governance.evaluation.measures.catalogue import EVIDENCE, METRICS, Task
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import shared_axis, task_of_results
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

SEVERITIES = {
    "blocker": ("not_met", "Blocks"),
    "warning": ("insufficient", "Warning"),
    "note": ("note", "Note"),
}
#: What a policy may read of the data and the training, in the order of the page.
SHOWN = (
    "overfitting.gap",
    "leakage.row_overlap",
    "leakage.single_feature",
    "data_quality.blockers",
    "label_noise.suspected",
    "power.smallest_difference",
)


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Training against evaluation, leakage, data quality, power, label noise, and what was not measured and why."""
    results = evaluation.results_document
    numbers = {path: by_path(path, results, yardstick, lowest=0.0) for path in SHOWN}
    absent = {
        section: "" if section in results else why_absent(evaluation, results, section)
        for section in ("overfitting", "leakage", "data_quality", "power", "label_noise")
    }
    if "row_overlap" not in results.get("leakage", {}):
        absent["overlap"] = why_absent(evaluation, results, "leakage")
    return {
        "training": _training(results, numbers["overfitting.gap"]),
        "leakage": _leakage(results, numbers),
        "quality": _quality(results, numbers["data_quality.blockers"]),
        "power": _power(results, numbers["power.smallest_difference"]),
        "noise": _noise(results, numbers["label_noise.suspected"]),
        "absent": absent,
        "scan_absent": why_absent(evaluation, results, "scan"),
        "left_out": results.get("not_measured"),
    }


def _training(results: Mapping[str, Any], gap: Row | None) -> dict[str, Any] | None:
    found = results.get("overfitting")
    if not found or gap is None:
        return None
    measure = metric_of(found, results)
    both = [found[key] for key in ("training", "evaluation") if key in found]
    axis = shared_axis(both)
    return {
        "rows": [
            row(measure, found[key], label=f"{measure.label} on {words}", axis=axis)
            for key, words in (("training", "the training data"), ("evaluation", "these data"))
            if key in found
        ],
        "gap": gap,
        "datasets": ", ".join(
            f"{one['name']} {one['number']} ({formats.plural(one['rows'], 'row')})"
            for one in found.get("dataset", [])
        ),
    }


def _leakage(results: Mapping[str, Any], numbers: Mapping[str, Row | None]) -> dict[str, Any] | None:
    found = results.get("leakage")
    if not found:
        return None
    measure = EVIDENCE["leakage.single_feature"]
    baseline = found.get("baseline")
    return {
        "overlap": numbers["leakage.row_overlap"],
        "single": numbers["leakage.single_feature"],
        "method": found.get("method", ""),
        "shared": found.get("shared_rows"),
        "training": ", ".join(found.get("training", [])),
        "inconclusive": found.get("inconclusive", ""),
        "baseline": formats.percent(baseline["value"]) if baseline else "",
        "otherwise": _otherwise(found),
        "features": [
            (
                one["feature"],
                written(measure, one["value"].get("value")),
                span(measure, one["value"]),
                one["feature"] in found.get("suspicious", []),
            )
            for one in found.get("features", [])
        ],
    }


def _otherwise(found: Mapping[str, Any]) -> str:
    """What the other way of comparing rows says."""
    for key, words in (("by_content", "By the content of the rows"), ("by_key", "By the row key")):
        if key in found:
            share = formats.percent(found[key]["row_overlap"].get("value"))
            rows = formats.plural(found[key].get("shared_rows", 0), "row")
            return f"{words} {share} are shared beyond chance ({rows})."
    return ""


def _quality(results: Mapping[str, Any], blockers: Row | None) -> dict[str, Any] | None:
    found = results.get("data_quality")
    if not found:
        return None
    return {
        "blockers": blockers,
        "findings": [
            {**one, "kind": SEVERITIES[one["severity"]][0], "word": SEVERITIES[one["severity"]][1]}
            for one in found.get("findings", [])
        ],
        "columns": [
            (one["column"], one["type"], formats.percent(one["missing"]), one["constant"])
            for one in found.get("columns", [])
        ],
        "period": found.get("period"),
    }


def _power(results: Mapping[str, Any], smallest: Row | None) -> dict[str, Any] | None:
    found = results.get("power")
    if not found:
        return None
    return {
        "smallest": smallest,
        "measures": [
            (METRICS[name].label, written(METRICS[name], one.get("value")), one.get("undefined", ""))
            for name, one in found.get("measures", {}).items()
        ],
    }


def _noise(results: Mapping[str, Any], suspected: Row | None) -> dict[str, Any] | None:
    found = results.get("label_noise")
    if not found:
        return None
    if task_of_results(results) is Task.BINARY:
        names = list(reversed(class_names(results)))  # the label 1 is the positive one
    else:
        names = results.get("classes", [])
    allowed = found.get("allowed", {})
    return {
        "suspected": suspected,
        "allowed": formats.percent(allowed["value"]) if allowed.get("value") is not None else "",
        "caveat": found.get("caveat", ""),
        "by_class": [
            (
                names[one["label"]] if one["label"] < len(names) else str(one["label"]),
                one["n"],
                one["suspected"],
                formats.percent(one["suspected"] / one["n"]) if one["n"] else "",
            )
            for one in found.get("by_class", [])
        ],
    }
