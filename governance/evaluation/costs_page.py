"""What errors cost and what the best-scored rows hold, of a classifier of two classes, and what running it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from countersign.web.charts import Series
from governance.evaluation.evidence_rows import by_path, row, why_absent
from governance.evaluation.measures.catalogue import EVIDENCE
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import shared_axis
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

COST, LIFT = EVIDENCE["costs.expected"], EVIDENCE["lift.top_decile"]


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Costs of errors, lift and gain; empty parts where the evidence has none."""
    results = evaluation.results_document
    found = results.get("lift") or {}
    return {
        "costs": _costs(results, yardstick),
        "costs_absent": "" if results.get("costs") else why_absent(evaluation, results, "costs"),
        "top_decile": by_path("lift.top_decile", results, yardstick, lowest=1.0),
        "deciles": [_decile(one) for one in found.get("deciles", [])],
        "gain_figure": _gain_figure(found["deciles"]) if found.get("deciles") else "",
        "lift_absent": "" if found else why_absent(evaluation, results, "lift"),
    }


def _costs(results: Mapping[str, Any], yardstick: Yardstick) -> dict[str, Any] | None:
    found = results.get("costs")
    if not found:
        return None
    best = found["best"]
    cheapest = (
        f"Predicted positive from {formats.score(best['threshold'], 3)}"
        if best["threshold"] is not None
        else "Nobody predicted positive"
    )
    axis = shared_axis(
        [found["expected"], best["cost"]], *(limit.value for limit in yardstick.limits_on(COST.name))
    )
    return {
        "rows_of": formats.thousands(found["rows"]),
        "false_positive": formats.quantity(found["false_positive"]),
        "false_negative": formats.quantity(found["false_negative"]),
        "expected": by_path("costs.expected", results, yardstick, axis=axis),
        "best": row(COST, best["cost"], label=f"{cheapest}: cheapest on these rows", axis=axis),
        "calibrated": formats.score(found["calibrated_threshold"], 3),
        "nobody": formats.quantity(found["nobody_positive"]),
        "everybody": formats.quantity(found["everybody_positive"]),
        "figure": _cost_figure(found, results["threshold"]),
    }


def _cost_figure(found: Mapping[str, Any], threshold: float) -> SafeString:
    points = [(one["threshold"], one["cost"]) for one in found["curve"]]
    drawing = charts.curve(
        [Series("", points, "ink")],
        x_label="Threshold",
        y_label="Cost",
        title="Cost by threshold",
        y_range=(0, max(cost for _, cost in points) * 1.08 or 1),
        x_mark=(threshold, f"declared {formats.score(threshold, 2)}"),
    )
    twin = charts.twin(
        ("Threshold", "Cost"),
        [(formats.score(at, 2), formats.quantity(cost)) for at, cost in points],
        summary="Numbers behind the cost",
    )
    note = f"Of {formats.thousands(found['rows'])} rows, in the unit of the declared costs"
    return charts.figure("Cost by threshold", note, drawing, twin)


def _decile(one: Mapping[str, Any]) -> tuple[str, str, str, str, str, str, str]:
    return (
        f"Best {formats.percent(one['share'], 0)}",
        formats.thousands(one["positives"]),
        formats.score(one["lowest_score"]),
        formats.percent(one["gain"].get("value")),
        _span_percent(one["gain"]),
        written(LIFT, one["lift"].get("value")),
        span(LIFT, one["lift"]),
    )


def _span_percent(estimate: Mapping[str, Any]) -> str:
    low, high = estimate.get("ci_low"), estimate.get("ci_high")
    return "" if low is None or high is None else f"{formats.percent(low)} to {formats.percent(high)}"


def _gain_figure(deciles: list[dict[str, Any]]) -> SafeString:
    points = [(0.0, 0.0), *((one["share"], one["gain"]["value"]) for one in deciles)]
    drawing = charts.curve(
        [Series("", points, "ink")],
        x_label="Share of rows, best scores first",
        y_label="Share of the positives",
        title="Gain",
        diagonal=True,
        desc="The dashed line is luck.",
    )
    return charts.figure("Gain", "Share of all positives among the best-scored rows; dashed: luck", drawing)


def running(circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """What running the model cost on this host, in words, as pairs of label and value; evidence from before the cost
    was written down has less of it."""
    cost = circumstances.get("cost") or {}
    latency, by_row = circumstances.get("latency") or {}, cost.get("row") or {}
    batch = cost.get("batch") or {
        "batches": latency.get("batches"),
        "p50_seconds": latency.get("median_seconds"),
        "p95_seconds": latency.get("p95_seconds"),
    }
    host = cost.get("host") or {}
    processors = host.get("processors")
    return {
        "by_row": by_row,
        "row_times": [
            ("Half of the rows within", seconds(by_row.get("p50_seconds"))),
            ("95 % of the rows within", seconds(by_row.get("p95_seconds"))),
            ("Rows timed", formats.thousands(by_row.get("calls"))),
        ],
        "batch_times": [
            ("Half of the batches within", seconds(batch.get("p50_seconds"))),
            ("95 % of the batches within", seconds(batch.get("p95_seconds"))),
            ("Batches", formats.thousands(batch.get("batches"))),
            ("Rows a second", formats.thousands(_whole(latency.get("rows_per_second")))),
        ],
        "use": [
            ("Size of the file", _size(cost.get("artifact_bytes"))),
            ("Loading", seconds(circumstances.get("load_seconds"))),
            ("Processor time", formats.duration(circumstances.get("cpu_seconds"))),
            ("Most memory", _size(circumstances.get("peak_rss_bytes"))),
        ],
        "host": ", ".join(
            part
            for part in (
                str(host.get("processor", "")),
                formats.plural(processors, "processor") if processors else "",
                str(host.get("machine", "")),
            )
            if part
        ),
        "parts": circumstances.get("parts", []),
        "any": bool(latency),
    }


def seconds(value: Any) -> str:
    """A short time: “25.4 ms” below a second."""
    if value is None:
        return "not measured"
    return f"{value * 1000:.3g} ms" if value < 1 else formats.duration(value)


def _size(value: Any) -> str:
    return "not measured" if value is None else formats.size(value)


def _whole(value: Any) -> Any:
    return None if value is None else round(value)
