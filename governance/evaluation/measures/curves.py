"""The points behind the charts: ROC, precision and recall, calibration, score histogram, thresholds."""

from typing import Any

import numpy as np

from governance.evaluation.measures.calibration import equal_count_bins
from governance.evaluation.measures.estimate import FloatArray, IntArray
from governance.evaluation.measures.proportions import wilson_ends
from governance.evaluation.measures.ranking import in_order
from governance.evaluation.measures.sorted_rows import BINS, MANY_ROWS, bins, counts

MOST_POINTS = 200
CALIBRATION_BINS = 10
HISTOGRAM_BINS = 20
THRESHOLDS = np.arange(50) / 50


def curves(labels: IntArray, scores: FloatArray, *, favourable_is_positive: bool) -> dict[str, Any]:
    """All curves of one model; `roc` and `precision_recall` are empty when only one class is present."""
    labels, scores = in_order(labels, scores)
    both = labels.min() != labels.max()
    return {
        "roc": _roc(labels, scores) if both else [],
        "precision_recall": _precision_recall(labels, scores) if both else [],
        "calibration": calibration_points(labels, scores),
        "score_histogram": _histogram(labels, scores),
        "threshold": _thresholds(labels, scores, favourable_is_positive=favourable_is_positive),
    }


def _thinned(along: FloatArray) -> IntArray:
    """Positions of at most 200 points, evenly spread along an increasing measure of the curve's length."""
    if len(along) <= MOST_POINTS:
        return np.arange(len(along))
    targets = np.linspace(along[0], along[-1], MOST_POINTS)
    return np.unique(np.append(np.searchsorted(along, targets[:-1]), len(along) - 1))


def _roc(labels: IntArray, scores: FloatArray) -> list[list[float | None]]:
    """Points [false positive rate, true positive rate, threshold] from (0, 0), whose threshold is None."""
    if len(scores) > MANY_ROWS:
        thresholds, found, selected = _reached(labels, scores)
        true_rate = np.append(0, found / found[-1])
        false_rate = np.append(0, (selected - found) / (selected[-1] - found[-1]))
        thresholds = np.append(np.inf, thresholds)
    else:
        from sklearn.metrics import roc_curve  # with pandas 45 MB, which many rows need not have beside them

        false_rate, true_rate, thresholds = roc_curve(labels, scores)
    kept = _thinned(false_rate + true_rate)
    points: list[list[float | None]] = [[0.0, 0.0, None]]
    points += [[false_rate[at], true_rate[at], thresholds[at]] for at in kept if at > 0]
    return points


def _reached(labels: IntArray, scores: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Of many rows, at 16,384 thresholds from the highest score down: the positives and the rows from there up. The
    points are exact; only those between them are left out, which a curve of 200 points does not show."""
    firsts = bins(scores, BINS)
    rows, positives = counts(labels, firsts)
    return scores[firsts][::-1], np.cumsum(positives[::-1]), np.cumsum(rows[::-1])


def _precision_recall(labels: IntArray, scores: FloatArray) -> list[list[float]]:
    """Points [recall, precision, threshold] in order of rising recall.

    scikit-learn's closing point (recall 0, precision 1) is left out: no threshold gives it.
    """
    if len(scores) > MANY_ROWS:
        thresholds, found, selected = _reached(labels, scores)
        recall, precision = found / found[-1], found / selected
        return [[recall[at], precision[at], thresholds[at]] for at in _thinned(recall)]
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(labels, scores, drop_intermediate=True)
    rising = slice(len(thresholds) - 1, None, -1)
    recall, precision, thresholds = recall[rising], precision[rising], thresholds[::-1]
    return [[recall[at], precision[at], thresholds[at]] for at in _thinned(recall)]


def calibration_points(labels: IntArray, scores: FloatArray) -> list[dict[str, Any]]:
    """Ten bins of equal count: mean score against observed rate with Wilson's interval."""
    points = []
    for n, positives, mean_score in zip(*equal_count_bins(labels, scores, CALIBRATION_BINS), strict=True):
        low, high = wilson_ends(int(positives), int(n))
        points.append(
            {
                "mean_score": mean_score,
                "observed_rate": positives / n,
                "ci_low": low,
                "ci_high": high,
                "n": n,
            }
        )
    return points


def _histogram(labels: IntArray, scores: FloatArray) -> dict[str, Any]:
    """Rows of each class in 20 bins from 0 to 1; a bin holds its lower edge, the last both."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    places = np.append(np.searchsorted(scores, edges[:-1]), np.searchsorted(scores, edges[-1], "right"))
    positives = positives_before(labels, places)
    return {
        "edges": edges,
        "positive": np.diff(positives),
        "negative": np.diff(places - positives),
    }


def positives_before(labels: IntArray, places: IntArray) -> IntArray:
    """How many positives stand before each of these places, which ascend."""
    between = [int(part.sum()) for part in np.split(labels, places)]
    return np.cumsum(between[:-1])


def _thresholds(
    labels: IntArray, scores: FloatArray, *, favourable_is_positive: bool
) -> list[dict[str, float | None]]:
    """Precision, recall and selection rate at 0.00, 0.02 … 0.98; None where there is nothing to divide by."""
    places = np.searchsorted(scores, THRESHOLDS)
    rows, positives = len(scores), int(labels.sum())
    selected = rows - places
    found = positives - positives_before(labels, places)
    favoured = selected if favourable_is_positive else rows - selected
    return [
        {
            "threshold": threshold,
            "precision": found[at] / selected[at] if selected[at] else None,
            "recall": found[at] / positives if positives else None,
            "selection_rate": favoured[at] / rows,
        }
        for at, threshold in enumerate(THRESHOLDS)
    ]
