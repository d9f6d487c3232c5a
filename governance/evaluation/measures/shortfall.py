"""How much worse some of the rows are ranked than all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, undefined
from governance.evaluation.measures.joined import joined
from governance.evaluation.measures.ranking import Placed, placements, roc_auc
from governance.evaluation.measures.sorted_rows import ascending, run_blocks

METHOD = "DeLong, rows shared with all rows"


def influence(labels: IntArray, scores: FloatArray) -> FloatArray:
    """What each row adds to the error of the ROC AUC; the squares add up to DeLong's variance.

    A positive row moves the area by (its placement minus the area) / positives, a negative row likewise (DeLong,
    DeLong & Clarke-Pearson 1988, Biometrics 44). Both classes need two rows; otherwise all is 0, as the variance.
    """
    moved = np.zeros(len(labels))
    of_positives, of_negatives = placements(labels, scores)
    if min(len(of_positives), len(of_negatives)) < 2:
        return moved
    for label, placed in ((1, of_positives), (0, of_negatives)):
        rows = len(placed)
        moved[labels == label] = (placed - placed.mean()) / (rows * (rows - 1)) ** 0.5
    return moved


class Whole:
    """All rows' ROC AUC, against which that of some of them is held."""

    def __init__(self, labels: IntArray, scores: FloatArray) -> None:
        self._order = None if ascending(scores) else np.argsort(scores, kind="stable")
        if self._order is not None:
            labels, scores = labels[self._order], scores[self._order]
        self.area = roc_auc(labels, scores)
        self._labels, self._scores = labels, scores

    def shortfall(self, inside: NDArray[np.bool_], own: Estimate) -> Estimate:
        """The ROC AUC of all rows minus `own`, that of the rows `inside`: above 0 these are ranked worse.

        The rows inside are among all rows, so the two areas move together; their covariance is the sum of the
        products of what each shared row adds to either (DeLong 1988). The interval is `joined` with
        that correlation, which keeps the logit's skew.
        """
        n = own.n
        whole = self.area
        if own.value is None or own.ci_low is None or own.ci_high is None:
            return undefined(own.undefined or "There is no order to compare.", method=METHOD, n=n)
        if whole.value is None or whole.ci_low is None or whole.ci_high is None:
            return undefined(whole.undefined or "There is no order to compare with.", method=METHOD, n=n)
        if inside.all():
            return Estimate(0.0, 0.0, 0.0, "by definition", n)
        together = self._correlation(inside, own.value, whole.value)
        value = whole.value - own.value
        low, high = joined(whole, own, together=together) or (-1.0, 1.0)
        return Estimate(value, max(low, -1.0), min(high, 1.0), METHOD, n)

    def _correlation(self, inside: NDArray[np.bool_], own: float, whole: float) -> float:
        """That of the areas of the rows inside and of all rows. What each row adds is summed block by block and never
        kept: of ten million rows it would be 80 MB."""
        if self._order is not None:
            inside = inside[self._order]
        all_rows, some = Influence(self._labels, whole), Influence(self._labels[inside], own)
        products = squares = own_squares = 0.0
        for rows in run_blocks(self._scores):
            among, labels, scores = inside[rows], self._labels[rows], self._scores[rows]
            moved = all_rows.of(labels, scores)
            mine = some.of(labels[among], scores[among])
            products += float(np.sum(moved[among] * mine))
            squares += float(np.sum(moved**2))
            own_squares += float(np.sum(mine**2))
        scale = (squares * own_squares) ** 0.5
        return products / scale if scale > 0 else 0.0


class Influence:
    """`influence` of rows sorted by score, some whole runs of equal scores at a time."""

    def __init__(self, labels: IntArray, area: float) -> None:
        positives = int(labels.sum(dtype=np.int64))
        self._placed = Placed(positives, len(labels) - positives)
        self._area = area

    def of(self, labels: IntArray, scores: FloatArray) -> FloatArray:
        """That of the next rows."""
        moved = np.zeros(len(labels))
        positives, negatives = self._placed.positives, self._placed.negatives
        if min(positives, negatives) > 1:
            positive = labels == 1
            above, below = self._placed.block(positive, scores)
            moved[positive] = (above - self._area) / (positives * (positives - 1)) ** 0.5
            moved[~positive] = (below - self._area) / (negatives * (negatives - 1)) ** 0.5
        return moved
