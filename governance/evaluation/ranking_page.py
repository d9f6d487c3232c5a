"""What the page of evidence of a ranking shows beside its measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from countersign.web.charts import Bars
from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Task
from governance.evaluation.models import Evaluation
from governance.evaluation.rest_tables import attributes, each, group_rows
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

SHOWN = METRICS["ndcg_at_10"]
BESIDE = (METRICS["mean_reciprocal_rank"], METRICS["mean_average_precision"])


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """How the queries lie, by outcome and by size, groups of queries and what lies between them."""
    results = evaluation.results_document
    return {
        "figures": [_queries(results, yardstick)] if results["curves"]["quantiles"] else [],
        "quantiles": [
            (formats.percent(share), formats.score(value)) for share, value in results["curves"]["quantiles"]
        ],
        "sizes": [_size(one) for one in results["curves"]["by_size"]],
        "groups": group_rows(evaluation, yardstick, SHOWN, each(*BESIDE)),
        "attributes": attributes(evaluation, yardstick, Task.RANKING, FAIRNESS["ndcg_ratio"], each()),
        "group_heads": (SHOWN.label, *(one.label for one in BESIDE)),
        "against_heads": ("NDCG ratio",),
        "counted": "Queries",
    }


def _size(entry: Mapping[str, Any]) -> tuple[str, int, str, str]:
    estimate, low, high = entry[SHOWN.name], entry["fewest"], entry["most"]
    rows = (
        formats.plural(low, "row")
        if low == high
        else f"{formats.thousands(low)} to {formats.thousands(high)} rows"
    )
    return rows, estimate["n"], written(SHOWN, estimate["value"]), span(SHOWN, estimate)


def _queries(results: Mapping[str, Any], yardstick: Yardstick) -> SafeString:
    """How many queries come how near the best order."""
    counted, mean = results["curves"]["histogram"], results["metrics"][SHOWN.name]["value"]
    edges, counts = counted["edges"], counted["counts"]
    rival = None
    if yardstick.champion:
        theirs = yardstick.champion.results_document["curves"]["histogram"]
        rival = Bars(theirs["edges"], theirs["counts"])
    drawing = charts.bars(
        Bars(edges, counts),
        x_label="NDCG@10 of a query; 1 is the best order there is",
        title="Queries",
        desc="How many queries come how near the best order. Line: the mean.",
        mark=(mean, f"mean {formats.score(mean)}"),
        before=rival,
    )
    twin = charts.twin(
        ("NDCG@10 from", "to", "Queries"),
        [
            (formats.score(low, 2), formats.score(high, 2), formats.thousands(count))
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
        summary="Numbers behind the queries",
    )
    note = "Further right is better"
    if yardstick.champion:
        note += f"; outline: champion {yardstick.champion.version.number}"
    return charts.figure("Queries", note, drawing, twin)
