"""A regression's evidence by group and by predicted value, as rows of tables. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.web import formats
from governance.evaluation import rest_tables
from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Task
from governance.evaluation.models import Evaluation
from governance.evaluation.rest_tables import RestRow
from governance.evaluation.tables import Attribute, Estimate
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

ERROR, BIAS = METRICS["mean_absolute_error"], METRICS["mean_error"]
RATIO = FAIRNESS["mean_absolute_error_ratio"]


@dataclass(frozen=True, slots=True)
class QuantileRow:
    """Rows of similar prediction: what was said, what happened, and how the errors lie."""

    n: int
    predicted: str
    actual: str
    interval: str
    errors: tuple[str, ...]
    outside: bool


def group_rows(evaluation: Evaluation, yardstick: Yardstick, *, width: int = 240) -> list[RestRow]:
    """Groups by the upper end of their mean absolute error, largest first; those with too few rows last."""
    return rest_tables.group_rows(
        evaluation, yardstick, ERROR, _beside, worst_first=_worst_first, width=width
    )


def _beside(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The root mean squared error, the mean error, and its interval."""
    metrics = entry["metrics"]
    return (
        written(ERROR, metrics["root_mean_squared_error"]["value"]),
        formats.quantity(metrics[BIAS.name]["value"], plus=True),
        span(BIAS, metrics[BIAS.name]),
    )


def _worst_first(entry: Mapping[str, Any]) -> tuple[bool, float, str]:
    estimate = entry["metrics"][ERROR.name]
    reach = estimate["value"] if estimate["ci_high"] is None else estimate["ci_high"]
    return not entry["sufficient"], -reach, entry["group"]


def attributes(evaluation: Evaluation, yardstick: Yardstick) -> list[Attribute]:
    """Each attribute's groups against all other rows, and the distance between them."""
    return rest_tables.attributes(evaluation, yardstick, Task.REGRESSION, RATIO, _differences)


def _differences(group: Mapping[str, Any]) -> tuple[str, ...]:
    return _signed(group["mean_absolute_error_difference"]), _signed(group["mean_error_difference"])


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
