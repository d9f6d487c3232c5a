"""Lift and gain: how many of the positives the best-scored rows hold, by deciles."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    Z,
    around,
    undefined,
)
from governance.evaluation.measures.proportions import wilson_ends

DECILES = 10
METHOD = "delta method, logit scale"

#: How near the cut, as a share of all rows, the rows lie whose rate of positives stands for the rate at the cut.
NEAR = 0.025
FEWEST_NEAR = 10


def lift(labels: IntArray, scores: FloatArray) -> dict[str, Any]:
    """`deciles`: for the 10 %, 20 % … 100 % of rows with the best scores, the positives among them, `gain`, their share
    of all positives, and `lift`, that share over the share of rows; `top_decile`, the lift of the first.

    Rows tied at a cut count in part, as if their order were drawn. `labels` and `scores` are sorted by score.
    """
    n, positives = len(labels), int(labels.sum())
    reason = ""
    if not 0 < positives < n:
        reason = "Only one class is present, so no part of the rows can hold more positives than another."
    elif n < DECILES:
        reason = f"There are fewer than {DECILES} rows."
    if reason:
        return {"top_decile": undefined(reason, method=METHOD, n=n).as_dict(), "deciles": []}
    rows = []
    for decile in range(1, DECILES + 1):
        share = decile / DECILES
        found, local = _found(labels, scores, share)
        gain = _gain(found, positives, n, share, local)
        rows.append(
            {
                "share": share,
                "positives": found,
                "lowest_score": scores[min(int(n * (1 - share)), n - 1)],
                "gain": gain.as_dict(),
                "lift": _lift(gain, share, n).as_dict(),
            }
        )
    return {"top_decile": rows[0]["lift"], "deciles": rows}


def _found(labels: IntArray, scores: FloatArray, share: float) -> tuple[float, float]:
    """The positives among that share of rows, and the rate of positives where the cut lies."""
    n = len(labels)
    cut = n * (1 - share)
    at = min(int(cut), n - 1)
    start, end = (int(np.searchsorted(scores, scores[at], side=side)) for side in ("left", "right"))
    tied = float(labels[start:end].sum()) * (end - cut) / (end - start)
    near = max(FEWEST_NEAR, int(n * NEAR))
    around_cut = labels[max(min(start, at - near), 0) : max(end, at + near)]
    return float(labels[end:].sum()) + tied, float(around_cut.mean())


def _gain(found: float, positives: int, n: int, share: float, local: float) -> Estimate:
    """The share of positives found, with the interval of Ash & Hughes-Oliver 2022, "Confidence bands and hypothesis
    tests for hit enrichment curves", Journal of Cheminformatics 14, taken on the logit scale.

    That the cut is itself estimated takes away from the variance what the rate of positives at the cut says. Where
    all or none are found the variance vanishes, and Wilson's interval is given instead.
    """
    if share == 1:
        return Estimate(1.0, 1.0, 1.0, "by definition", positives)
    value, rate = min(found / positives, 1.0), positives / n
    variance = (value * (1 - value) * (1 - 2 * local) / rate + local**2 * share * (1 - share) / rate**2) / n
    if not NO_SPREAD < value < 1 - NO_SPREAD or variance <= 0:
        low, high = wilson_ends(round(found), positives)
        return around(value, low, high, method="Wilson", n=positives)
    half = Z * variance**0.5 / (value * (1 - value))
    low, high = (float(expit(logit(value) + end)) for end in (-half, half))
    return around(value, low, high, method=METHOD, n=positives)


def _lift(gain: Estimate, share: float, n: int) -> Estimate:
    if gain.value is None or gain.ci_low is None or gain.ci_high is None:
        return gain
    return Estimate(gain.value / share, gain.ci_low / share, gain.ci_high / share, gain.method, n)
