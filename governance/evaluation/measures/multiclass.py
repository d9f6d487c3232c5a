"""Measuring one classifier of several classes on one labelled dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from governance.evaluation.measures import calibration, classes, ranking
from governance.evaluation.measures.crossings import crossed, judged
from governance.evaluation.measures.curves import calibration_points
from governance.evaluation.measures.errors import mean_of_losses
from governance.evaluation.measures.estimate import (
    NO_SPREAD,
    Estimate,
    FloatArray,
    IntArray,
    around,
    plain,
    stream,
    undefined,
)
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.multiclass_groups import Group, fairness, group_measures, split
from governance.evaluation.measures.proportions import wilson
from governance.evaluation.measures.rows import (
    Column,
    checked_codes,
    checked_probabilities,
    checked_seed,
    counted,
    in_order,
)
from governance.evaluation.measures.shortfall import Influence
from governance.evaluation.measures.sorted_rows import (
    MANY_ROWS,
    Moments,
    blocks,
    filled,
    order_of,
    run_blocks,
    taken,
)
from registry.versions.tasks import Task

#: The places of rows in another order.
Order = NDArray[np.int32]

TOP = 3
HISTOGRAM_BINS = 20


def measure_multiclass(
    *,
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    classes: Sequence[str],
    groups: Mapping[str, Column],
    seed: int,
    draws: int = 2000,
) -> dict[str, Any]:
    """Every measure of a classifier of several classes, with 95 % intervals, as a JSON-able dict.

    `labels` are positions in `classes`. `probabilities` has a row for each label and a column for each of the first
    classes, those the model knows; classes after them are in the data only, and a row of one is always predicted
    wrong, with probability 0. The class of highest probability is predicted, of equal ones the first. `groups` maps
    an attribute to one string for each row. `draws` stand behind the intervals that have no closed form.

    As with `measure_binary`, the result depends on these arguments alone and not on the order of rows, floats carry
    12 significant digits, and what is not defined is None with a sentence. Raises ValueError, with a sentence, when
    the columns do not fit together.
    """
    checked_seed(seed=seed, draws=draws)
    names = list(classes)
    truth = checked_codes(labels, classes=len(names))
    given = checked_probabilities(probabilities, rows=len(truth), classes=len(names))
    order = order_of(truth, *given.T)
    groups = in_order(groups, order, most=MAX_GROUPS)
    truth, predicted = taken(truth, order), _likeliest(given, order)
    metrics, counts, per_class = _metrics(truth, given, order, predicted, names, seed, draws)
    confidence = _confidence(given, order)
    right = (predicted == truth).astype(np.int8)
    metrics["calibration_error"] = calibration.calibration_error(
        right, confidence, stream(seed, "calibration_error"), draws
    )
    del order

    def members_of(attribute: str, column: Any) -> list[Group]:
        return split(
            column,
            attribute=attribute,
            labels=truth,
            predicted=predicted,
            confidence=confidence,
            classes=len(names),
            seed=seed,
            draws=draws,
        )

    attributes = {attribute: members_of(attribute, groups[attribute]) for attribute in sorted(groups)}
    unknown_to_model = names[given.shape[1] :]
    without_rows = [name for name, rows in zip(names, counts.sum(axis=1), strict=True) if not rows]
    result: dict[str, Any] = {
        "task": Task.MULTICLASS.value,
        "n": len(truth),
        "classes": names,
        "absent": {"from_model": unknown_to_model, "from_data": without_rows},
        "metrics": {name: estimate.as_dict() for name, estimate in metrics.items()},
        "confusion": {"classes": names, "counts": counts},
        "per_class": per_class,
        "curves": {
            "calibration": calibration_points(right, confidence),
            "confidence_histogram": _histogram(right, confidence),
        },
        "groups": [
            entry for attribute, members in attributes.items() for entry in group_measures(attribute, members)
        ],
        "crossings": [
            entry
            for attribute, cells in crossed(groups)
            for entry in group_measures(attribute, judged(members_of(attribute, cells)))
        ],
        "fairness": [fairness(attribute, members) for attribute, members in attributes.items()],
        "not_measured": _unmeasured(unknown_to_model, without_rows),
    }
    rounded: dict[str, Any] = plain(result)
    return rounded


def _unmeasured(unknown_to_model: list[str], without_rows: list[str]) -> list[dict[str, str]]:
    found = []
    if without_rows:
        why = "The data holds no row of them; averages over classes are over the others."
        found.append({"what": f"Classes {_listed(without_rows)}", "why": why})
    if unknown_to_model:
        why = "The model does not know them, so each of their rows counts as predicted wrong."
        found.append({"what": f"Ranking of the classes {_listed(unknown_to_model)}", "why": why})
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"“{name}”" for name in names[:5]) + more


def _metrics(
    labels: IntArray,
    given: FloatArray,
    order: Order,
    predicted: IntArray,
    names: list[str],
    seed: int,
    draws: int,
) -> tuple[dict[str, Estimate], IntArray, list[dict[str, Any]]]:
    n, known = given.shape
    counts = classes.confusion(labels, predicted, len(names))
    of_table, f1_by_class = classes.measures(counts, names, stream(seed, "classes"), draws)
    macro_auc, auc_by_class = one_vs_rest(labels, given, names, order)

    def of_truth(rows: slice) -> FloatArray:
        own, of = labels[rows], given[order[rows]]
        return np.where(own < known, of[np.arange(len(of)), np.minimum(own, known - 1)], 0.0)

    def log_losses(rows: slice) -> FloatArray:
        own = of_truth(rows)
        return calibration.log_losses(np.ones(len(own), dtype=np.int64), own)

    def brier(rows: slice) -> FloatArray:
        return brier_losses(labels[rows], given[order[rows]], of_truth(rows))

    metrics = {
        "accuracy": wilson(int(np.diagonal(counts).sum()), n, empty="There are no rows."),
        **of_table,
        "macro_roc_auc": macro_auc,
        "top_3_accuracy": top_accuracy(labels, given, order, of_truth),
        "log_loss": mean_of_losses(Moments.of(n, log_losses)),
        "brier": mean_of_losses(Moments.of(n, brier), highest=1.0),
    }
    table = zip(names, classes.shares(counts), f1_by_class, auc_by_class, strict=True)
    per_class = [
        {
            "class": name,
            "support": counts[at].sum(),
            "predicted": counts[:, at].sum(),
            "precision": precision.as_dict(),
            "recall": recall.as_dict(),
            "f1": f1.as_dict(),
            "roc_auc": area.as_dict(),
        }
        for at, (name, (precision, recall), f1, area) in enumerate(table)
    ]
    return metrics, counts, per_class


def brier_losses(labels: IntArray, given: FloatArray, of_truth: FloatArray) -> FloatArray:
    """Half the squared distance of each row's probabilities from what happened (Brier 1950).

    Halved, so that it lies from 0 to 1 and two classes give the Brier score of the positive one; scikit-learn
    calls this `scale_by_half`.
    """
    squares: FloatArray = (given**2).sum(axis=1)
    return (squares - 2 * of_truth + 1) / 2


def top_accuracy(
    labels: IntArray, given: FloatArray, order: Order, of_truth: Callable[[slice], FloatArray]
) -> Estimate:
    """The share of rows whose class is among the three most probable, with Wilson's interval. Another class of the
    same probability counts as more probable, or equal probabilities everywhere would be right everywhere."""
    n, known = given.shape
    if known <= TOP:
        return undefined(f"The model knows {known} classes, so {TOP} always hold most.", method="Wilson", n=n)
    within = 0
    for rows in blocks(n):
        at_least = (given[order[rows]] >= of_truth(rows)[:, None]).sum(axis=1)
        within += int(np.count_nonzero((labels[rows] < known) & (at_least <= TOP)))
    return wilson(within, n, empty="There are no rows.")


def _likeliest(given: FloatArray, order: Order) -> IntArray:
    kind = np.int64 if len(order) <= MANY_ROWS else np.int16
    return filled(len(order), kind, lambda rows: given[order[rows]].argmax(axis=1))


def _confidence(given: FloatArray, order: Order) -> FloatArray:
    return filled(len(order), np.float64, lambda rows: given[order[rows]].max(axis=1))


def one_vs_rest(
    labels: IntArray, given: FloatArray, names: list[str], order: Order | None = None
) -> tuple[Estimate, list[Estimate]]:
    """The mean over the classes of the data of each class's ROC AUC against all others, and these.

    Of a class DeLong's. The areas rest on the same rows, so the variance of their mean is that of the mean of their
    influence functions (Hanley & Hajian-Tilaki 1997, Academic Radiology 4: DeLong's placements are the influence of
    each row; a mean of statistics has the mean of their influences, Serfling 1980, chapter 6). The interval is taken
    on the logit scale with Student's t, as that of one area. Undefined where the area of a class with rows is.
    `labels` are in `order` where one is given. One class at a time is in memory.
    """
    n, known = given.shape
    method = "DeLong of the mean, logit scale, Student's t"
    areas, moved, missing = [], np.zeros(n), ""
    values: list[Estimate] = []
    for at, name in enumerate(names):
        own = (labels == at).astype(np.int8)
        if at >= known:
            area = undefined("The model does not know this class.", method=ranking.DELONG, n=n)
        elif not own.any():
            area = undefined("No row of the data is of this class.", method=ranking.DELONG, n=n)
        else:
            column = given[:, at] if order is None else taken(given[:, at], order)
            by_score = order_of(own, column)
            own, column = taken(own, by_score), taken(column, by_score)
            area = ranking.roc_auc(own, column)
        areas.append(area)
        if not own.any():
            continue
        if area.value is None:
            missing = missing or f"Class “{name}”: {area.undefined}"
            continue
        values.append(area)
        influence = Influence(own, area.value)
        for rows in run_blocks(column):
            moved[by_score[rows]] += influence.of(own[rows], column[rows])
    if missing:
        return undefined(missing, method=method, n=n), areas
    value = sum(area.value or 0.0 for area in values) / len(values)
    parts = np.zeros(len(names))
    for rows in blocks(n):
        np.add.at(parts, labels[rows], (moved[rows] / len(values)) ** 2)
    spread, freedom = ranking.of_samples(parts.tolist(), counted(labels, len(names)).tolist())
    if spread <= NO_SPREAD or not 0 < value < 1:
        low, high = (
            sum(getattr(area, end) for area in values) / len(values) for end in ("ci_low", "ci_high")
        )
        return around(value, low, high, method="mean of the classes' intervals", n=n), areas
    half = float(stdtrit(freedom, 0.975)) * spread / (value * (1 - value))
    low, high = (float(expit(logit(value) + end)) for end in (-half, half))
    return around(value, low, high, method=method, n=n), areas


def _histogram(right: IntArray, confidence: FloatArray) -> dict[str, Any]:
    """Rows predicted right and wrong by the probability of the class predicted, in 20 bins from 0 to 1."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    return {
        "edges": edges,
        "right": np.histogram(confidence[right == 1], edges)[0],
        "wrong": np.histogram(confidence[right == 0], edges)[0],
    }
