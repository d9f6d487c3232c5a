"""One measure over the versions of a model: estimates with intervals, joined only where the rows are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from django.utils.safestring import SafeString

from countersign.web.charts import svg
from countersign.web.charts.frame import Frame

WIDTH, HEIGHT = 760.0, 232.0
_LABEL_ROOM = 150.0  # right of the axis, for the words of the limit
_GLYPH = 6.0
_MOST_NUMBERS = 18


@dataclass(frozen=True, slots=True)
class Measured:
    """One version: its number, the estimate with its 95 % interval where it has one, the rows it was measured on,
    whether these are the rows in question (`same`), and a word below its number (“live”)."""

    number: int
    value: float
    low: float | None
    high: float | None
    rows: str
    same: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """The limit a rule reads: the side it refuses, the end of the interval it reads, and its words."""

    value: float
    refused: Literal["below", "above"]
    end: Literal["low", "high", ""]
    words: str


def over_versions(
    points: Sequence[Measured], *, title: str, shown: str, limit: Bound | None = None
) -> SafeString:
    """Ink and filled: measured on the rows in question; grey and hollow: on other rows, and not joined to them.
    `shown` is the last value as text. `points` come in the order of their numbers.

    Raises ValueError without a point, or for an undefined number."""
    if not points:
        raise ValueError("a line over versions needs a point")
    ends = [bound for one in points for bound in (one.value, one.low, one.high) if bound is not None]
    ends += [limit.value] if limit else []
    svg.finite(*ends)
    air = (max(ends) - min(ends)) * 0.1 or abs(ends[0]) * 0.05 or 0.05
    frame = Frame(
        width=WIDTH - _LABEL_ROOM,
        height=HEIGHT,
        x=(-0.5, len(points) - 0.5),
        y=(min(ends) - air, max(ends) + air),
        left=44,
        top=24,
    )
    marks = [*_limit(frame, limit), *_grid(frame, points)]
    placed = [(one, frame.at_x(index)) for index, one in enumerate(points)]
    start = 0
    for rows, group in groupby(placed, key=lambda pair: (pair[0].rows, pair[0].same)):
        stretch = list(group)
        marks += _stretch(frame, stretch, rows[0], first=start == 0, several=len(stretch) < len(placed))
        start += len(stretch)
    for one, x in placed:
        marks += _estimate(frame, one, x, limit)
    last, x = placed[-1]
    tone = "ink" if last.same else "ink2"
    marks.append(
        svg.text(
            tone, x + 12, frame.at_y(last.value) + 4, f"{last.number}: {shown}", size=12, strong=last.same
        )
    )
    said = "; ".join(f"version {one.number} on {one.rows}: {one.value:g}" for one in points[-5:])
    return svg.drawing(
        marks, width=WIDTH, height=HEIGHT, title=title, desc=f"By version, oldest first. The newest: {said}."
    )


def _grid(frame: Frame, points: Sequence[Measured]) -> list[str]:
    marks = []
    for value in svg.ticks(*frame.y):
        y = frame.at_y(value)
        marks.append(svg.line("line", f"M{svg.number(frame.left)} {svg.number(y)}H{svg.number(frame.right)}"))
        marks.append(svg.text("ink2", frame.left - 6, y + 4, svg.tick_label(value), anchor="end"))
    step = -(-len(points) // _MOST_NUMBERS)
    for index, one in enumerate(points):
        if (len(points) - 1 - index) % step == 0 or one.note:
            x = frame.at_x(index)
            strong = bool(one.note) or index == len(points) - 1
            marks.append(
                svg.text(
                    "ink", x, frame.bottom + 16, str(one.number), size=12, anchor="middle", strong=strong
                )
            )
            if one.note:
                marks.append(svg.text("ink2", x, frame.bottom + 29, one.note, anchor="middle"))
    marks.append(
        svg.line("ink", f"M{svg.number(frame.left)} {svg.number(frame.bottom)}H{svg.number(frame.right)}")
    )
    marks.append(svg.text("ink2", frame.right + 8, frame.bottom + 16, "Version"))
    return marks


def _limit(frame: Frame, limit: Bound | None) -> list[str]:
    if limit is None:
        return []
    y = frame.at_y(limit.value)
    top, height = (y, frame.bottom - y) if limit.refused == "below" else (frame.top, y - frame.top)
    line = f"M{svg.number(frame.left)} {svg.number(y)}H{svg.number(frame.right)}"
    return [
        svg.box("refusewash", frame.left, top, frame.right - frame.left, height),
        svg.line("refuse", line, width=1.5),
        svg.text("refuse", frame.right + 6, y + 4, limit.words),
    ]


def _stretch(
    frame: Frame, stretch: Sequence[tuple[Measured, float]], rows: str, *, first: bool, several: bool
) -> list[str]:
    """The line through versions measured on the same rows, and where other rows begin."""
    tone = "ink" if stretch[0][0].same else "ghost"
    marks = []
    if len(stretch) > 1:
        line = [(x, frame.at_y(one.value)) for one, x in stretch]
        marks.append(svg.polyline(tone, line, width=1.5))
    half = (frame.at_x(1) - frame.at_x(0)) / 2
    left, right = stretch[0][1] - half, stretch[-1][1] + half
    if not first:
        marks.append(
            svg.line(
                "edge",
                f"M{svg.number(left)} {svg.number(frame.top - 16)}V{svg.number(frame.bottom)}",
                dash="3 3",
            )
        )
    if several and right - left > _GLYPH * len(rows) + 8:
        marks.append(svg.text("ink2", left + 6, frame.top - 6, rows))
    return marks


def _estimate(frame: Frame, one: Measured, x: float, limit: Bound | None) -> list[str]:
    tone = "ink" if one.same else "ghost"
    marks = []
    if one.low is not None and one.high is not None:
        low, high = frame.at_y(one.low), frame.at_y(one.high)
        marks.append(svg.line(tone, f"M{svg.number(x)} {svg.number(low)}V{svg.number(high)}", width=2))
        if limit and limit.end:
            cap = svg.number(low if limit.end == "low" else high)
            marks.append(svg.line(tone, f"M{svg.number(x - 4)} {cap}h8", width=2))
        if limit and one.same and (past := _past(one.low, one.high, limit)):
            start, end = (svg.number(frame.at_y(value)) for value in past)
            marks.append(svg.line("refuse", f"M{svg.number(x)} {start}V{end}", width=3))
    marks.append(svg.dot(tone, x, frame.at_y(one.value), 4 if one.same else 3.5, hollow=not one.same))
    return marks


def _past(low: float, high: float, limit: Bound) -> tuple[float, float] | None:
    """The part of the interval on the refused side."""
    if limit.refused == "below":
        return (low, min(high, limit.value)) if low < limit.value else None
    return (max(low, limit.value), high) if high > limit.value else None
