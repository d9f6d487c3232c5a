"""What the page of evidence of a classifier of several classes shows beside its measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from countersign.web.charts import Bars
from governance.evaluation.figures import calibration_figure
from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Task
from governance.evaluation.models import Evaluation
from governance.evaluation.rest_tables import attributes, each, group_rows
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

#: Above so many classes a table of all pairs is no table; the pairs mistaken most often are listed instead.
SQUARE = 15
MISTAKES_SHOWN = 20
#: What stands of each class in the table, in this order; the measure says how it is written.
OF_CLASS = (
    ("precision", METRICS["precision"]),
    ("recall", METRICS["recall"]),
    ("f1", METRICS["f1"]),
    ("roc_auc", METRICS["roc_auc"]),
)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: its rows, how many are predicted it, and its measures as (name, value, interval, why there is
    none)."""

    name: str
    support: int
    predicted: int
    measures: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """Rows of one actual class by what was predicted; `right` is the place of the class itself."""

    name: str
    cells: tuple[tuple[int, bool], ...]
    total: int


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Calibration, confusion, the table of classes, groups and fairness."""
    results = evaluation.results_document
    accuracy, balanced = METRICS["accuracy"], METRICS["balanced_accuracy"]
    return {
        "figures": [calibration_figure(results, _confidences(results)), _confidence(results)],
        "class_rows": [_class_row(one) for one in results["per_class"]],
        "confusion_rows": confusion_rows(results),
        "mistakes": mistakes(results),
        "groups": group_rows(evaluation, yardstick, accuracy, each(balanced)),
        "attributes": attributes(
            evaluation,
            yardstick,
            Task.MULTICLASS,
            FAIRNESS["accuracy_ratio"],
            each(FAIRNESS["accuracy_difference"]),
        ),
        "group_heads": (accuracy.label, balanced.label),
        "against_heads": ("Accuracy ratio", "Difference"),
        "counted": "Rows",
    }


def _class_row(entry: Mapping[str, Any]) -> ClassRow:
    return ClassRow(
        entry["class"],
        entry["support"],
        entry["predicted"],
        tuple(
            (
                measure.label,
                written(measure, entry[name]["value"]) if entry[name]["value"] is not None else "",
                span(measure, entry[name]),
                str(entry[name].get("undefined", "")),
            )
            for name, measure in OF_CLASS
        ),
    )


def confusion_rows(results: Mapping[str, Any]) -> list[ConfusionRow]:
    """The whole table where it is small enough to read; empty above that."""
    names, counts = results["confusion"]["classes"], results["confusion"]["counts"]
    if len(names) > SQUARE:
        return []
    return [
        ConfusionRow(name, tuple((count, place == at) for place, count in enumerate(row)), sum(row))
        for at, (name, row) in enumerate(zip(names, counts, strict=True))
    ]


def mistakes(results: Mapping[str, Any]) -> list[tuple[str, str, int, str]]:
    """The pairs mistaken most often: actual, predicted, rows, and their share of the rows of the actual class."""
    names, counts = results["confusion"]["classes"], results["confusion"]["counts"]
    pairs = [
        (count, actual, predicted)
        for actual, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if count and actual != predicted
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    return [
        (names[actual], names[predicted], count, formats.percent(count / sum(counts[actual])))
        for count, actual, predicted in pairs[:MISTAKES_SHOWN]
    ]


def _confidences(results: Mapping[str, Any]) -> list[int]:
    counted = results["curves"]["confidence_histogram"]
    return [right + wrong for right, wrong in zip(counted["right"], counted["wrong"], strict=True)]


def _confidence(results: Mapping[str, Any]) -> SafeString:
    """How sure the model is of what it predicts, right and wrong."""
    counted = results["curves"]["confidence_histogram"]
    edges, right, wrong = counted["edges"], counted["right"], counted["wrong"]
    accuracy = results["metrics"]["accuracy"]["value"]
    drawing = charts.bars(
        Bars(edges, right),
        x_label="Probability of the class predicted",
        title="Confidence",
        desc="How sure the model is of rows predicted right (bars) and wrong (outline). Line: the accuracy.",
        mark=(accuracy, f"accuracy {formats.score(accuracy)}"),
        before=Bars(edges, wrong),
    )
    twin = charts.twin(
        ("Probability from", "to", "Right", "Wrong"),
        [
            (formats.score(low, 2), formats.score(high, 2), formats.thousands(one), formats.thousands(other))
            for low, high, one, other in zip(edges[:-1], edges[1:], right, wrong, strict=True)
        ],
        summary="Numbers behind the confidence",
    )
    note = "Bars: predicted right; outline: predicted wrong"
    return charts.figure("Confidence", note, drawing, twin)
