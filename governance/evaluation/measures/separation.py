"""How far apart the scores of the two classes lie: Kolmogorov-Smirnov."""

from __future__ import annotations

import numpy as np

from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, around, undefined
from governance.evaluation.measures.proportions import newcombe_difference
from governance.evaluation.measures.ranking import in_order, no_order
from governance.evaluation.measures.sorted_rows import blocks, cells

METHOD = "Newcombe at the best threshold, bias by halves"

#: The rows are split so often into two halves.
SPLITS = 50

#: What a maximum gains by chance falls with this power of the rows (Kim & Pollard 1990, Annals of Statistics 18).
RATE = 2 / 3


def kolmogorov_smirnov(labels: IntArray, scores: FloatArray, rng: np.random.Generator) -> Estimate:
    """The largest distance between the score distributions of the two classes (Smirnov 1939).

    It equals recall minus false positive rate at the best threshold, which is Youden's index. The interval is
    Newcombe's for the difference of those two proportions at that threshold (for Youden's index: Shan 2015, PLoS ONE
    10). The threshold being chosen on the same rows, chance lifts the value; by how much is told from halves of the
    rows, in which it lifts more (the generalised jackknife: Schucany, Gray & Owen 1971, Journal of the American
    Statistical Association 66). The lower end is moved down by all of it. The upper end by half: what chance lifted is
    never less than nothing and seldom its mean, and moved by all, the interval leaves out the truth above it too often.
    In simulations 94 to 97 % of the intervals hold the truth.
    """
    reason = no_order(labels, scores)
    if reason:
        return undefined(reason, method=METHOD, n=len(labels))
    labels, scores = in_order(labels, scores)
    found, raised = _best_threshold(labels, scores)
    positives = int(labels.sum())
    negatives = len(labels) - positives
    low, high = newcombe_difference(found, positives, raised, negatives)
    value = found / positives - raised / negatives
    lifted = max((_of_halves(labels, scores, rng) - value) / (2**RATE - 1), 0.0)
    return around(value, max(low - lifted, 0.0), high - lifted / 2, method=METHOD, n=len(labels))


def _of_halves(labels: IntArray, scores: FloatArray, rng: np.random.Generator) -> float:
    """The mean of the largest distances in random halves of the rows."""
    rows, positives = cells(labels, scores)
    negatives = rows - positives
    distances = []
    for _ in range(SPLITS):
        drawn = rng.binomial(positives, 0.5), rng.binomial(negatives, 0.5)
        for some, others in (drawn, (positives - drawn[0], negatives - drawn[1])):
            below, passed = np.cumsum(some), np.cumsum(others)
            if below[-1] and passed[-1]:
                distances.append(max(float((passed / passed[-1] - below / below[-1]).max()), 0.0))
    return float(np.mean(distances)) if distances else 0.0


def _best_threshold(labels: IntArray, scores: FloatArray) -> tuple[int, int]:
    """The positives found and negatives raised where the two rates lie furthest apart; of equal distances at the
    highest score. None of either where no score does better than nothing."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    best, distance, below = (0, 0), 0.0, 0
    for rows in blocks(len(labels)):
        # what stands before each row, in the block and before it
        missed = np.cumsum(labels[rows], dtype=np.int64) - labels[rows] + below
        below = int(missed[-1]) + int(labels[rows][-1])
        found = positives - missed
        raised = negatives - (np.arange(rows.start, rows.stop) - missed)
        apart = found / positives - raised / negatives
        begins = np.ones(len(apart), dtype=bool)
        first = max(rows.start, 1)
        begins[first - rows.start :] = scores[first : rows.stop] != scores[first - 1 : rows.stop - 1]
        apart[~begins] = -np.inf
        at = len(apart) - 1 - int(np.argmax(apart[::-1]))
        if apart[at] >= distance and apart[at] > 0:
            best, distance = (int(found[at]), int(raised[at])), float(apart[at])
    return best
