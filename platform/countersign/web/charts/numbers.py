"""Plots of a model that predicts a number: predicted against actual, errors as bars, errors by prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import svg
from countersign.web.charts.frame import Frame

_SHADES = (0.12, 0.28, 0.45, 0.65, 0.9)
#: Numbers in units of their own are longer than scores.
_LEFT = 58


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a grid, counted from the lower left, and the rows in it."""

    column: int
    row: int
    n: int


@dataclass(frozen=True, slots=True)
class Mean:
    """Rows of similar prediction: their mean prediction, what happened on average, and its 95 % interval."""

    predicted: float
    actual: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Rows of similar prediction: their mean prediction, and the 5, 25, 50, 75 and 95 % quantiles of their
    errors."""

    predicted: float
    errors: Sequence[float]


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts in bins: one edge more than counts, rising."""

    edges: Sequence[float]
    counts: Sequence[int]

    @property
    def heights(self) -> list[float]:
        """The share of the counted rows in each bin, by its width: two sets of bins stay comparable."""
        total = sum(self.counts) or 1
        widths = (high - low for low, high in zip(self.edges[:-1], self.edges[1:], strict=True))
        return [count / total / width for count, width in zip(self.counts, widths, strict=True)]


def density(
    cells: Sequence[Cell],
    means: Sequence[Mean],
    *,
    side: int,
    span: tuple[float, float],
    x_label: str,
    title: str,
    desc: str,
) -> SafeString:
    """Rows counted in `side` by `side` cells over one `span` for both axes: darker is more rows. On the dashed
    diagonal the prediction is right; dots are means of rows of similar prediction, with their intervals.

    Raises ValueError without a cell."""
    if not cells:
        raise ValueError("a density needs a cell")
    frame = Frame(width=400, height=340, x=span, y=span, left=_LEFT)
    wide, high = (frame.right - frame.left) / side, (frame.bottom - frame.top) / side
    most = max(cell.n for cell in cells)
    shades: dict[float, list[str]] = {}
    for cell in cells:
        # By the logarithm, so that cells of a few rows are still told from those of one, beside those of hundreds.
        shade = _SHADES[min(int(math.log(cell.n) / (math.log(most) or 1) * len(_SHADES)), len(_SHADES) - 1)]
        x, y = frame.left + cell.column * wide, frame.bottom - (cell.row + 1) * high
        box = f"M{svg.number(x)} {svg.number(y)}h{svg.number(wide)}v{svg.number(high)}h{svg.number(-wide)}z"
        shades.setdefault(shade, []).append(box)
    marks = [
        f'<path class="c-ghost" fill="currentColor" fill-opacity="{shade:g}" d="{"".join(boxes)}"/>'
        for shade, boxes in sorted(shades.items())
    ]
    marks += [*frame.grid(x_label), frame.dashed((span[0], span[0]), (span[1], span[1]))]
    for one in means:
        svg.finite(one.predicted, one.actual)
        x = frame.at_x(one.predicted)
        if one.low is not None and one.high is not None:
            ends = f"{svg.number(frame.at_y(one.low))}V{svg.number(frame.at_y(one.high))}"
            marks.append(svg.line("ink", f"M{svg.number(x)} {ends}", width=1.5))
        marks.append(svg.dot("ink", x, frame.at_y(one.actual), 3.2))
    return svg.drawing(marks, width=frame.width, height=frame.height, title=title, desc=desc)


def bars(
    ours: Bars,
    *,
    x_label: str,
    title: str,
    desc: str,
    mark: tuple[float, str],
    before: Bars | None = None,
) -> SafeString:
    """A histogram over an axis, with a dashed line at 0 and one at `mark`; `before` is the champion's, in
    outline. Heights are shares by width of bin, so only their shape is read and no scale is printed.

    Raises ValueError without counts."""
    if not ours.counts:
        raise ValueError("a histogram needs counts")
    ends = [*ours.edges, *(before.edges if before else []), 0.0]
    heights, then = ours.heights, before.heights if before else []
    tallest = max([*heights, *then]) * 1.12 or 1.0
    frame = Frame(width=400, height=340, x=(min(ends), max(ends)), y=(0, tallest), left=12)
    marks = []
    for place, height in enumerate(heights):
        if height:
            left, right = frame.at_x(ours.edges[place]), frame.at_x(ours.edges[place + 1])
            top = frame.at_y(height)
            marks.append(svg.box("ghost", left, top, max(right - left - 1, 0.5), frame.bottom - top))
    if before:
        marks.append(svg.polyline("ink2", frame.place(_outline(before, then)), width=1.5))
    marks += frame.axis(x_label)
    marks.append(frame.dashed((0, 0), (0, tallest)))
    x = frame.at_x(mark[0])
    marks.append(
        svg.line("ink", f"M{svg.number(x)} {svg.number(frame.bottom)}V{svg.number(frame.top + 16)}", width=2)
    )
    late = x > (frame.left + frame.right) / 2
    marks.append(
        svg.text(
            "ink",
            x - 5 if late else x + 5,
            frame.top + 12,
            mark[1],
            anchor="end" if late else "",
            strong=True,
        )
    )
    return svg.drawing(marks, width=frame.width, height=frame.height, title=title, desc=desc)


def _outline(histogram: Bars, heights: Sequence[float]) -> list[svg.Point]:
    points = [(histogram.edges[0], 0.0)]
    for place, height in enumerate(heights):
        points += [(histogram.edges[place], height), (histogram.edges[place + 1], height)]
    return [*points, (histogram.edges[-1], 0.0)]


def spreads(rows: Sequence[Spread], *, x_label: str, title: str) -> SafeString:
    """Errors by prediction: thin line from the 5 to the 95 % quantile, thick from 25 to 75 %, a dot at the median;
    dashed at 0. A good model's are level and equally long. Raises ValueError without rows."""
    if not rows:
        raise ValueError("errors by prediction need rows")
    ends = [error for one in rows for error in one.errors]
    svg.finite(*ends, *(one.predicted for one in rows))
    frame = Frame(
        width=400,
        height=340,
        x=_roomy([one.predicted for one in rows]),
        y=_roomy([*ends, 0.0]),
        left=_LEFT,
    )
    marks = [*frame.grid(x_label), frame.dashed((frame.x[0], 0), (frame.x[1], 0))]
    for one in rows:
        x = frame.at_x(one.predicted)
        heights = [svg.number(frame.at_y(error)) for error in one.errors]
        at = svg.number(x)
        marks += [
            svg.line("ghost", f"M{at} {heights[0]}V{heights[4]}", width=1.5),
            svg.line("ghost", f"M{at} {heights[1]}V{heights[3]}", width=7),
            svg.dot("ink", x, frame.at_y(one.errors[2]), 3.2),
        ]
    desc = (
        f"Error by {x_label[:1].lower()}{x_label[1:]}, in {formats.plural(len(rows), 'group')} of equal count. "
        "Thin: 5 to 95 % of the rows; thick: 25 to 75 %; dot: the median."
    )
    return svg.drawing(marks, width=frame.width, height=frame.height, title=title, desc=desc)


def _roomy(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or abs(low) * 0.05 or 1.0
    return low - room, high + room
