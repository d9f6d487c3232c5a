"""Everything that follows from a confusion table, for one table or for thousands of drawn ones.

A table is an array whose last axis holds true positives, false positives, false negatives and true
negatives, as counts or as shares: every measure here is the same for both.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, few, from_draws, undefined
from governance.evaluation.measures.proportions import wilson

NO_POSITIVES = "There are no positive rows."
NO_NEGATIVES = "There are no negative rows."
NONE_PREDICTED_POSITIVE = "No row is predicted positive at this threshold."
ONE_CLASS = "Only one class is present."

METHOD = "multinomial draws"

#: With fewer rows the drawn intervals hold the truth less often than they say.
LEAST = 200


def confusion(labels: IntArray, scores: FloatArray, threshold: float) -> IntArray:
    """The four counts, a score of at least `threshold` being predicted positive."""
    predicted = scores >= threshold
    positives, selected = int(labels.sum()), int(predicted.sum())
    found = int(labels[predicted].sum())
    return np.array([found, selected - found, positives - found, len(labels) - positives - selected + found])


def draw_tables(counts: IntArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """Shares of the cells as they could be, given these counts: draws on the first axis.

    The parametric bootstrap of a multinomial table, drawn from its Dirichlet form with half a row added
    to each cell (Jeffreys; Brown, Cai & DasGupta 2001, Statistical Science 16). Without that half an
    empty cell stays empty in every resample, and ten right of ten would be reported as certain.
    """
    shares = rng.dirichlet(counts.ravel() + 0.5, size=draws)
    return shares.reshape(draws, *counts.shape)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def accuracy(table: FloatArray) -> FloatArray:
    """Rows predicted right, of all rows."""
    return _share(table[..., 0] + table[..., 3], table.sum(axis=-1))


def precision(table: FloatArray) -> FloatArray:
    """True positives, of the rows predicted positive."""
    return _share(table[..., 0], table[..., 0] + table[..., 1])


def recall(table: FloatArray) -> FloatArray:
    """True positives, of the positive rows: the true-positive rate."""
    return _share(table[..., 0], table[..., 0] + table[..., 2])


def specificity(table: FloatArray) -> FloatArray:
    """True negatives, of the negative rows."""
    return _share(table[..., 3], table[..., 1] + table[..., 3])


def false_positive_rate(table: FloatArray) -> FloatArray:
    """False positives, of the negative rows."""
    return _share(table[..., 1], table[..., 1] + table[..., 3])


def f1(table: FloatArray) -> FloatArray:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN) (van Rijsbergen 1979)."""
    twice = 2 * table[..., 0]
    return _share(twice, twice + table[..., 1] + table[..., 2])


def balanced_accuracy(table: FloatArray) -> FloatArray:
    """The mean of recall and specificity (Brodersen et al. 2010)."""
    return (recall(table) + specificity(table)) / 2


def matthews(table: FloatArray) -> FloatArray:
    """The correlation of prediction and label (Matthews 1975); undefined when either is constant."""
    tp, fp, fn, tn = (table[..., cell] for cell in range(4))
    scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return _share(tp * tn - fp * fn, scale)


def selection_rate(table: FloatArray, *, favourable_is_positive: bool) -> FloatArray:
    """Rows predicted the favourable outcome, of all rows."""
    first, second = (0, 1) if favourable_is_positive else (2, 3)
    return _share(table[..., first] + table[..., second], table.sum(axis=-1))


class TableMeasure(NamedTuple):
    """A measure of a table, with the sentence for the tables on which it is not defined."""

    of: Callable[[FloatArray], FloatArray]
    when_undefined: str


MEASURES: dict[str, TableMeasure] = {
    "accuracy": TableMeasure(accuracy, "There are no rows."),
    "precision": TableMeasure(precision, NONE_PREDICTED_POSITIVE),
    "recall": TableMeasure(recall, NO_POSITIVES),
    "specificity": TableMeasure(specificity, NO_NEGATIVES),
    "false_positive_rate": TableMeasure(false_positive_rate, NO_NEGATIVES),
    "f1": TableMeasure(f1, "There are no positive rows, and none is predicted positive."),
    "balanced_accuracy": TableMeasure(balanced_accuracy, ONE_CLASS),
    "matthews": TableMeasure(matthews, "All labels or all predictions at this threshold are the same class."),
}


def shares(counts: IntArray, *, favourable_is_positive: bool) -> dict[str, Estimate]:
    """The measures that are a share of rows, each with Wilson's interval."""
    tp, fp, fn, tn = (int(count) for count in counts)
    n = tp + fp + fn + tn
    selected, favourable = (tp + fp, tp + fn) if favourable_is_positive else (fn + tn, fp + tn)
    return {
        "accuracy": wilson(tp + tn, n, empty="There are no rows."),
        "precision": wilson(tp, tp + fp, empty=NONE_PREDICTED_POSITIVE),
        "recall": wilson(tp, tp + fn, empty=NO_POSITIVES),
        "specificity": wilson(tn, tn + fp, empty=NO_NEGATIVES),
        "false_positive_rate": wilson(fp, tn + fp, empty=NO_NEGATIVES),
        "selection_rate": wilson(selected, n, empty="There are no rows."),
        "base_rate": wilson(favourable, n, empty="There are no rows."),
    }


def composites(counts: IntArray, rng: np.random.Generator, draws: int) -> dict[str, Estimate]:
    """The measures that are no share of rows: F1, balanced accuracy, Matthews, by multinomial draws."""
    n = int(counts.sum())
    tables = draw_tables(counts, rng, draws)
    estimates = {}
    for name in ("f1", "balanced_accuracy", "matthews"):
        measure = MEASURES[name]
        value = float(measure.of(counts.astype(np.float64)))
        if np.isnan(value):
            estimates[name] = undefined(measure.when_undefined, method=METHOD, n=n)
        else:
            method = few(METHOD, rows=n, least=LEAST)
            estimates[name] = from_draws(value, measure.of(tables), method=method, n=n)
    return estimates
