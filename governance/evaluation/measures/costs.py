"""What a classifier's errors cost, where the signature declares a price for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from governance.evaluation.measures import table
from governance.evaluation.measures.curves import THRESHOLDS, positives_before
from governance.evaluation.measures.estimate import NO_SPREAD, Estimate, FloatArray, IntArray, few, from_draws
from governance.evaluation.measures.sorted_rows import blocks

#: A cost is one for so many rows: the cost of a single row is a number nobody can picture.
ROWS = 1000

#: With fewer rows the interval of a cost holds the truth less often than it says.
LEAST = 300
NO_COSTS = {
    "what": "Costs of errors",
    "why": "The signature declares no costs, so nothing says what a false positive and a false negative cost. "
    "Upload the version with “costs” in its signature.",
}


def costs(
    labels: IntArray,
    scores: FloatArray,
    *,
    prices: Mapping[str, float],
    threshold: float,
    rng: np.random.Generator,
    draws: int,
) -> dict[str, Any]:
    """The expected cost per 1,000 rows at the declared threshold and at the cheapest one, and along all thresholds.

    The cost is linear in the cells of the confusion table (Elkan 2001, "The foundations of cost-sensitive learning",
    IJCAI); its interval comes from multinomial draws of that table. `best.threshold` is the score that costs least on
    these rows, of equals the one nearest the declared threshold, None where predicting nobody positive is cheapest:
    being chosen on the same rows, its cost is a little too good. `calibrated_threshold` is Elkan's, which is best
    where scores are probabilities. `labels` and `scores` are sorted by score.
    """
    wrongly, missed = prices["false_positive"], prices["false_negative"]
    best = _cheapest(labels, scores, wrongly, missed, threshold)
    at_best = table.confusion(labels, scores, np.inf if best is None else best)
    n, positives = len(labels), int(labels.sum())
    return {
        "false_positive": wrongly,
        "false_negative": missed,
        "rows": ROWS,
        "expected": expected(
            table.confusion(labels, scores, threshold), wrongly, missed, rng, draws, table.METHOD
        ).as_dict(),
        "best": {
            "threshold": best,
            "cost": expected(
                at_best, wrongly, missed, rng, draws, f"{table.METHOD} at a threshold chosen on the same rows"
            ).as_dict(),
        },
        "calibrated_threshold": wrongly / (wrongly + missed),
        "nobody_positive": ROWS * missed * positives / n,
        "everybody_positive": ROWS * wrongly * (n - positives) / n,
        "curve": _curve(labels, scores, wrongly, missed),
    }


def expected(
    counts: IntArray, wrongly: float, missed: float, rng: np.random.Generator, draws: int, method: str
) -> Estimate:
    """The cost per 1,000 rows of a confusion table, with the percentile interval of drawn tables."""
    n = int(counts.sum())
    value = ROWS * float(wrongly * counts[1] + missed * counts[2]) / n
    drawn = table.draw_tables(counts, rng, draws)
    return from_draws(
        value,
        ROWS * (wrongly * drawn[:, 1] + missed * drawn[:, 2]),
        method=few(method, rows=n, least=LEAST),
        n=n,
    )


def _cheapest(
    labels: IntArray, scores: FloatArray, wrongly: float, missed: float, threshold: float
) -> float | None:
    """The score from which on to predict positive; None where that is best for nobody."""
    n, positives = len(labels), int(labels.sum())
    least, nearest, below = missed * positives, None, 0
    for rows in blocks(n):
        before = np.cumsum(labels[rows], dtype=np.int64) - labels[rows] + below
        below = int(before[-1]) + int(labels[rows][-1])
        raised = n - np.arange(rows.start, rows.stop) - (positives - before)
        cost = wrongly * raised + missed * before
        first = max(rows.start, 1)
        cost[first - rows.start :][scores[first : rows.stop] == scores[first - 1 : rows.stop - 1]] = np.inf
        here = float(cost.min())
        if here > least * (1 + NO_SPREAD):
            continue
        equal = scores[rows][cost <= here * (1 + NO_SPREAD)]
        found = float(equal[np.argmin(np.abs(equal - threshold))])
        closer = nearest is None or abs(found - threshold) < abs(nearest - threshold)
        if here < least * (1 - NO_SPREAD) or closer:
            nearest = found
        least = min(least, here)
    return nearest


def _curve(labels: IntArray, scores: FloatArray, wrongly: float, missed: float) -> list[dict[str, float]]:
    """Cost per 1,000 rows at the thresholds 0.00, 0.02 … 0.98."""
    n, positives = len(labels), int(labels.sum())
    starts = np.searchsorted(scores, THRESHOLDS)
    before = positives_before(labels, starts)
    cost = wrongly * (n - starts - positives) + (wrongly + missed) * before
    return [
        {"threshold": threshold, "cost": ROWS * one / n}
        for threshold, one in zip(THRESHOLDS, cost, strict=True)
    ]
