"""Evidence by group where each group is held against all others, as rows of tables: several classes, numbers, rankings.
Nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from governance.evaluation.measures.catalogue import AGAINST_EACH, FAIRNESS_RULES, Measure, Task, of_task
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import (
    Attribute,
    Estimate,
    champion_groups,
    distance,
    drawn,
    judged,
    shared_axis,
    words,
)
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick


@dataclass(frozen=True, slots=True)
class RestRow:
    """One group of one attribute: a measure with its interval. `n` counts rows, of a ranking queries; `beside` are
    further measures as text."""

    attribute: str
    group: str
    n: int
    value: str
    interval: str
    drawing: SafeString | str
    champion: str
    beside: tuple[str, ...]
    state: str
    undefined: str


#: What stands in further cells of a group's row, from its entry in the evidence.
Beside = Callable[[Mapping[str, Any]], tuple[str, ...]]


def each(*measures: Measure) -> Beside:
    """Each of the measures with its interval in one cell, from wherever an entry holds them."""
    return lambda entry: tuple(_with_interval(one, entry.get("metrics", entry)[one.name]) for one in measures)


def group_rows(
    evaluation: Evaluation,
    yardstick: Yardstick,
    shown: Measure,
    beside: Beside,
    *,
    worst_first: Callable[[Mapping[str, Any]], Any] | None = None,
    width: int = 240,
) -> list[RestRow]:
    """Groups by the measure shown, in the order of the evidence or `worst_first`."""
    results = evaluation.results_document
    theirs = champion_groups(yardstick)
    whole = results["metrics"][shown.name]["value"]
    limits = [limit.value for limit in yardstick.limits_on(shown.name, each="groups")]
    others = limits if whole is None else [*limits, whole]
    axis = shared_axis([entry["metrics"][shown.name] for entry in results["groups"]], *others)
    rows = []
    for entry in sorted(results["groups"], key=worst_first) if worst_first else results["groups"]:
        attribute, group, estimate = entry["attribute"], entry["group"], entry["metrics"][shown.name]
        found = yardstick.limits_on(shown.name, each="groups", attribute=attribute)
        champion = theirs.get((attribute, group), {}).get(shown.name, {}).get("value")
        rows.append(
            _row(
                shown,
                estimate,
                judged(found, yardstick, group=(attribute, group)),
                sufficient=entry["sufficient"],
                axis=axis,
                reference=whole,
                width=width,
                label=f"{words(attribute)} {group}: {shown.label}",
                attribute=words(attribute),
                group=group,
                n=entry["n"],
                champion="" if champion is None else written(shown, champion),
                beside=beside(entry),
            )
        )
    return rows


def attributes(
    evaluation: Evaluation,
    yardstick: Yardstick,
    task: Task,
    ratio: Measure,
    beside: Beside,
    *,
    width: int = 240,
) -> list[Attribute]:
    """Each attribute's groups against all others by the ratio, and the distances between them."""
    entries = evaluation.results_document["fairness"]
    limits = [limit.value for limit in yardstick.limits_on(ratio.name, each="fairness")]
    axis = shared_axis([group[ratio.name] for entry in entries for group in entry["groups"]], 1.0, *limits)
    return [_attribute(entry, yardstick, task, ratio, beside, axis, width) for entry in entries]


def _attribute(
    entry: Mapping[str, Any],
    yardstick: Yardstick,
    task: Task,
    ratio: Measure,
    beside: Beside,
    axis: tuple[float, float],
    width: int,
) -> Attribute:
    name = entry["attribute"]
    limits = yardstick.limits_on(ratio.name, each="fairness", attribute=name)
    found = Attribute(words(name), "", demands=tuple(one.demand for one in limits))
    for group in entry["groups"]:
        found.rows.append(
            _row(
                ratio,
                group[ratio.name],
                judged(limits, yardstick, group=(name, group["group"])),
                sufficient=group["status"] == "measured",
                axis=axis,
                reference=1.0,
                width=width,
                label=f"{words(name)} {group['group']}: {ratio.label}",
                attribute=words(name),
                group=group["group"],
                n=group["n"],
                beside=beside(group),
            )
        )
    for measure in of_task(FAIRNESS_RULES, task).values():
        if measure.name not in AGAINST_EACH:
            found.distances.append(distance(measure, entry, yardstick, width))
    return found


def _row(
    measure: Measure,
    estimate: Estimate,
    judgement: Any,
    *,
    sufficient: bool,
    axis: tuple[float, float],
    reference: float | None,
    width: int,
    label: str,
    champion: str = "",
    **about: Any,
) -> RestRow:
    state, limit = judgement
    return RestRow(
        value=written(measure, estimate["value"]),
        interval=span(measure, estimate),
        drawing=drawn(
            label,
            estimate,
            limit=limit,
            axis=axis,
            reference=reference,
            insufficient=not sufficient or state == "insufficient",
            width=width,
        ),
        champion=champion,
        state=state if sufficient else "insufficient",
        undefined=str(estimate.get("undefined", "")),
        **about,
    )


def _with_interval(measure: Measure, estimate: Estimate) -> str:
    """A measure in one cell; what is not defined is left empty."""
    if estimate["value"] is None:
        return ""
    interval = span(measure, estimate)
    said = written(measure, estimate["value"])
    return f"{said} ({interval})" if interval else said
