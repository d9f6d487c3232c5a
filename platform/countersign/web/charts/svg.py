"""Pieces of SVG: numbers of one decimal, shapes coloured by role, text of the chart's scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

Point = tuple[float, float]


def finite(*values: float) -> None:
    """Raises ValueError for a number that cannot be drawn."""
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"cannot draw {value}: what is undefined is said in words, not drawn")


def number(value: float) -> str:
    """A coordinate: one decimal, no trailing zero, no minus zero."""
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def line(tone: str, d: str, *, width: float = 1, dash: str = "") -> str:
    """A stroked path. `tone` is a colour role: ink, ghost, line, edge, refuse, …"""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    thick = "" if width == 1 else f' stroke-width="{number(width)}"'
    return f'<path class="c-{tone}" fill="none" stroke="currentColor"{thick}{dashed} d="{d}"/>'


def polyline(tone: str, points: Iterable[Point], *, width: float = 2) -> str:
    """A line through points, already in the coordinates of the drawing."""
    drawn = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return (
        f'<polyline class="c-{tone}" fill="none" stroke="currentColor" stroke-width="{number(width)}" '
        f'stroke-linejoin="round" points="{drawn}"/>'
    )


def box(tone: str, x: float, y: float, width: float, height: float, *, outline: bool = False) -> str:
    """A rectangle, filled or in outline."""
    paint = 'fill="none" stroke="currentColor" stroke-width="1.5"' if outline else 'fill="currentColor"'
    return (
        f'<rect class="c-{tone}" {paint} x="{number(x)}" y="{number(y)}" '
        f'width="{number(max(width, 0))}" height="{number(max(height, 0))}"/>'
    )


def dot(tone: str, x: float, y: float, radius: float, *, hollow: bool = False) -> str:
    """A point. Hollow, with the page showing through: the champion, or too little data."""
    at = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
    if not hollow:
        return f'<circle class="c-{tone}" {at} fill="currentColor"/>'
    ring = f'<circle class="c-{tone}" {at} fill="none" stroke="currentColor" stroke-width="1.5"/>'
    return f'<circle class="c-paper" {at} fill="currentColor"/>{ring}'


def text(
    tone: str, x: float, y: float, words: str, *, size: int = 11, anchor: str = "", strong: bool = False
) -> str:
    """A label; `words` are escaped here."""
    placed = f' text-anchor="{anchor}"' if anchor else ""
    weight = ' font-weight="600"' if strong else ""
    return (
        f'<text class="c-{tone}" fill="currentColor" font-size="{size}"{weight} '
        f'x="{number(x)}" y="{number(y)}"{placed}>{escape(words)}</text>'
    )


def drawing(
    marks: Sequence[str], *, width: float, height: float, title: str, desc: str = "", inline: bool = False
) -> SafeString:
    """The svg element with title and description. `inline`: a fixed size, to stand in a table row."""
    sized = f' class="wh" width="{number(width)}" height="{number(height)}"' if inline else ""
    described = f"<desc>{escape(desc)}</desc>" if desc else ""
    return mark_safe(  # noqa: S308 - words are escaped above, the rest are numbers
        f'<svg{sized} viewBox="0 0 {number(width)} {number(height)}" role="img">'
        f"<title>{escape(title)}</title>{described}{''.join(marks)}</svg>"
    )


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values from `low` to `high` (steps of 1, 2, 2.5 or 5 times a power of ten), about so many.

    Raises ValueError unless low < high."""
    if not low < high:
        raise ValueError(f"an axis from {low} to {high} has no length")
    power = 10.0 ** math.floor(math.log10((high - low) / about))
    steps = (power * factor for factor in (0.5, 1, 2, 2.5, 5, 10, 20))
    step = min(steps, key=lambda step: (abs((high - low) / step + 1 - about), step))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def tick_label(value: float) -> str:
    """A value on an axis: "0.25", "1", "−0.5", "20,000"."""
    if value == 0:
        return "0"
    said = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return said.replace("-", "\u2212")
