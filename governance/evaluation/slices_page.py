"""Slices and crossings of attributes on the page of evidence: which rows a model serves worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import formats
from governance.evaluation.evidence_rows import why_absent
from governance.evaluation.measures.catalogue import FAIRNESS, GROUP_METRICS, METRICS, Better, Measure, Task
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import drawn, judged, shared_axis, task_of_results, words
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

#: The measure that groups, crossings and slices are shown by.
OF_GROUPS = {
    Task.BINARY: "roc_auc",
    Task.MULTICLASS: "accuracy",
    Task.REGRESSION: "mean_absolute_error",
    Task.RANKING: "ndcg_at_10",
}
#: How rules call what they judged of a slice, for it has no attribute.
SLICE = "slice"
DIFFERENCE = "_difference"
#: Below this p the page says none of its digits.
SMALLEST_P = 0.001
#: Pixels of a drawing beside two columns in words.
NARROW = 150


@dataclass(frozen=True, slots=True)
class SliceRow:
    """Rows with certain values in one or two columns, and by how much they come off worse than all others."""

    where: str
    n: int
    positives: int | None
    beside: str
    value: str
    interval: str
    drawing: SafeString | str
    p: str
    significant: bool
    state: str


@dataclass(frozen=True, slots=True)
class CrossingRow:
    """One group of two attributes at once."""

    attribute: str
    group: str
    n: int
    value: str
    interval: str
    drawing: SafeString | str
    state: str
    undefined: str


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """The worst slices and the crossings, of every task."""
    results = evaluation.results_document
    task = task_of_results(results)
    shown = METRICS[OF_GROUPS[task]]
    found = results.get("slices")
    entries: Sequence[Mapping[str, Any]] = found["worst"] if found else []
    rows = _slice_rows(entries, shown, yardstick)
    demands = [
        f"{_measure(limit.measure).label}: {limit.demand}"
        for limit in yardstick.limits
        if limit.each == "slices"
    ]
    return {
        "slices": found,
        "slice_rows": rows,
        "slice_measure": shown.label,
        "slice_difference": _measure(_difference(entries[0])).label if entries else "",
        "slice_demands": demands,
        "slices_absent": "" if found else why_absent(evaluation, results, "slices"),
        "slices_not_met": sum(row.state == "not_met" for row in rows),
        "crossings": _crossing_rows(results, shown, yardstick),
        "crossings_known": "crossings" in results,
        "crossing_measure": shown.label,
    }


def where_of(entry: Mapping[str, Any]) -> str:
    """Which rows a slice is, in words: “Age band: 21 to 25; sex: female”."""
    said = "; ".join(f"{one['column'].replace('_', ' ')}: {one['value']}" for one in entry["where"])
    return said[:1].upper() + said[1:]


def _measure(name: str) -> Measure:
    return GROUP_METRICS.get(name) or FAIRNESS.get(name) or METRICS[name]


def _difference(entry: Mapping[str, Any]) -> str:
    return next(str(name) for name in entry["metrics"] if name.endswith(DIFFERENCE))


def _slice_rows(entries: Sequence[Mapping[str, Any]], shown: Measure, yardstick: Yardstick) -> list[SliceRow]:
    if not entries:
        return []
    name = _difference(entries[0])
    measure = _measure(name)
    axis = shared_axis([entry["metrics"][name] for entry in entries], 0.0)
    limits = [limit for limit in yardstick.limits if limit.each == "slices"]
    rows = []
    for entry in entries:
        estimate, own = entry["metrics"][name], entry["metrics"].get(shown.name, {})
        where = where_of(entry)
        judged_as = ", ".join(f"{one['column'].replace('_', ' ')} {one['value']}" for one in entry["where"])
        state, limit = judged(limits, yardstick, group=(SLICE, judged_as))
        rows.append(
            SliceRow(
                where=where,
                n=entry["n"],
                positives=entry.get("positives"),
                beside=written(shown, own.get("value")),
                value=written(measure, estimate["value"]),
                interval=span(measure, estimate),
                drawing=drawn(
                    f"{where}: {measure.label}",
                    estimate,
                    axis=axis,
                    reference=0.0,
                    limit=limit if limit and limit.measure == name else None,
                    width=NARROW,
                ),
                p=p_value(entry["p_holm"]),
                significant=bool(entry.get("significant")),
                state=state,
            )
        )
    return rows


def p_value(p: float) -> str:
    """A p as it is printed: “< 0.001”, “0.032”."""
    return f"< {SMALLEST_P}" if p < SMALLEST_P else formats.score(p)


def _crossing_rows(results: Mapping[str, Any], shown: Measure, yardstick: Yardstick) -> list[CrossingRow]:
    """Worst first by the end of the interval that tells it surely, whatever is not defined last."""
    name = shown.name
    entries = [entry for entry in results.get("crossings", []) if name in entry["metrics"]]
    whole = results["metrics"].get(name, {}).get("value")
    limits = [limit.value for limit in yardstick.limits_on(name, each="crossings")]
    axis = shared_axis(
        [entry["metrics"][name] for entry in entries], *limits, *([whole] if whole is not None else [])
    )
    higher = shown.better is Better.HIGHER

    def place(entry: Mapping[str, Any]) -> tuple[bool, float, str]:
        end = entry["metrics"][name].get("ci_low" if higher else "ci_high")
        return end is None, 0.0 if end is None else (end if higher else -end), entry["group"]

    rows = []
    for entry in sorted(entries, key=place):
        attribute, group, estimate = entry["attribute"], entry["group"], entry["metrics"][name]
        found = [
            limit
            for limit in yardstick.limits
            if limit.each == "crossings" and limit.attribute in ("", attribute)
        ]
        state, limit = judged(found, yardstick, group=(attribute, group))
        rows.append(
            CrossingRow(
                attribute=words(attribute),
                group=group,
                n=entry["n"],
                value=written(shown, estimate.get("value")),
                interval=span(shown, estimate),
                drawing=drawn(
                    f"{group}: {shown.label}",
                    estimate,
                    limit=limit if limit and limit.measure == name else None,
                    axis=axis,
                    reference=whole,
                    insufficient=not entry["sufficient"],
                ),
                state=state if entry["sufficient"] else "insufficient",
                undefined=str(estimate.get("undefined", "")),
            )
        )
    return rows
