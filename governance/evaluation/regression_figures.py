"""The drawings of a regression, each with the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from countersign.web.charts import Bars, Cell, Mean, Spread
from governance.evaluation.models import Evaluation
from governance.evaluation.yardstick import Yardstick

TWIN_BINS = 8
"""The cells of a density in its twin, joined to so many by so many: a table of 1,000 cells is no table."""


def figures(evaluation: Evaluation, yardstick: Yardstick) -> list[SafeString]:
    """Predicted against actual, how the errors lie, and errors by prediction."""
    results = evaluation.results_document
    return [_density(results), _errors(results, yardstick), _by_prediction(results)]


def _density(results: Mapping[str, Any]) -> SafeString:
    counted, target = results["curves"]["density"], results["dataset"]["target"]
    low, high, outside = counted["low"], counted["high"], counted["outside"]
    cells = [Cell(*cell) for cell in counted["cells"]]
    means = [
        Mean(one["mean_prediction"], one["mean_actual"], one["ci_low"], one["ci_high"])
        for one in results["curves"]["by_prediction"]
    ]
    drawing = charts.density(
        cells,
        means,
        side=counted["side"],
        span=(low, high),
        x_label=f"Predicted {target}",
        title="Predicted against actual",
        desc=f"Actual {target} by predicted. Darker: more rows. Dashed: the prediction is right. Dots: means of rows "
        "of similar prediction, with 95 % intervals.",
    )
    step = counted["side"] // TWIN_BINS
    coarse: dict[tuple[int, int], int] = {}
    for cell in cells:
        place = cell.column // step, cell.row // step
        coarse[place] = coarse.get(place, 0) + cell.n
    edges = [low + (high - low) * place / TWIN_BINS for place in range(TWIN_BINS + 1)]
    twin = charts.twin(
        ("Actual \\ predicted from", *(formats.quantity(edge, 3) for edge in edges[:-1])),
        [
            (
                f"{formats.quantity(edges[row], 3)} to {formats.quantity(edges[row + 1], 3)}",
                *(formats.thousands(coarse.get((column, row), 0)) for column in range(TWIN_BINS)),
            )
            for row in reversed(range(TWIN_BINS))
        ],
        summary="Rows by predicted and actual value",
    )
    note = "Actual by predicted; darker is more rows, dots are means with 95 % intervals"
    if outside:
        note += f". {formats.plural(outside, 'row')} past the edges"
    return charts.figure("Predicted against actual", note, drawing, twin)


def _errors(results: Mapping[str, Any], yardstick: Yardstick) -> SafeString:
    counted, bias = results["curves"]["residual_histogram"], results["metrics"]["mean_error"]["value"]
    rival = None
    if yardstick.champion:
        theirs = yardstick.champion.results_document["curves"]["residual_histogram"]
        rival = Bars(theirs["edges"], theirs["counts"])
    edges, counts = counted["edges"], counted["counts"]
    drawing = charts.bars(
        Bars(edges, counts),
        x_label="Error: predicted minus actual",
        title="Errors",
        desc="How many rows have which error. Dashed: no error. Line: the mean error.",
        mark=(bias, f"mean {formats.quantity(bias, 3, plus=True)}"),
        before=rival,
    )
    rows = [
        (formats.quantity(low, 3), formats.quantity(high, 3), formats.thousands(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    twin = charts.twin(
        ("Error from", "to", "Rows"),
        [
            ("lowest", formats.quantity(edges[0], 3), formats.thousands(counted["below"])),
            *rows,
            (formats.quantity(edges[-1], 3), "highest", formats.thousands(counted["above"])),
        ],
        summary="Numbers behind the errors",
    )
    past = counted["below"] + counted["above"]
    note = "Left of 0: predicted too low"
    if yardstick.champion:
        note += f"; outline: champion {yardstick.champion.version.number}"
    if past:
        note += f". {formats.plural(past, 'row')} past the edges"
    return charts.figure("Errors", note, drawing, twin)


def _by_prediction(results: Mapping[str, Any]) -> SafeString:
    points, target = results["curves"]["by_prediction"], results["dataset"]["target"]
    drawing = charts.spreads(
        [Spread(one["mean_prediction"], one["errors"]) for one in points],
        x_label=f"Predicted {target}",
        title="Errors by prediction",
    )
    twin = charts.twin(
        ("Mean prediction", "5 %", "25 %", "Median", "75 %", "95 %", "Rows"),
        [
            (
                formats.quantity(one["mean_prediction"]),
                *(formats.quantity(error, 3, plus=True) for error in one["errors"]),
                formats.thousands(one["n"]),
            )
            for one in points
        ],
        summary="Numbers behind errors by prediction",
    )
    note = "Thin: 5 to 95 % of rows; thick: 25 to 75 %; dot: median. Level and even is good"
    return charts.figure("Errors by prediction", note, drawing, twin)
