"""The frame of a plot: scales, a horizontal grid, the axis name at the right, and where labels fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from countersign.web.charts import svg


@dataclass(frozen=True, slots=True)
class Frame:
    """A plotting area inside a drawing of `width` by `height`, over the ranges `x` and `y` of the data."""

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    left: float = 34
    top: float = 8

    @property
    def right(self) -> float:
        """The right edge of the plotting area."""
        return self.width - 8

    @property
    def bottom(self) -> float:
        """The axis."""
        return self.height - 34

    def at_x(self, value: float) -> float:
        """Data to drawing, kept inside the area."""
        return self.left + _share(value, self.x) * (self.right - self.left)

    def at_y(self, value: float) -> float:
        """Data to drawing, kept inside the area; up is more."""
        return self.bottom - _share(value, self.y) * (self.bottom - self.top)

    def place(self, points: Iterable[svg.Point]) -> list[svg.Point]:
        """Points of the data in the coordinates of the drawing."""
        return [(self.at_x(x), self.at_y(y)) for x, y in points]

    def dashed(self, start: svg.Point, end: svg.Point) -> str:
        """A dashed grey line between two points of the data: a reference."""
        (x1, y1), (x2, y2) = self.place((start, end))
        return svg.line(
            "edge",
            f"M{svg.number(x1)} {svg.number(y1)}L{svg.number(x2)} {svg.number(y2)}",
            dash="3 3",
        )

    def along(self, start: svg.Point, end: svg.Point) -> list[svg.Point]:
        """Points on the line between two points of the data, which a label has to keep clear of."""
        steps = 24
        between = (
            (start[0] + (end[0] - start[0]) * i / steps, start[1] + (end[1] - start[1]) * i / steps)
            for i in range(steps + 1)
        )
        return self.place(between)

    def grid(self, x_label: str) -> list[str]:
        """Horizontal lines with their values, ticks below the axis, and the axis with its name."""
        marks = []
        for value in svg.ticks(*self.y):
            y = self.at_y(value)
            marks.append(
                svg.line("line", f"M{svg.number(self.left)} {svg.number(y)}H{svg.number(self.right)}")
            )
            marks.append(svg.text("ink2", self.left - 6, y + 4, svg.tick_label(value), anchor="end"))
        return [*marks, *self.axis(x_label)]

    def axis(self, x_label: str) -> list[str]:
        """Ticks below the axis, and the axis with its name."""
        marks = []
        for value in svg.ticks(*self.x):
            x, label = self.at_x(value), svg.tick_label(value)
            # A long number at the right edge ends there, or it would be cut off.
            late = x + 3.3 * len(label) > self.width
            marks.append(
                svg.text(
                    "ink2",
                    self.width if late else x,
                    self.bottom + 16,
                    label,
                    anchor="end" if late else "middle",
                )
            )
            marks.append(svg.line("edge", f"M{svg.number(x)} {svg.number(self.bottom)}v4"))
        marks.append(
            svg.line("ink", f"M{svg.number(self.left)} {svg.number(self.bottom)}H{svg.number(self.right)}")
        )
        marks.append(svg.text("ink2", self.right, self.height - 2, x_label, anchor="end"))
        return marks


def _share(value: float, span: tuple[float, float]) -> float:
    return min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0)


def free_corner(frame: Frame, points: Sequence[svg.Point], *, width: float, height: float) -> svg.Point:
    """The upper left corner for a box of labels, as far from every point as the frame allows.

    Nearness to the points' middle breaks ties, so that the label stays beside its line."""
    best = (-1.0, (frame.left + 8, frame.top + 8))
    columns, rows = 16, 12
    for column in range(columns):
        for row in range(rows):
            x = frame.left + 8 + column / (columns - 1) * max(frame.right - frame.left - width - 16, 0)
            y = frame.top + 4 + row / (rows - 1) * max(frame.bottom - frame.top - height - 12, 0)
            nearest = min(_apart(point, x, y, width, height) for point in points)
            # Past 14 pixels of air a label gains nothing by going further away.
            score = min(nearest, 14.0) - 0.004 * nearest
            if score > best[0]:
                best = (score, (x, y))
    return best[1]


def _apart(point: svg.Point, x: float, y: float, width: float, height: float) -> float:
    dx = max(x - point[0], 0.0, point[0] - (x + width))
    dy = max(y - point[1], 0.0, point[1] - (y + height))
    return float((dx * dx + dy * dy) ** 0.5)
