"""A regression's evidence by group and by predicted value, as rows of tables. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import formats
from governance.evaluation.measures.catalogue import (
    AGAINST_EACH,
    FAIRNESS,
    FAIRNESS_RULES,
    METRICS,
    Task,
    of_task,
)
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

ERROR, BIAS = METRICS["mean_absolute_error"], METRICS["mean_error"]
RATIO = FAIRNESS["mean_absolute_error_ratio"]


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One group of one attribute: how far off it is predicted, beside all rows, and which way."""

    attribute: str
    group: str
    n: int
    value: str
    interval: str
    drawing: SafeString | str
    champion: str
    squared: str
    bias: str
    bias_interval: str
    state: str


@dataclass(frozen=True, slots=True)
class AgainstRow:
    """One group against all other rows: the ratio of the errors, and the two differences."""

    group: str
    n: int
    value: str
    interval: str
    drawing: SafeString | str
    differences: tuple[str, ...]
    state: str
    status: str
    undefined: str


@dataclass(frozen=True, slots=True)
class QuantileRow:
    """Rows of similar prediction: what was said, what happened, and how the errors lie."""

    n: int
    predicted: str
    actual: str
    interval: str
    errors: tuple[str, ...]
    outside: bool


def group_rows(evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240) -> list[ErrorRow]:
    """Groups by the upper end of their mean absolute error, largest first; those with too few rows last."""
    results = evaluation.results_document
    entries = results["groups"]
    theirs = champion_groups(yardstick)
    whole = results["metrics"][ERROR.name]["value"]
    limits = [limit.value for limit in yardstick.limits_on(ERROR.name, each="groups")]
    axis = shared_axis([entry["metrics"][ERROR.name] for entry in entries], whole, *limits)
    rows = []
    for entry in sorted(entries, key=_worst_first):
        attribute, group, metrics = entry["attribute"], entry["group"], entry["metrics"]
        found = yardstick.limits_on(ERROR.name, each="groups", attribute=attribute)
        state, limit = judged(found, yardstick, group=(attribute, group))
        beside = theirs.get((attribute, group), {}).get(ERROR.name, {})
        rows.append(
            ErrorRow(
                attribute=words(attribute),
                group=group,
                n=entry["n"],
                value=written(ERROR, metrics[ERROR.name]["value"]),
                interval=span(ERROR, metrics[ERROR.name]),
                drawing=drawn(
                    f"{words(attribute)} {group}: {ERROR.label}",
                    metrics[ERROR.name],
                    limit=limit,
                    axis=axis,
                    reference=whole,
                    insufficient=not entry["sufficient"] or state == "insufficient",
                    width=width,
                ),
                champion=written(ERROR, beside["value"]) if beside.get("value") is not None else "",
                squared=written(ERROR, metrics["root_mean_squared_error"]["value"]),
                bias=formats.quantity(metrics[BIAS.name]["value"], plus=True),
                bias_interval=span(BIAS, metrics[BIAS.name]),
                state="insufficient" if not entry["sufficient"] else state,
            )
        )
    return rows


def _worst_first(entry: Mapping[str, Any]) -> tuple[bool, float, str]:
    estimate = entry["metrics"][ERROR.name]
    reach = estimate["value"] if estimate["ci_high"] is None else estimate["ci_high"]
    return not entry["sufficient"], -reach, entry["group"]


def attributes(evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240) -> list[Attribute]:
    """Each attribute's groups against all other rows, and the distance between them."""
    entries = evaluation.results_document["fairness"]
    limits = [limit.value for limit in yardstick.limits_on(RATIO.name, each="fairness")]
    axis = shared_axis([group[RATIO.name] for entry in entries for group in entry["groups"]], 1.0, *limits)
    return [_attribute(entry, yardstick, axis, width) for entry in entries]


def _attribute(
    entry: Mapping[str, Any], yardstick: Yardstick, axis: tuple[float, float], width: int
) -> Attribute:
    name = entry["attribute"]
    limits = yardstick.limits_on(RATIO.name, each="fairness", attribute=name)
    found = Attribute(words(name), "", demands=tuple(one.demand for one in limits))
    for group in entry["groups"]:
        estimate: Estimate = group[RATIO.name]
        state, limit = judged(limits, yardstick, group=(name, group["group"]))
        measured = group["status"] == "measured"
        found.rows.append(
            AgainstRow(
                group=group["group"],
                n=group["n"],
                value=written(RATIO, estimate["value"]),
                interval=span(RATIO, estimate),
                drawing=drawn(
                    f"{words(name)} {group['group']}: ratio",
                    estimate,
                    limit=limit,
                    axis=axis,
                    reference=1.0,
                    insufficient=not measured or state == "insufficient",
                    width=width,
                ),
                differences=tuple(
                    _signed(group[one]) for one in ("mean_absolute_error_difference", "mean_error_difference")
                ),
                state=state if measured else "insufficient",
                status=group["status"],
                undefined=str(estimate.get("undefined", "")),
            )
        )
    for measure in of_task(FAIRNESS_RULES, Task.REGRESSION).values():
        if measure.name not in AGAINST_EACH:
            found.distances.append(distance(measure, entry, yardstick, width))
    return found


def _signed(estimate: Estimate) -> str:
    """A difference with its sign and interval, in one cell."""
    said = formats.quantity(estimate["value"], plus=True)
    interval = span(BIAS, estimate)
    return f"{said} ({interval})" if interval else said


def quantile_rows(evaluation: Evaluation) -> list[QuantileRow]:
    """Rows in groups of equal count by predicted value, lowest first. `outside`: the mean prediction lies outside
    the interval of what happened."""
    rows = []
    for one in evaluation.results_document["curves"]["by_prediction"]:
        low, high, said = one["ci_low"], one["ci_high"], one["mean_prediction"]
        rows.append(
            QuantileRow(
                n=one["n"],
                predicted=formats.quantity(said),
                actual=formats.quantity(one["mean_actual"]),
                interval=span(ERROR, one),
                errors=tuple(formats.quantity(error, plus=True) for error in one["errors"]),
                outside=low is not None and not low <= said <= high,
            )
        )
    return rows
