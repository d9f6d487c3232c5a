"""Charts of models that predict a number, and numbers in a unit of their own."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from countersign.web import formats
from countersign.web.charts import Bars, Cell, Mean, Spread, bars, density, spreads


def drawn(cells: list[Cell], means: list[Mean] | None = None) -> str:
    return density(
        cells,
        means or [],
        side=4,
        span=(0.0, 400_000.0),
        x_label="Predicted bill",
        title="Bills",
        desc="Darker: more.",
    )


def test_a_cell_is_darker_the_more_rows_it_holds() -> None:
    svg = drawn([Cell(0, 0, 1), Cell(1, 1, 10), Cell(3, 3, 1000)], [Mean(100.0, 120.0, 90.0, 150.0)])
    shades = re.findall(r'fill-opacity="([\d.]+)" d="(M[^"]*)"', svg)
    assert [float(shade) for shade, _ in shades] == sorted(float(shade) for shade, _ in shades)
    assert len(shades) == 3
    # the cell of the highest prediction and actual value lies at the upper right
    assert shades[-1][1].startswith("M308.5 8h")
    assert "<title>Bills</title><desc>Darker: more.</desc>" in svg
    assert "style=" not in svg


def test_a_long_number_at_the_right_edge_is_not_cut_off() -> None:
    svg = drawn([Cell(0, 0, 5)])
    assert re.search(r'x="400" y="322" text-anchor="end">400,000<', svg)


def test_bars_of_unlike_bins_share_one_scale() -> None:
    ours, theirs = Bars([-1.0, 0.0, 1.0], [3, 1]), Bars([-2.0, 0.0, 2.0], [3, 1])
    assert ours.heights == [0.75, 0.25]
    assert theirs.heights == [0.375, 0.125]
    svg = bars(
        ours, x_label="Error", title="Errors", desc="How many.", mark=(0.5, "mean +0.5"), before=theirs
    )
    assert svg.count("<rect") == 2
    assert svg.count("<polyline") == 1
    assert 'text-anchor="end"' in svg[: svg.index("mean +0.5")]


def test_errors_by_prediction_are_described_in_words() -> None:
    svg = spreads(
        [Spread(10.0, [-3, -1, 0, 1, 4]), Spread(20.0, [-5, -2, 1, 2, 6])],
        x_label="Predicted bill",
        title="Errors",
    )
    assert "Error by predicted bill, in 2 groups of equal count." in svg
    assert svg.count("<circle") == 2


@pytest.mark.parametrize(
    "draw",
    [
        lambda: drawn([]),
        lambda: bars(Bars([0.0], []), x_label="x", title="t", desc="d", mark=(0.0, "")),
        lambda: spreads([], x_label="x", title="t"),
        lambda: spreads([Spread(math.nan, [0, 0, 0, 0, 0])], x_label="x", title="t"),
        lambda: drawn([Cell(0, 0, 1)], [Mean(math.inf, 0.0, None, None)]),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: Any) -> None:
    with pytest.raises(ValueError, match=r"needs|need|cannot draw"):
        draw()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (53210.4, "53,210"),
        (12.3456, "12.35"),
        (0.0123456, "0.01235"),
        (-38.383, "\u221238.38"),
        (0, "0"),
        (-0.0, "0"),
        (1e-9, "1.000e-09"),
        (None, "not measured"),
        (math.nan, "not measured"),
    ],
)
def test_a_number_in_its_own_unit_has_four_figures(value: float | None, said: str) -> None:
    assert formats.quantity(value) == said


def test_both_ends_of_an_interval_have_the_decimals_of_the_larger() -> None:
    assert formats.quantities(-344.8, 1047.2) == "\u2212345 to 1,047"
    assert formats.quantities(8.739, 1515) == "9 to 1,515"
    assert formats.quantity(186.4, plus=True) == "+186.4"
