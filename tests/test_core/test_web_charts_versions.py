"""The line of a measure over versions: what is joined, what is hollow, what is red."""

from __future__ import annotations

import math
import re

import pytest

from countersign.web.charts.versions import Bound, Measured, over_versions

LIMIT = Bound(0.7, "below", "low", "lower end at least 0.70")


def point(
    number: int, value: float = 0.8, *, same: bool = True, rows: str = "holdout 1", note: str = ""
) -> Measured:
    return Measured(number, value, value - 0.02, value + 0.02, rows, same, note)


def test_versions_on_the_same_rows_are_joined_and_others_are_hollow() -> None:
    old = [point(1, same=False, rows="holdout 0"), point(2, same=False, rows="holdout 0")]
    drawn = over_versions([*old, point(3), point(4)], title="ROC AUC", shown="0.800")
    lines = re.findall(r'<polyline class="c-(\w+)"[^>]*points="([^"]*)"', drawn)
    assert [(tone, len(points.split())) for tone, points in lines] == [("ghost", 2), ("ink", 2)]
    assert drawn.count('class="c-paper"') == 2  # the hollow ones
    assert drawn.count('stroke-dasharray="3 3"') == 1  # where the rows change
    assert ">holdout 0<" in drawn
    assert ">4: 0.800<" in drawn


def test_what_lies_past_the_limit_is_red_and_the_cap_is_on_the_end_the_rule_reads() -> None:
    over = over_versions([point(1, 0.71), point(2, 0.8)], title="ROC AUC", shown="0.800", limit=LIMIT)
    assert "lower end at least 0.70" in over
    assert over.count('<path class="c-refuse" fill="none" stroke="currentColor" stroke-width="3"') == 1
    assert len(re.findall(r'd="M[\d. ]+h8"', over)) == 2
    free = over_versions([point(1, 0.71)], title="ROC AUC", shown="0.710")
    assert "c-refuse" not in free
    assert "h8" not in free


def test_one_version_one_value_and_no_interval_are_drawn_too() -> None:
    drawn = over_versions([Measured(7, 0.0, None, None, "x", True, "live")], title="Gap", shown="0.000")
    assert ">7: 0.000<" in drawn
    assert ">live<" in drawn
    assert "<polyline" not in drawn


def test_many_versions_are_numbered_sparsely_the_newest_always() -> None:
    drawn = over_versions([point(number) for number in range(1, 41)], title="ROC AUC", shown="0.800")
    numbers = [int(found) for found in re.findall(r'text-anchor="middle">(\d+)<', drawn)]
    assert len(numbers) <= 18
    assert numbers[-1] == 40


def test_words_are_escaped_and_undefined_numbers_refused() -> None:
    drawn = over_versions([point(1, rows="<b>"), point(2, rows="<i>", same=False)], title="<&>", shown="<")
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "&lt;&amp;&gt;" in drawn
    with pytest.raises(ValueError, match="needs a point"):
        over_versions([], title="", shown="")
    with pytest.raises(ValueError, match="cannot draw"):
        over_versions([point(1, math.nan)], title="", shown="")
