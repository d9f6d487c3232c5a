"""An estimate with its interval, the limit a rule reads it against, and the champion, in one table row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import svg

_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that is live now, on the same rows; its interval where one is known."""

    value: float
    low: float | None = None
    high: float | None = None


def interval(
    value: float,
    low: float,
    high: float,
    *,
    axis: tuple[float, float],
    label: str,
    limit: float | None = None,
    limit_side: Literal["below", "above"] | None = None,
    cap: Literal["low", "high"] | None = None,
    champion: Champion | float | None = None,
    reference: float | None = None,
    insufficient: bool = False,
    width: int = 240,
    places: int = 3,
) -> SafeString:
    """Line: the 95 % interval; dot: the estimate; **a cap only on the end the rule reads**.

    `limit` is a red line with its refused side (`limit_side`) washed, and the part of the interval past it is
    thick red. `champion` is the grey line and hollow dot below. `reference` is a grey upright: zero, or all
    rows. Too little data: dashed line, hollow dot. What lies outside `axis` is drawn at its edge; the number
    stands beside. A rule on a difference is drawn on the difference, with `axis` around zero.

    Raises ValueError for undefined numbers, bounds out of order, or a limit without its refused side."""
    rival = champion if isinstance(champion, Champion) or champion is None else Champion(champion)
    svg.finite(value, low, high, *axis, *(bound for bound in (limit, reference) if bound is not None))
    if low > high or not axis[0] < axis[1]:
        raise ValueError(f"bounds out of order: {low} to {high} on an axis {axis}")
    if (limit is None) != (limit_side is None):
        raise ValueError("a limit needs the side it refuses, and the other way round")

    def x(measure: float) -> float:
        share = (measure - axis[0]) / (axis[1] - axis[0])
        return min(max(share, 0.0), 1.0) * width

    y = 9.5 if rival else 12.5
    marks: list[str] = []
    if limit is not None:
        washed = (0.0, x(limit)) if limit_side == "below" else (x(limit), float(width))
        marks.append(svg.box("refusewash", washed[0], 0, washed[1] - washed[0], _HEIGHT))
    marks.append(svg.line("line", f"M0 {y}H{width}"))
    if reference is not None:
        marks.append(svg.line("edge", f"M{svg.number(x(reference))} 0V{_HEIGHT}"))
    if rival:
        marks += _champion(rival, x)
    marks.append(_stretch("ink", x(low), x(high), y, width=2, dash="3 2" if insufficient else ""))
    past = _past(low, high, limit, limit_side)
    if past and not insufficient:
        marks.append(_stretch("refuse", x(past[0]), x(past[1]), y, width=3))
    if cap:
        end = low if cap == "low" else high
        crossed = past is not None and past[0] <= end <= past[1] and not insufficient
        marks.append(
            svg.line(
                "refuse" if crossed else "ink", f"M{svg.number(x(end))} {y - 4.5:g}V{y + 4.5:g}", width=2
            )
        )
    marks.append(svg.dot("ink", x(value), y, 3.2 if insufficient else 3.5, hollow=insufficient))
    if limit is not None:
        marks.append(svg.line("refuse", f"M{svg.number(x(limit))} 0V{_HEIGHT}", width=1.5))
    said = _words(value, low, high, label, limit, limit_side, rival, insufficient, places)
    return svg.drawing(marks, width=width, height=_HEIGHT, title=said, inline=True)


def _stretch(tone: str, left: float, right: float, y: float, *, width: float, dash: str = "") -> str:
    return svg.line(tone, f"M{svg.number(left)} {y}H{svg.number(right)}", width=width, dash=dash)


def _champion(rival: Champion, x: Callable[[float], float]) -> list[str]:
    svg.finite(rival.value)
    marks = []
    if rival.low is not None and rival.high is not None:
        svg.finite(rival.low, rival.high)
        marks.append(_stretch("ghost", x(rival.low), x(rival.high), 18.5, width=1.5))
    marks.append(svg.dot("ghost", x(rival.value), 18.5, 2.5, hollow=True))
    return marks


def _past(low: float, high: float, limit: float | None, side: str | None) -> tuple[float, float] | None:
    """The part of the interval on the refused side, or None."""
    if limit is None:
        return None
    if side == "below":
        return (low, min(high, limit)) if low < limit else None
    return (max(low, limit), high) if high > limit else None


def _words(
    value: float,
    low: float,
    high: float,
    label: str,
    limit: float | None,
    side: str | None,
    rival: Champion | None,
    insufficient: bool,
    places: int,
) -> str:
    said = [f"{label} {formats.score(value, places)}", f"interval {formats.span(low, high, places)}"]
    if limit is not None:
        said.append(f"limit {'at least' if side == 'below' else 'at most'} {formats.score(limit, places)}")
    if rival:
        said.append(f"champion {formats.score(rival.value, places)}")
    if insufficient:
        said.append("insufficient data")
    return ", ".join(said)
