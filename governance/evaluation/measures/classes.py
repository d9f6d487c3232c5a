"""Everything that follows from a confusion table of several classes, for one table or for thousands of drawn ones.

A table is an array whose last two axes are the actual class and the predicted class, as counts or as shares: every
measure here is the same for both. Averages are over the classes that the data holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import expit, logit

from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    Z,
    around,
    few,
    from_draws,
    undefined,
)
from governance.evaluation.measures.proportions import wilson, wilson_ends
from governance.evaluation.measures.sorted_rows import blocks

METHOD = "multinomial draws"
JOINED = "Wilson by class, joined"
DELTA = "delta method, logit scale"
ONE_CLASS = "Only one class is present."

#: The rows of prior weight a drawn table starts with, over all its cells. Half a row in each cell, as for two
#: classes, would outweigh the data where there are many classes.
PRIOR_ROWS = 2.0

#: Where a class has fewer rows, or all have fewer on average, the intervals of averages over classes hold less often
#: than they say.
LEAST_OF_A_CLASS, LEAST_ON_AVERAGE = 10, 30

#: So many cells are drawn at a time: 128 MB.
CELLS_AT_ONCE = 2**24


def confusion(actual: IntArray, predicted: IntArray, classes: int) -> IntArray:
    """The table of counts: a row for each actual class, a column for each predicted one."""
    flat = np.zeros(classes * classes, dtype=np.int64)
    for rows in blocks(len(actual)):
        cells = actual[rows].astype(np.int64) * classes + predicted[rows]
        flat += np.bincount(cells, minlength=len(flat))
    return flat.reshape(classes, classes)


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
    """The measures of the whole table, and F1 of each class.

    Averages of precision and recall are means of shares of different rows (`mean_of_shares`); other averages over
    classes take the delta method (`_of_influence`); kappa, Matthews and what has no spread, a matrix of draws.
    """
    n = int(counts.sum())
    present = np.flatnonzero(counts.sum(axis=1))
    values = summaries(counts.astype(np.float64), present)
    blocks: list[dict[str, FloatArray]] = []
    of_classes: list[FloatArray] = []
    for tables in draw_tables(counts, rng, draws):
        blocks.append(summaries(tables, present))
        of_classes.append(f1s(tables))
    closed = _closed(counts, present)
    never = _never_predicted(counts, present, names)
    least = int(counts.sum(axis=1)[present].min())
    go_by = {"rows": n, "least": LEAST_ON_AVERAGE * len(present)}
    if least < LEAST_OF_A_CLASS:
        go_by = {"rows": least, "least": LEAST_OF_A_CLASS}
    found = {}
    for name, value in values.items():
        reason = _why_not(name, counts, never)
        if reason:
            found[name] = undefined(reason, method=METHOD, n=n)
        elif name in closed:
            low, high, method = closed[name]
            method = few(method, **go_by)
            found[name] = around(float(value), low, high, method=method, n=n)
        else:
            drawn = np.concatenate([block[name] for block in blocks])
            method = few(METHOD, **go_by)
            found[name] = from_draws(float(value), drawn, method=method, n=n)
    scores, drawn_scores = f1s(counts.astype(np.float64)), np.concatenate(of_classes)
    rows = counts.sum(axis=1) + counts.sum(axis=0) - np.diagonal(counts)
    by_class = [
        undefined("No row is of this class, and none is predicted it.", method=METHOD, n=0)
        if np.isnan(scores[at])
        else from_draws(float(scores[at]), drawn_scores[:, at], method=METHOD, n=int(rows[at]))
        for at in range(len(names))
    ]
    return found, by_class


def _closed(counts: IntArray, present: IntArray) -> dict[str, tuple[float, float, str]]:
    """The ends of each interval that needs no draws, and its method."""
    right, actual, predicted = np.diagonal(counts)[present], counts.sum(axis=1), counts.sum(axis=0)
    found = {"weighted_recall": (*wilson_ends(int(right.sum()), int(counts.sum())), "Wilson")}
    recall = mean_of_shares(right, actual[present])
    found["macro_recall"] = found["balanced_accuracy"] = (*recall, JOINED)
    if predicted[present].all():
        found["macro_precision"] = (*mean_of_shares(right, predicted[present]), JOINED)
    for name, (value, influence) in _influences(counts, present).items():
        ends = _of_influence(counts, value, influence)
        if ends:
            found[name] = (*ends, DELTA)
    return found


def mean_of_shares(right: IntArray, rows: IntArray) -> tuple[float, float]:
    """The 95 % interval of the mean of shares of different rows, each of at least one, recovered from Wilson's interval
    of each (MOVER for a linear function: Zou, Huang & Zhang 2009, Computational Statistics & Data Analysis 53)."""
    ends = np.array([wilson_ends(int(one), int(many)) for one, many in zip(right, rows, strict=True)])
    points = right / rows
    below, above = (float(np.sum((points - side) ** 2)) ** 0.5 / len(points) for side in ends.T)
    return float(points.mean()) - below, float(points.mean()) + above


def _influences(counts: IntArray, present: IntArray) -> dict[str, tuple[float, FloatArray]]:
    """Of the averages with a closed form: the value, and by how much a row in each cell moves it, over all rows (the
    influence function, whose variance is the delta method's: Serfling 1980, chapter 6)."""
    table = counts / counts.sum()
    actual, predicted, diagonal = table.sum(axis=1), table.sum(axis=0), np.eye(len(table))
    here = np.zeros(len(table))
    here[present] = 1
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.nan_to_num(f1s(table))
        of_f1 = np.where(actual + predicted > 0, 1 / (actual + predicted), 0.0)
        precision = np.nan_to_num(precisions(table))
        of_precision = np.where(predicted > 0, 1 / predicted, 0.0)
    found = {}
    for name, weight in (("macro_f1", here / here.sum()), ("weighted_f1", actual)):
        pull = weight * f1 * of_f1
        moved = 2 * diagonal * (weight * of_f1) - pull[:, None] - pull
        found[name] = (float(np.sum(weight * f1)), moved)
    found["weighted_f1"][1][:] += f1[:, None]
    if predicted[present].all():
        moved = (diagonal - precision) * (actual * of_precision) + precision[:, None]
        found["weighted_precision"] = (float(np.sum(actual * precision)), moved)
    return found


def _of_influence(counts: IntArray, value: float, influence: FloatArray) -> tuple[float, float] | None:
    """The interval of the delta method on the logit scale; None where nothing moves the value."""
    n = int(counts.sum())
    shares = counts / n
    variance = float(np.sum(shares * influence**2) - np.sum(shares * influence) ** 2)
    if variance <= NO_SPREAD or not 0 < value < 1:
        return None
    half = Z * (variance / n) ** 0.5 / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


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
