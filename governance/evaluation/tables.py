"""Evidence as rows of tables: each number with its interval, the limit it is held against, and the champion.

Nothing is computed here: the numbers are those of the evidence, the states those of the policy's judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from governance.evaluation.differing import told
from governance.evaluation.measures.catalogue import (
    FAIRNESS,
    FAIRNESS_RULES,
    HEADLINES,
    METRICS,
    Measure,
    Task,
    of_task,
)
from governance.evaluation.models import Evaluation
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Limit, Yardstick

Estimate = Mapping[str, Any]
#: Measures of a binary classifier that depend on the threshold; their label says at which.
AT_THRESHOLD = frozenset(
    {
        *("accuracy", "precision", "recall", "specificity", "false_positive_rate"),
        *("f1", "balanced_accuracy", "matthews", "selection_rate"),
    }
)
_WORST = {"not_met": 0, "not_measured": 1, "insufficient": 2, "waived": 3, "met": 4, "not_applicable": 5}


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure of all rows. `value` and `interval` are text; `undefined` says why there is no value, `told` what the
    paired difference to the champion says."""

    name: str
    label: str
    meaning: str
    value: str
    interval: str
    drawing: SafeString | str
    champion: str
    told: str
    n: int
    method: str
    demands: tuple[str, ...]
    state: str
    undefined: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of one attribute: its ROC AUC beside that of all rows."""

    attribute: str
    group: str
    n: int
    positives: int
    value: str
    interval: str
    drawing: SafeString | str
    champion: str
    state: str
    undefined: str


@dataclass(frozen=True, slots=True)
class RatioRow:
    """One group against the reference: how often it gets the favourable outcome, and the ratio of that."""

    group: str
    n: int
    selected: str
    found: str
    wrongly: str
    value: str
    interval: str
    drawing: SafeString | str
    state: str
    status: str
    undefined: str


@dataclass(frozen=True, slots=True)
class DistanceRow:
    """How far the groups of an attribute lie apart by one measure."""

    label: str
    meaning: str
    value: str
    interval: str
    drawing: SafeString | str
    demands: tuple[str, ...]
    state: str
    undefined: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """Fairness by one attribute: its groups against the reference (or, of a regression, all other rows), and the
    distances between them."""

    name: str
    reference: str
    rows: list[Any] = field(default_factory=list)
    distances: list[DistanceRow] = field(default_factory=list)
    demands: tuple[str, ...] = ()


def task_of_results(results: Mapping[str, Any]) -> Task:
    """The task these results measured; those of classifiers name none."""
    return Task(results.get("task", Task.BINARY))


def measure_rows(
    evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240, headlines: bool = False
) -> list[MeasureRow]:
    """The measures of all rows, those with a rule first and worst of them first. `headlines`: only those with a
    rule, or where there is none the usual ones."""
    results = evaluation.results_document
    task = task_of_results(results)
    ours = of_task(METRICS, task)
    ruled = [name for name in ours if yardstick.limits_on(name)]
    names = (ruled or list(HEADLINES[task])) if headlines else list(ours)
    rows = [
        _measure_row(METRICS[name], results, yardstick, width) for name in names if name in results["metrics"]
    ]
    return sorted(rows, key=lambda row: _WORST[row.state] if row.state else len(_WORST))


def _measure_row(
    measure: Measure, results: Mapping[str, Any], yardstick: Yardstick, width: int
) -> MeasureRow:
    estimate: Estimate = results["metrics"][measure.name]
    limits = yardstick.limits_on(measure.name)
    state, limit = judged(limits, yardstick)
    champion: Estimate = {}
    if yardstick.champion:
        champion = yardstick.champion.results_document["metrics"].get(measure.name, {})
    difference = yardstick.differences.get(measure.name)
    label = measure.label
    if measure.name in AT_THRESHOLD and "threshold" in results:
        label = f"{label} at {formats.score(results['threshold'], 2)}"
    return MeasureRow(
        name=measure.name,
        label=label,
        meaning=measure.meaning,
        value=written(measure, estimate.get("value")),
        interval=span(measure, estimate),
        drawing=drawn(label, estimate, limit=limit, champion=champion, width=width),
        champion=written(measure, champion["value"]) if champion.get("value") is not None else "",
        told=told(measure, difference, yardstick.margins.get(measure.name)).sentence if difference else "",
        n=int(estimate.get("n") or 0),
        method=str(estimate.get("method", "")),
        demands=tuple(one.demand for one in limits),
        state=state,
        undefined=str(estimate.get("undefined", "")),
    )


def group_rows(evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240) -> list[GroupRow]:
    """Groups by the lower end of their ROC AUC, worst first; those with too few rows last."""
    results = evaluation.results_document
    entries = results.get("groups", [])
    theirs = champion_groups(yardstick)
    whole = results["metrics"].get("roc_auc", {}).get("value")
    aucs = [entry["metrics"]["roc_auc"] for entry in entries]
    limits = [limit.value for limit in yardstick.limits_on("roc_auc", each="groups")]
    axis = shared_axis(aucs, *limits, *([whole] if whole is not None else []))
    rows = []
    for entry in sorted(entries, key=_worst_group):
        attribute, group, estimate = entry["attribute"], entry["group"], entry["metrics"]["roc_auc"]
        found = yardstick.limits_on("roc_auc", each="groups", attribute=attribute)
        state, limit = judged(found, yardstick, group=(attribute, group))
        beside = theirs.get((attribute, group), {}).get("roc_auc", {})
        rows.append(
            GroupRow(
                attribute=words(attribute),
                group=group,
                n=entry["n"],
                positives=entry["positives"],
                value=formats.score(estimate.get("value")),
                interval=span(METRICS["roc_auc"], estimate),
                drawing=drawn(
                    f"{words(attribute)} {group}: ROC AUC",
                    estimate,
                    limit=limit,
                    axis=axis,
                    reference=whole,
                    insufficient=not entry["sufficient"],
                    width=width,
                ),
                champion=formats.score(beside["value"]) if beside.get("value") is not None else "",
                state="insufficient" if not entry["sufficient"] else state,
                undefined=str(estimate.get("undefined", "")),
            )
        )
    return rows


def _worst_group(entry: Mapping[str, Any]) -> tuple[bool, float, str]:
    low = entry["metrics"]["roc_auc"].get("ci_low")
    return not entry["sufficient"], 2.0 if low is None else low, entry["group"]


def champion_groups(yardstick: Yardstick) -> dict[tuple[str, str], Mapping[str, Estimate]]:
    """The champion's measures by attribute and group; empty where it was not measured on the same data."""
    if yardstick.champion is None:
        return {}
    groups = yardstick.champion.results_document.get("groups", [])
    return {(one["attribute"], one["group"]): one["metrics"] for one in groups}


def attributes(evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240) -> list[Attribute]:
    """Fairness by attribute, in the order of the evidence (by name)."""
    results = evaluation.results_document
    entries = results.get("fairness", [])
    rates = {(one["attribute"], one["group"]): one["metrics"] for one in results.get("groups", [])}
    limits = [limit.value for limit in yardstick.limits_on("selection_rate_ratio", each="fairness")]
    ratios = [group["selection_rate_ratio"] for entry in entries for group in entry["groups"]]
    axis = shared_axis(ratios, 1.0, *limits)
    return [_attribute(entry, rates, yardstick, axis, width) for entry in entries]


def _attribute(
    entry: Mapping[str, Any],
    rates: Mapping[tuple[str, str], Mapping[str, Estimate]],
    yardstick: Yardstick,
    axis: tuple[float, float],
    width: int,
) -> Attribute:
    name = entry["attribute"]
    limits = yardstick.limits_on("selection_rate_ratio", each="fairness", attribute=name)
    found = Attribute(words(name), entry["reference"] or "", demands=tuple(one.demand for one in limits))
    for group in entry["groups"]:
        estimate, status = group["selection_rate_ratio"], group["status"]
        state, limit = judged(limits, yardstick, group=(name, group["group"]))
        metrics = rates.get((name, group["group"]), {})
        measured = status == "measured"
        found.rows.append(
            RatioRow(
                group=group["group"],
                n=group["n"],
                selected=_share(metrics, "selection_rate"),
                found=_share(metrics, "recall"),
                wrongly=_share(metrics, "false_positive_rate"),
                value=formats.score(estimate.get("value")),
                interval=span(FAIRNESS["selection_rate_ratio"], estimate) if status != "reference" else "",
                drawing=drawn(
                    f"{words(name)} {group['group']}: ratio",
                    estimate,
                    limit=limit,
                    axis=axis,
                    reference=1.0,
                    insufficient=not measured or state == "insufficient",
                    width=width,
                )
                if status != "reference"
                else "",
                state=state if measured else "insufficient" if status == "insufficient" else "",
                status=status,
                undefined=str(estimate.get("undefined", "")),
            )
        )
    for measure in of_task(FAIRNESS_RULES, Task.BINARY).values():
        if measure.name != "selection_rate_ratio" and measure.name in entry:
            found.distances.append(distance(measure, entry, yardstick, width))
    return found


def distance(measure: Measure, entry: Mapping[str, Any], yardstick: Yardstick, width: int) -> DistanceRow:
    """How far the groups of an attribute lie apart by one measure, as a row."""
    estimate: Estimate = entry[measure.name]
    limits = yardstick.limits_on(measure.name, each="fairness", attribute=entry["attribute"])
    state, limit = judged(limits, yardstick, group=(entry["attribute"], ""))
    label = f"{words(entry['attribute'])}: {measure.label}"
    return DistanceRow(
        label=measure.label,
        meaning=measure.meaning,
        value=written(measure, estimate.get("value")),
        interval=span(measure, estimate),
        drawing=drawn(label, estimate, limit=limit, width=width, lowest=0.0),
        demands=tuple(one.demand for one in limits),
        state=state,
        undefined=str(estimate.get("undefined", "")),
    )


def _share(metrics: Mapping[str, Estimate], name: str) -> str:
    return formats.percent(metrics.get(name, {}).get("value"))


def judged(
    limits: list[Limit], yardstick: Yardstick, *, group: tuple[str, str] | None = None
) -> tuple[str, Limit | None]:
    """The worst state of these limits and the limit that gave it: only one can be drawn. No limit: no state."""
    worst: tuple[str, Limit | None] = ("", None)
    for limit in limits:
        requirement = yardstick.requirement(limit.rule_id)
        if requirement is None:
            continue
        state = requirement.groups.get(group, "") if group else requirement.state
        if worst[1] is None or (state and (not worst[0] or _WORST[state] < _WORST[worst[0]])):
            worst = (state, limit)
    return worst


def words(attribute: str) -> str:
    """A column's name as words: “age_band” → “Age band”."""
    plain = attribute.replace("_", " ")
    return plain[:1].upper() + plain[1:]


def shared_axis(estimates: Iterable[Estimate], *others: float) -> tuple[float, float]:
    """One axis for a table whose rows measure the same, with air at both ends."""
    numbers = [*others]
    for estimate in estimates:
        numbers += [estimate[end] for end in ("ci_low", "ci_high") if estimate.get(end) is not None]
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    air = (high - low) * 0.08 or 0.05
    return low - air, high + air


def drawn(
    label: str,
    estimate: Estimate,
    *,
    limit: Limit | None = None,
    axis: tuple[float, float] | None = None,
    champion: Estimate | None = None,
    reference: float | None = None,
    insufficient: bool = False,
    width: int = 240,
    lowest: float | None = None,
) -> SafeString | str:
    """The interval drawn; empty where the evidence has none. Without `axis` the row gets its own, from `lowest`
    where a measure cannot be less."""
    value, low, high = (estimate.get(key) for key in ("value", "ci_low", "ci_high"))
    if value is None or low is None or high is None:
        return ""
    rival = None
    if champion and champion.get("value") is not None:
        rival = charts.Champion(champion["value"], champion.get("ci_low"), champion.get("ci_high"))
    if axis is None:
        others = [limit.value] if limit else []
        if lowest is not None:
            others.append(lowest)
        axis = shared_axis([estimate, champion or {}], *others)
    return charts.interval(
        value,
        low,
        high,
        axis=axis,
        label=label,
        limit=limit.value if limit else None,
        limit_side=limit.refused if limit else None,
        cap=(limit.end or None) if limit else None,
        champion=rival,
        reference=reference,
        insufficient=insufficient,
        width=width,
    )
