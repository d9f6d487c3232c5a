"""Plots with two axes: curves, calibration, histograms, and shares side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import svg
from countersign.web.charts.frame import Frame, free_corner

Tone = Literal["ink", "ghost"]
_MOST_POINTS = 160
_GLYPH = 6.6  # mean width of a character at 12 px


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot. `ink` is the version in question, `ghost` the champion; `value` is in its label.

    `at_end`: the label stands at the line's right end, for lines of different measures; without a label, as for the
    champion's line beside one that has it, none stands there."""

    label: str
    points: Sequence[svg.Point]
    tone: Tone = "ink"
    value: str = ""
    at_end: bool = False

    @property
    def caption(self) -> str:
        """The words beside the line."""
        return f"{self.label}: {self.value}" if self.value else self.label


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of similar score: their mean score, the rate observed, its 95 % interval, how many they are."""

    score: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Category:
    """One value of a column with its share now and, where there is something to compare, before."""

    label: str
    share: float
    before: float | None = None


def curve(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str,
    desc: str = "",
    diagonal: bool = False,
    dot: svg.Point | None = None,
    x_range: tuple[float, float] = (0, 1),
    y_range: tuple[float, float] = (0, 1),
    x_mark: tuple[float, str] | None = None,
    y_mark: tuple[float, str] | None = None,
    wide: bool = False,
) -> SafeString:
    """Lines over one axis: ROC (`diagonal`), precision and recall (`y_mark`: the base rate), thresholds
    (`x_mark`).

    `dot` marks the declared threshold on the first line. Labels stand where the plot is empty. `y_label` is
    said in the description, since the heading of the figure names it. Raises ValueError without a point."""
    if not any(len(one.points) for one in series):
        raise ValueError("a curve needs points")
    frame = Frame(width=560 if wide else 400, height=250 if wide else 300, x=x_range, y=y_range)
    marks = [*frame.grid(x_label)]
    references: list[svg.Point] = []
    if diagonal:
        marks.append(frame.dashed((x_range[0], y_range[0]), (x_range[1], y_range[1])))
        references += frame.along((x_range[0], y_range[0]), (x_range[1], y_range[1]))
    if y_mark:
        marks.append(frame.dashed((x_range[0], y_mark[0]), (x_range[1], y_mark[0])))
        references += frame.along((x_range[0], y_mark[0]), (x_range[1], y_mark[0]))
        marks.append(svg.text("ink2", frame.left + 6, frame.at_y(y_mark[0]) - 5, y_mark[1]))
    if x_mark:
        marks.append(frame.dashed((x_mark[0], y_range[0]), (x_mark[0], y_range[1])))
        references += frame.along((x_mark[0], y_range[0]), (x_mark[0], y_range[1]))
        marks.append(svg.text("ink2", frame.at_x(x_mark[0]) + 5, frame.top + 12.5, x_mark[1]))
    drawn = [(one, frame.place(_thin(one.points))) for one in series]
    # The champion lies underneath, so that the line in question is never hidden by it.
    for one, points in sorted(drawn, key=lambda pair: pair[0].tone != "ghost"):
        marks.append(svg.polyline(one.tone, points))
    if dot:
        marks.append(svg.dot("ink", frame.at_x(dot[0]), frame.at_y(dot[1]), 4))
    marks += _captions(frame, drawn, references)
    told = f"{desc} " if desc else ""
    lines = "; ".join(one.caption for one in series if one.caption)
    return svg.drawing(
        marks,
        width=frame.width,
        height=frame.height,
        title=title,
        desc=f"{told}{y_label} by {x_label[:1].lower()}{x_label[1:]}. {lines}.",
    )


def calibration(
    bins: Sequence[CalibrationBin],
    histogram: Sequence[int],
    *,
    title: str = "Calibration",
    desc: str = "",
    x_label: str = "Score",
) -> SafeString:
    """The observed rate by score with intervals, the diagonal of a calibrated model, rows per score below.

    `histogram` counts rows in equal steps of the score from 0 to 1. Raises ValueError without a bin."""
    if not bins:
        raise ValueError("calibration needs a bin")
    frame = Frame(width=400, height=300, x=(0, 1), y=(0, 1))
    marks = [*frame.grid(x_label), frame.dashed((0, 0), (1, 1))]
    most = max(histogram, default=0)
    step = (frame.right - frame.left) / max(len(histogram), 1)
    for index, count in enumerate(histogram):
        if count:
            height = 46 * count / most
            left = frame.left + index * step
            marks.append(svg.box("line", left + 0.5, frame.bottom - height, step - 1, height))
    for one in bins:
        svg.finite(one.score, one.observed, one.low, one.high)
        x = frame.at_x(one.score)
        span = f"M{svg.number(x)} {svg.number(frame.at_y(one.low))}V{svg.number(frame.at_y(one.high))}"
        marks += [svg.line("ink", span, width=1.5), svg.dot("ink", x, frame.at_y(one.observed), 3.2)]
    if most:
        marks.append(svg.text("ink2", frame.right, frame.bottom - 8, "rows per score", anchor="end"))
    said = (
        desc
        or f"{formats.plural(len(bins), 'group')} of rows by score; on the dashed line the score is the rate."
    )
    return svg.drawing(marks, width=frame.width, height=frame.height, title=title, desc=said)


def histogram(
    counts: Sequence[int],
    *,
    title: str,
    before: Sequence[int] | None = None,
    doubtful: Sequence[int] = (),
) -> SafeString:
    """Counts as bars in a table row: a column's profile. `before` is a line over each bar, scaled to the same
    total; `doubtful` are positions of values no codebook knows.

    Raises ValueError without counts, or when the two have different lengths."""
    if not counts or (before is not None and len(before) != len(counts)):
        raise ValueError("a histogram needs counts, and as many before as now")
    width, height, foot = 132.0, 26.0, 25.0
    gap = 2.0 if len(counts) <= 12 else 0.6
    step = (width + gap) / len(counts)
    now = _shares(counts)
    then = _shares(before) if before is not None else []
    tallest = max([*now, *then]) or 1
    marks = []
    for index, share in enumerate(now):
        bar = max(23 * share / tallest, 1.0 if counts[index] else 0)
        tone = "doubt" if index in doubtful else "ghost"
        if bar:
            marks.append(svg.box(tone, index * step, foot - bar, step - gap, bar))
    for index, share in enumerate(then):
        top = foot - 23 * share / tallest
        left, right = svg.number(index * step), svg.number((index + 1) * step - gap)
        marks.append(svg.line("ink", f"M{left} {svg.number(top)}H{right}", width=1.5))
    marks.append(svg.line("line", f"M0 {height - 0.5}H{svg.number(width)}"))
    return svg.drawing(marks, width=width, height=height, title=title, inline=True)


def shares(
    categories: Sequence[Category], *, title: str, desc: str = "", now: str = "now", before: str = "before"
) -> SafeString:
    """Shares of a column's values: ink now, outline before, each with its number.

    Raises ValueError without a category."""
    if not categories:
        raise ValueError("shares need a category")
    left, width = 132.0, 390.0
    tallest = max(max(one.share, one.before or 0) for one in categories) or 1
    scale = (width - left - 60) / tallest
    marks = []
    for index, one in enumerate(categories):
        y = 9 + 34.0 * index
        svg.finite(one.share)
        marks.append(svg.text("ink", left - 10, y + 14, _shortened(one.label), size=12, anchor="end"))
        if one.before is not None:
            marks.append(svg.box("ghost", left, y, one.before * scale, 10, outline=True))
            marks.append(svg.text("ink2", left + one.before * scale + 6, y + 9, formats.percent(one.before)))
        below = y + 12 if one.before is not None else y + 4
        marks.append(svg.box("ink", left, below, one.share * scale, 10))
        marks.append(
            svg.text("ink", left + one.share * scale + 6, below + 9, formats.percent(one.share), strong=True)
        )
    said = desc or f"Filled: {now}. Outline: {before}."
    return svg.drawing(marks, width=width, height=34.0 * len(categories) + 10, title=title, desc=said)


def _captions(
    frame: Frame, drawn: Sequence[tuple[Series, Sequence[svg.Point]]], references: Sequence[svg.Point]
) -> list[str]:
    marks = []
    for one, points in drawn:
        if one.at_end and one.caption and points:
            right = points[-1][0]
            under = [y for x, y in points if x >= right - _GLYPH * len(one.caption)]
            marks.append(_caption(one, right, max(min(under) - 8, frame.top + 10), anchor="end"))
    listed = [one for one, _ in drawn if not one.at_end]
    if listed:
        longest = max(len(one.caption) for one in listed)
        everything = [*(point for _, points in drawn for point in points), *references]
        x, y = free_corner(frame, everything, width=_GLYPH * longest, height=18.0 * len(listed))
        marks += [_caption(one, x, y + 12 + 18 * index) for index, one in enumerate(listed)]
    return marks


def _caption(one: Series, x: float, y: float, *, anchor: str = "") -> str:
    ours = one.tone == "ink"
    return svg.text("ink" if ours else "ink2", x, y, one.caption, size=12, anchor=anchor, strong=ours)


def _thin(points: Sequence[svg.Point]) -> list[svg.Point]:
    """At most so many points, first and last kept: a ROC of 9,000 rows is no sharper on 400 pixels."""
    for x, y in points:
        svg.finite(x, y)
    if len(points) <= _MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (_MOST_POINTS - 1)
    return [points[round(index * step)] for index in range(_MOST_POINTS)]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _shortened(label: str, most: int = 21) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
