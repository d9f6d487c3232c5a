"""Charts show the numbers they were given, and refuse those that cannot be drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from countersign.web import charts
from countersign.web.charts import svg

AXIS = (0.5, 0.9)


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)  # noqa: S314 - our own markup


def drawn(**changes: object) -> str:
    given: dict[str, object] = {"axis": AXIS, "label": "ROC AUC"} | changes
    return charts.interval(0.7, 0.6, 0.8, **given)  # type: ignore[arg-type]


def test_an_interval_says_what_it_draws() -> None:
    root = parse(drawn(limit=0.65, limit_side="below", cap="low", champion=0.69))
    assert root.get("role") == "img"
    assert root.findtext("title") == (
        "ROC AUC 0.700, interval 0.600 to 0.800, limit at least 0.650, champion 0.690"
    )


def test_an_interval_stands_where_the_axis_puts_it() -> None:
    markup = drawn(width=240)
    assert 'cx="120"' in markup, "0.7 is the middle of 0.5 to 0.9"
    assert 'd="M60 12.5H180"' in markup


def test_only_the_end_the_rule_reads_has_a_cap() -> None:
    assert "V17" not in drawn()
    assert "M60 8V17" in drawn(cap="low")
    assert "M180 8V17" in drawn(cap="high")


def test_the_part_past_the_limit_is_red_and_the_refused_side_washed() -> None:
    low = drawn(limit=0.65, limit_side="below", cap="low")
    assert '<rect class="c-refusewash" fill="currentColor" x="0" y="0" width="90" height="24"/>' in low
    assert re.search(r'c-refuse" fill="none" stroke="currentColor" stroke-width="3" d="M60 12.5H90"', low)
    high = drawn(limit=0.75, limit_side="above", cap="high")
    assert re.search(r'c-refuse" fill="none" stroke="currentColor" stroke-width="3" d="M150 12.5H180"', high)
    clear = drawn(limit=0.55, limit_side="below", cap="low")
    assert 'stroke-width="3"' not in clear


def test_too_little_data_is_dashed_and_hollow_and_never_red() -> None:
    markup = drawn(limit=0.65, limit_side="below", cap="low", insufficient=True)
    assert 'stroke-dasharray="3 2"' in markup
    assert 'stroke-width="3"' not in markup
    assert "insufficient data" in markup


def test_what_lies_outside_the_axis_is_drawn_at_its_edge() -> None:
    assert 'cx="240"' in charts.interval(2, 1.5, 2.5, axis=AXIS, label="Ratio")


@pytest.mark.parametrize(
    "changes",
    [
        {"axis": (1, 1)},
        {"limit": 0.5},
        {"limit_side": "below"},
        {"limit": float("nan"), "limit_side": "below"},
    ],
)
def test_what_cannot_be_drawn_is_an_error(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        drawn(**changes)


@pytest.mark.parametrize("numbers", [(float("nan"), 0.1, 0.2), (0.1, 0.2, 0.1), (0.1, 0, float("inf"))])
def test_undefined_is_not_drawn(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError):
        charts.interval(*numbers, axis=AXIS, label="x")


def test_a_curve_is_thinned_but_keeps_its_ends() -> None:
    points = [(i / 9000, (i / 9000) ** 0.3) for i in range(9001)]
    markup = charts.curve(
        [charts.Series("Version 14", points, value="0.790")],
        x_label="False positive rate",
        y_label="True positive rate",
        title="Ranking (ROC)",
        diagonal=True,
        dot=(0.1, 0.5),
    )
    line = parse(markup).find("polyline")
    assert line is not None
    given = (line.get("points") or "").split()
    assert len(given) <= 160
    assert given[0] == "34,266"
    assert given[-1] == "392,8"
    assert "Version 14: 0.790" in markup
    assert "True positive rate by false positive rate" in markup


def test_labels_keep_clear_of_the_lines() -> None:
    points = [(i / 100, (i / 100) ** 0.3) for i in range(101)]
    markup = charts.curve(
        [charts.Series("Version 14", points)], x_label="x", y_label="y", title="t", diagonal=True
    )
    label = next(text for text in parse(markup).iter("text") if text.text == "Version 14")
    x, y = float(label.get("x", "0")), float(label.get("y", "0"))
    width = 6.6 * len("Version 14")
    for px, py in (
        (34 + 358 * u, 266 - 258 * v) for u, v in [*points, *((i / 100, i / 100) for i in range(101))]
    ):
        assert not (x <= px <= x + width and y - 12 <= py <= y)


def test_words_from_outside_are_escaped() -> None:
    markup = charts.curve(
        [charts.Series("<b>&", [(0, 0), (1, 1)])], x_label="<i>", y_label="y", title="</title>"
    )
    parse(markup)
    assert "<b>" not in markup


def test_calibration_and_histogram_draw_every_value() -> None:
    bins = [charts.CalibrationBin(0.1 * i, 0.1 * i, 0.05 * i, 0.12 * i, 900) for i in range(1, 6)]
    root = parse(charts.calibration(bins, [10, 0, 5, 1]))
    assert len(root.findall("circle")) == 5
    assert len(root.findall("rect")) == 3, "an empty step has no bar"
    bars = parse(charts.histogram([5, 0, 1], title="Ages", doubtful=[2]))
    assert len(bars.findall("rect")) == 2
    assert bars.findall("rect")[1].get("class") == "c-doubt"


def test_the_smallest_count_is_still_seen() -> None:
    bars = parse(charts.histogram([1_000_000, 1], title="Rare"))
    assert float(bars.findall("rect")[1].get("height", "0")) >= 1


def test_the_table_twin_has_every_number() -> None:
    markup = charts.twin(["Score", "n"], [["0.1", "900"], ["0.2", "893"]])
    assert markup.count("<tr>") == 3
    with pytest.raises(ValueError, match="one cell a column"):
        charts.twin(["Score", "n"], [["0.1"]])


def test_confusion_counts_add_up() -> None:
    markup = charts.confusion(
        ((1132, 859), (907, 6102)), actual=("Defaulted", "Paid"), decided=("Refused", "Approved")
    )
    for total in ("1,991", "7,009", "2,039", "6,961", "9,000"):
        assert total in markup
    assert "<b>1,132</b>" in markup
    assert "<b>6,102</b>" in markup
    assert "<b>859</b>" not in markup


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0.1, 0.6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (0, 20000, [0, 5000, 10000, 15000, 20000]),
    ],
)
def test_ticks_are_round(low: float, high: float, values: list[float]) -> None:
    assert svg.ticks(low, high) == values
