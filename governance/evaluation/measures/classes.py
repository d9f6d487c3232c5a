"""Everything that follows from a confusion table of several classes, for one table or for thousands of drawn ones.

A table is an array whose last two axes are the actual class and the predicted class, as counts or as shares: every
measure here is the same for both. Averages are over the classes that the data holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, from_draws, undefined
from governance.evaluation.measures.proportions import wilson

METHOD = "multinomial draws"
ONE_CLASS = "Only one class is present."

#: The rows of prior weight a drawn table starts with, over all its cells. Half a row in each cell, as for two
#: classes, would outweigh the data where there are many classes.
PRIOR_ROWS = 2.0

#: So many cells are drawn at a time: 128 MB.
CELLS_AT_ONCE = 2**24


def confusion(actual: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """The table of counts: a row for each actual class, a column for each predicted one."""
    flat = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def draw_tables(counts: IntArray, rng: np.random.Generator, draws: int) -> Iterator[FloatArray]:
    """Shares of the cells as they could be, given these counts: draws on the first axis, a block at a time.

    The parametric bootstrap of a multinomial table in its Dirichlet form, with two rows of prior weight spread over
    all cells (of two classes: half a row each, Jeffreys). A cell that is empty may then be filled in a draw, so that
    ten right of ten is not certain.
    """
    prior = counts.ravel() + PRIOR_ROWS / counts.size
    at_once = max(1, CELLS_AT_ONCE // counts.size)
    for begin in range(0, draws, at_once):
        many = min(at_once, draws - begin)
        yield rng.dirichlet(prior, size=many).reshape(many, *counts.shape)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _right(table: FloatArray) -> FloatArray:
    return np.diagonal(table, axis1=-2, axis2=-1)


def precisions(table: FloatArray) -> FloatArray:
    """Of the rows predicted each class, the share that is of it."""
    return _ratio(_right(table), table.sum(axis=-2))


def recalls(table: FloatArray) -> FloatArray:
    """Of the rows of each class, the share predicted it."""
    return _ratio(_right(table), table.sum(axis=-1))


def f1s(table: FloatArray) -> FloatArray:
    """The harmonic mean of each class's precision and recall (van Rijsbergen 1979)."""
    return _ratio(2 * _right(table), table.sum(axis=-2) + table.sum(axis=-1))


def cohens_kappa(table: FloatArray) -> FloatArray:
    """Agreement beyond what the margins alone would give (Cohen 1960, Educational and Psychological Measurement 20)."""
    total = table.sum(axis=(-2, -1))
    agreed = _right(table).sum(axis=-1) / total
    by_chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
    return _ratio(agreed - by_chance, 1 - by_chance)


def matthews(table: FloatArray) -> FloatArray:
    """The correlation of prediction and label for several classes, R_K (Gorodkin 2004, Computational Biology and
    Chemistry 28)."""
    total = table.sum(axis=(-2, -1))
    actual, predicted = table.sum(axis=-1), table.sum(axis=-2)
    covariance = _right(table).sum(axis=-1) * total - (actual * predicted).sum(axis=-1)
    spread = (total**2 - (actual**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    return _ratio(covariance, np.sqrt(np.maximum(spread, 0)))


def summaries(table: FloatArray, present: IntArray) -> dict[str, FloatArray]:
    """Each measure of the tables. Weighted averages weigh a class by its rows, as in scikit-learn."""
    support = table.sum(axis=-1)[..., present]
    weights = support / support.sum(axis=-1, keepdims=True)
    found = {}
    for name, of in (("precision", precisions), ("recall", recalls), ("f1", f1s)):
        by_class = of(table)[..., present]
        found[f"macro_{name}"] = by_class.mean(axis=-1)
        found[f"weighted_{name}"] = (weights * by_class).sum(axis=-1)
    return found | {
        "balanced_accuracy": found["macro_recall"],
        "cohens_kappa": cohens_kappa(table),
        "matthews": matthews(table),
    }


def measures(
    counts: IntArray, names: list[str], rng: np.random.Generator, draws: int
) -> tuple[dict[str, Estimate], list[Estimate]]:
    """The measures of the whole table, and F1 of each class, from one matrix of draws."""
    n = int(counts.sum())
    present = np.flatnonzero(counts.sum(axis=1))
    values = summaries(counts.astype(np.float64), present)
    blocks: list[dict[str, FloatArray]] = []
    of_classes: list[FloatArray] = []
    for tables in draw_tables(counts, rng, draws):
        blocks.append(summaries(tables, present))
        of_classes.append(f1s(tables))
    never = _never_predicted(counts, present, names)
    found = {}
    for name, value in values.items():
        reason = _why_not(name, counts, never)
        if reason:
            found[name] = undefined(reason, method=METHOD, n=n)
        else:
            drawn = np.concatenate([block[name] for block in blocks])
            found[name] = from_draws(float(value), drawn, method=METHOD, n=n)
    scores, drawn_scores = f1s(counts.astype(np.float64)), np.concatenate(of_classes)
    rows = counts.sum(axis=1) + counts.sum(axis=0) - np.diagonal(counts)
    by_class = [
        undefined("No row is of this class, and none is predicted it.", method=METHOD, n=0)
        if np.isnan(scores[at])
        else from_draws(float(scores[at]), drawn_scores[:, at], method=METHOD, n=int(rows[at]))
        for at in range(len(names))
    ]
    return found, by_class


def _never_predicted(counts: IntArray, present: IntArray, names: list[str]) -> str:
    """The classes with rows that no row is predicted to be of, as a list inside a sentence."""
    missed = [names[at] for at in present if not counts[:, at].sum()]
    more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
    return ", ".join(f"“{name}”" for name in missed[:3]) + more


def _why_not(name: str, counts: IntArray, never: str) -> str:
    if name in ("macro_precision", "weighted_precision") and never:
        return f"No row is predicted {never}, so there is no precision to average."
    one_class = np.count_nonzero(counts.sum(axis=1)) < 2
    if name in ("balanced_accuracy", "cohens_kappa") and one_class:
        return ONE_CLASS
    if name == "matthews" and (one_class or np.count_nonzero(counts.sum(axis=0)) < 2):
        return "All labels or all predictions are the same class."
    return ""


def shares(counts: IntArray) -> list[tuple[Estimate, Estimate]]:
    """Precision and recall of each class, shares of rows with Wilson's interval."""
    right, actual, predicted = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    return [
        (
            wilson(int(right[at]), int(predicted[at]), empty="No row is predicted this class."),
            wilson(int(right[at]), int(actual[at]), empty="No row of the data is of this class."),
        )
        for at in range(len(counts))
    ]
