"""Charts as server-rendered SVG: they work in print, in mail, without script and in tests.

Geometry stands in attributes and colour in classes (`c-ink` is this version, `c-ghost` the champion, red only
past a limit), so a strict CSP, dark mode and print need nothing more. Every chart has `role="img"` and a
title, the plots a description too, and goes into a `figure` with its table twin: the numbers behind it.
"""

from countersign.web.charts.figures import confusion, figure, twin
from countersign.web.charts.interval import Champion, interval
from countersign.web.charts.numbers import Bars, Cell, Mean, Spread, bars, density, spreads
from countersign.web.charts.plots import (
    CalibrationBin,
    Category,
    Series,
    calibration,
    curve,
    histogram,
    shares,
)

__all__ = [
    "Bars",
    "CalibrationBin",
    "Category",
    "Cell",
    "Champion",
    "Mean",
    "Series",
    "Spread",
    "bars",
    "calibration",
    "confusion",
    "curve",
    "density",
    "figure",
    "histogram",
    "interval",
    "shares",
    "spreads",
    "twin",
]
