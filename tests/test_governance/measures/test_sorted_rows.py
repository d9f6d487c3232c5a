"""Rows are put in order a part at a time, and stand as if they had been sorted at once."""

import numpy as np
import pytest

from governance.evaluation.measures import sorted_rows


@pytest.mark.parametrize("digits", [0, 2, 12])
def test_the_order_is_that_of_one_sort(digits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_rows, "BLOCK", 1000)
    drawn = np.random.default_rng(3)
    scores = drawn.beta(1, 4, 20_500).round(digits)
    labels = drawn.integers(0, 2, len(scores))
    assert (sorted_rows.order_of(labels, scores) == np.lexsort((labels, scores))).all()


@pytest.mark.parametrize("rows", [1, 5])
def test_few_rows_have_an_order_too(rows: int) -> None:
    assert sorted_rows.order_of(np.zeros(rows, dtype=np.int8), np.full(rows, 0.5)).tolist() == list(
        range(rows)
    )
