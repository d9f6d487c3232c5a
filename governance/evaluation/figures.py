"""The curves of an evaluation as figures, each with the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from countersign.web.charts import CalibrationBin, Series
from governance.evaluation.models import Evaluation
from governance.evaluation.yardstick import Yardstick

TWIN_ROWS = 24
"""Rows of a twin: a curve of 200 points read by ear or on paper says no more than these."""


def curve_figures(evaluation: Evaluation, yardstick: Yardstick) -> list[SafeString]:
    """Ranking, precision and recall, calibration; those the data cannot give are left out, as the evidence leaves
    them empty where only one class is present."""
    results = evaluation.results_document
    version, champion = _names(evaluation, yardstick)
    theirs = yardstick.champion.results_document if yardstick.champion else None
    figures = []
    if results["curves"]["roc"]:
        figures.append(_roc(results, theirs, version, champion))
    if results["curves"]["precision_recall"]:
        figures.append(_precision_recall(results, theirs, version, champion))
    counted = results["curves"]["score_histogram"]
    both = [a + b for a, b in zip(counted["positive"], counted["negative"], strict=True)]
    figures.append(calibration_figure(results, both))
    return figures


def threshold_figure(evaluation: Evaluation, yardstick: Yardstick) -> SafeString:
    """Precision and recall at every threshold, with the declared one marked; the champion's beside."""
    results = evaluation.results_document
    points = results["curves"]["threshold"]
    theirs = yardstick.champion.results_document["curves"]["threshold"] if yardstick.champion else []
    declared = results["threshold"]
    shown = (("precision", "Precision"), ("recall", "Recall"))
    series = [_by_threshold(points, key, label, "ink") for key, label in shown]
    series += [_by_threshold(theirs, key, "", "ghost") for key, _ in shown if theirs]
    drawing = charts.curve(
        [one for one in series if one.points],
        x_label="Threshold",
        y_label="Precision and recall",
        title="What another threshold would do",
        x_mark=(declared, f"declared {formats.score(declared, 2)}"),
    )
    columns = ["Threshold", "Precision", "Recall", "Selected"]
    if yardstick.champion:
        number = yardstick.champion.version.number
        columns += [f"Precision {number}", f"Recall {number}"]
    rows = []
    for place, one in enumerate(points):
        row = [
            formats.score(one["threshold"], 2),
            formats.score(one["precision"]),
            formats.score(one["recall"]),
            formats.percent(one["selection_rate"]),
        ]
        if theirs:
            row += [formats.score(theirs[place][key]) for key, _ in shown]
        rows.append(row)
    note = "Precision and recall by threshold"
    if yardstick.champion:
        note += f"; champion {yardstick.champion.version.number} in grey"
    twin = charts.twin(columns, rows, summary="Numbers behind thresholds")
    return charts.figure("What another threshold would do", note, drawing, twin)


def _by_threshold(
    points: Sequence[Mapping[str, Any]], key: str, label: str, tone: charts.plots.Tone
) -> Series:
    line = [(one["threshold"], one[key]) for one in points if one[key] is not None]
    return Series(label, line, tone, at_end=True)


def decisions_sentence(evaluation: Evaluation, yardstick: Yardstick) -> str:
    """What the declared threshold does in numbers, and how many more or fewer than the champion's."""
    results = evaluation.results_document
    positive, _ = _labels(results)
    named, _ = class_names(results)
    counts = results["confusion"]
    selected = counts["tp"] + counts["fp"]
    said = (
        f"At the declared threshold {formats.thousands(selected)} of {formats.plural(results['n'], 'row')} are "
        f"predicted {positive}"
    )
    theirs = yardstick.champion.results_document if yardstick.champion else None
    if theirs and theirs["threshold"] == results["threshold"]:
        before = theirs["confusion"]["tp"] + theirs["confusion"]["fp"]
        apart = formats.thousands(abs(selected - before))
        said += (
            ", as many as by the champion"
            if selected == before
            else (f", {apart} {'more' if selected > before else 'fewer'} than by the champion")
        )
    return f"{said}. Of those, {formats.thousands(counts['tp'])} are {named}."


def decisions(evaluation: Evaluation, yardstick: Yardstick) -> SafeString:
    """Decisions at the declared threshold against what came true."""
    results = evaluation.results_document
    positive, other = class_names(results)
    theirs = yardstick.champion.results_document if yardstick.champion else None
    return charts.confusion(
        _table(results),
        actual=(positive, other),
        decided=(f"Predicted {_labels(results)[0]}", f"Predicted {_labels(results)[1] or 'other'}"),
        champion=_table(theirs) if theirs and theirs["threshold"] == results["threshold"] else None,
    )


def class_names(results: Mapping[str, Any]) -> tuple[str, str]:
    """What the positive class and the other one are called: “default 1”, “default 0”."""
    target, (positive, other) = results["dataset"]["target"], _labels(results)
    named = f"{target}\N{NO-BREAK SPACE}{other}" if other else f"other than {positive}"
    return f"{target}\N{NO-BREAK SPACE}{positive}", named


def _labels(results: Mapping[str, Any]) -> tuple[str, str]:
    """The label of the positive class and of the other one, which is known where it is the favourable one."""
    data = results["dataset"]
    positive, favourable = data["positive_label"], data["favourable_label"]
    return positive, favourable if favourable != positive else ""


def _table(results: Mapping[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    counts = results["confusion"]
    return (counts["tp"], counts["fn"]), (counts["fp"], counts["tn"])


def _names(evaluation: Evaluation, yardstick: Yardstick) -> tuple[str, str]:
    champion = f"Version {yardstick.champion.version.number}" if yardstick.champion else ""
    return f"Version {evaluation.version.number}", champion


def _with_champion(
    key: str,
    measure: str,
    results: Mapping[str, Any],
    theirs: Mapping[str, Any] | None,
    names: tuple[str, str],
) -> list[Series]:
    """The line of this version, and of the champion where it was measured on the same data."""

    def line(document: Mapping[str, Any], name: str, tone: charts.plots.Tone) -> Series:
        points = [(point[0], point[1]) for point in document["curves"][key]]
        return Series(name, points, tone, formats.score(document["metrics"][measure]["value"]))

    series = [line(results, names[0], "ink")]
    if theirs and theirs["curves"][key]:
        series.append(line(theirs, names[1], "ghost"))
    return series


def _curve_twin(
    key: str,
    heads: tuple[str, str, str],
    results: Mapping[str, Any],
    theirs: Mapping[str, Any] | None,
    champion: str,
    *,
    summary: str,
) -> SafeString:
    """The points of a curve as a table; beside each the champion's point nearest along the axis."""
    others = theirs["curves"][key] if theirs else []
    rows = []
    for one in _some(results["curves"][key]):
        row = [formats.score(one[0]), formats.score(one[1]), _threshold(one[2])]
        if others:
            nearest = _nearest(others, one[0])
            row.append(f"{formats.score(nearest[1])} at {formats.score(nearest[0])}")
        rows.append(row)
    columns = (*heads, f"{champion}, nearest") if others else heads
    return charts.twin(columns, rows, summary=summary)


def _nearest(points: Sequence[Sequence[float]], x: float) -> Sequence[float]:
    return min(points, key=lambda point: abs(point[0] - x))


def _roc(
    results: Mapping[str, Any], theirs: Mapping[str, Any] | None, version: str, champion: str
) -> SafeString:
    rates = results["metrics"]
    dot = _point(rates["false_positive_rate"]["value"], rates["recall"]["value"])
    drawing = charts.curve(
        _with_champion("roc", "roc_auc", results, theirs, (version, champion)),
        x_label="False positive rate",
        y_label="True positive rate",
        title="Ranking (ROC)",
        desc=f"The dot is the declared threshold {formats.score(results['threshold'], 2)}.",
        diagonal=True,
        dot=dot,
    )
    heads = ("False positive rate", "True positive rate", "Threshold")
    twin = _curve_twin("roc", heads, results, theirs, champion, summary="Numbers behind the ranking")
    return charts.figure("Ranking (ROC)", "True against false positive rate", drawing, twin)


def _precision_recall(
    results: Mapping[str, Any], theirs: Mapping[str, Any] | None, version: str, champion: str
) -> SafeString:
    rates = results["metrics"]
    prevalence = results["prevalence"]
    drawing = charts.curve(
        _with_champion("precision_recall", "average_precision", results, theirs, (version, champion)),
        x_label="Recall",
        y_label="Precision",
        title="Precision and recall",
        dot=_point(rates["recall"]["value"], rates["precision"]["value"]),
        y_mark=(prevalence, f"share of positives {formats.score(prevalence)}"),
    )
    heads, summary = ("Recall", "Precision", "Threshold"), "Numbers behind precision and recall"
    twin = _curve_twin("precision_recall", heads, results, theirs, champion, summary=summary)
    note = f"Dot: declared threshold {formats.score(results['threshold'], 2)}"
    return charts.figure("Precision and recall", note, drawing, twin)


def calibration_figure(results: Mapping[str, Any], histogram: Sequence[int]) -> SafeString:
    """Observed rate by score; `histogram` counts rows in equal steps of the score."""
    points, version = results["curves"]["calibration"], f"Version {results['version']['number']}"
    drawing = charts.calibration(
        [
            CalibrationBin(one["mean_score"], one["observed_rate"], one["ci_low"], one["ci_high"], one["n"])
            for one in points
        ],
        histogram,
        desc=f"{version}: observed rate by mean score, in groups of equal count with 95 % intervals.",
    )
    twin = charts.twin(
        ("Mean score", "Observed", "95 % interval", "Rows"),
        [
            (
                formats.score(one["mean_score"]),
                formats.score(one["observed_rate"]),
                formats.span(one["ci_low"], one["ci_high"]),
                formats.thousands(one["n"]),
            )
            for one in points
        ],
        summary="Numbers behind the calibration",
    )
    return charts.figure("Calibration", "Observed rate by score, with 95 % intervals", drawing, twin)


def score_figure(evaluation: Evaluation) -> SafeString:
    """How the scores of the two outcomes lie, with the declared threshold marked."""
    results = evaluation.results_document
    counted = results["curves"]["score_histogram"]
    positive, other = class_names(results)
    series = [
        Series(positive, _steps(counted["edges"], counted["positive"]), "ink"),
        Series(other, _steps(counted["edges"], counted["negative"]), "ghost"),
    ]
    tallest = max(y for one in series for _, y in one.points)
    drawing = charts.curve(
        series,
        x_label="Score",
        y_label="Share of the rows of each outcome",
        title="Scores by outcome",
        y_range=(0, tallest * 1.08 or 1),
        x_mark=(results["threshold"], f"declared {formats.score(results['threshold'], 2)}"),
    )
    twin = charts.twin(
        ("Score from", "to", positive, other),
        [
            (
                formats.score(low, 2),
                formats.score(high, 2),
                formats.thousands(counted["positive"][place]),
                formats.thousands(counted["negative"][place]),
            )
            for place, (low, high) in enumerate(zip(counted["edges"][:-1], counted["edges"][1:], strict=True))
        ],
        summary="Numbers behind the scores",
    )
    return charts.figure("Scores by outcome", "Share of the rows of each outcome", drawing, twin)


def _steps(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[float, float]]:
    """The outline of a histogram: counts as shares of their own total."""
    total = sum(counts) or 1
    points = [(edges[0], 0.0)]
    for place, count in enumerate(counts):
        points += [(edges[place], count / total), (edges[place + 1], count / total)]
    return [*points, (edges[-1], 0.0)]


def _some(points: Sequence[Any]) -> list[Any]:
    """At most TWIN_ROWS of the points, first and last kept."""
    if len(points) <= TWIN_ROWS:
        return list(points)
    step = (len(points) - 1) / (TWIN_ROWS - 1)
    return [points[round(place * step)] for place in range(TWIN_ROWS)]


def _point(x: float | None, y: float | None) -> tuple[float, float] | None:
    return None if x is None or y is None else (x, y)


def _threshold(value: float | None) -> str:
    """The threshold of a point; above every score for the first of a ROC."""
    return "above all" if value is None else formats.score(value)
