"""A classifier of several classes by group: how often each group is predicted right, beside all other rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from governance.evaluation.measures import calibration
from governance.evaluation.measures import classes as tables
from governance.evaluation.measures.against_rest import fairness_entry, group_entries
from governance.evaluation.measures.catalogue import MIN_ROWS
from governance.evaluation.measures.estimate import (
    Estimate,
    FloatArray,
    IntArray,
    around,
    from_draws,
    stream,
    undefined,
)
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.parity import ranged
from governance.evaluation.measures.proportions import newcombe_difference, wilson
from governance.evaluation.measures.rows import checked_group, counted

METHOD = "beta draws"
FEW = f"Fewer than two groups have {MIN_ROWS} rows, so there is nothing to compare."
NO_REST = "There are no other rows to compare with."


class Group(NamedTuple):
    """The rows of one group and of everybody else by class: how many there are, and how many are predicted right.
    `accuracy` and `balanced` are these measures as they could be, a draw each; `calibration_error` is that of the class
    predicted."""

    name: str
    rows: IntArray
    right: IntArray
    rest_rows: IntArray
    rest_right: IntArray
    accuracy: FloatArray
    rest_accuracy: FloatArray
    balanced: FloatArray
    calibration_error: Estimate

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.rows.sum())

    @property
    def sufficient(self) -> bool:
        """Enough rows to be judged."""
        return self.n >= MIN_ROWS


def split(
    values: Any,
    *,
    attribute: str,
    labels: IntArray,
    predicted: IntArray,
    confidence: FloatArray,
    classes: int,
    seed: int,
    draws: int,
) -> list[Group]:
    """The groups of one attribute in order of name. ValueError as in `checked_group`.

    `values` are in the order of `labels`, `predicted` and `confidence`, the probability of the class predicted.
    """
    names, codes = checked_group(values, attribute=attribute, rows=len(labels), most=MAX_GROUPS)
    right = labels == predicted
    all_rows, all_right = counted(labels, classes), counted(labels[right], classes)
    groups = []
    for code, name in enumerate(names):
        inside = codes == code
        rows, found = counted(labels[inside], classes), counted(labels[inside & right], classes)
        rng = stream(seed, "group", attribute, name)
        groups.append(
            Group(
                name,
                rows,
                found,
                all_rows - rows,
                all_right - found,
                _share(found.sum(), rows.sum(), rng, draws),
                _share((all_right - found).sum(), (all_rows - rows).sum(), rng, draws),
                _balanced(found, rows, rng, draws),
                _calibration_error(
                    right[inside].astype(np.int8),
                    confidence[inside],
                    stream(seed, "group calibration", attribute, name),
                    draws,
                ),
            )
        )
    return groups


def _share(right: Any, rows: Any, rng: np.random.Generator, draws: int) -> FloatArray:
    """A share as it could be (Jeffreys)."""
    return rng.beta(right + 0.5, rows - right + 0.5, size=draws)


def _balanced(right: IntArray, rows: IntArray, rng: np.random.Generator, draws: int) -> FloatArray:
    """Balanced accuracy as it could be: the recalls of the classes with rows are independent of each other.

    The prior is the one of `classes.draw_tables`: two rows over all cells of the table.
    """
    k, present = len(rows), np.flatnonzero(rows)
    total = np.zeros(draws)
    for at in present:
        wrong = rows[at] - right[at]
        own = tables.PRIOR_ROWS / k**2
        total += rng.beta(right[at] + own, wrong + own * (k - 1), size=draws)
    return total / len(present)


def _calibration_error(
    right: IntArray, confidence: FloatArray, rng: np.random.Generator, draws: int
) -> Estimate:
    """The group's calibration error, where it has the rows to fill the bins."""
    if len(right) < MIN_ROWS:
        reason = f"Fewer than {MIN_ROWS} rows are too few for bins."
        return undefined(reason, method=calibration.BETA_DRAWS, n=len(right))
    return calibration.calibration_error(right, confidence, rng, draws)


def group_measures(attribute: str, groups: list[Group]) -> list[dict[str, Any]]:
    """One entry a group: worst first by the lower end of its accuracy, insufficient groups last."""
    return group_entries(attribute, groups, _measures, _worst_first)


def _measures(group: Group) -> dict[str, Estimate]:
    return {
        "accuracy": wilson(int(group.right.sum()), group.n, empty="There are no rows."),
        "balanced_accuracy": _balanced_accuracy(group),
        "calibration_error": group.calibration_error,
    }


def _worst_first(entry: dict[str, Any]) -> tuple[bool, float, str]:
    return not entry["sufficient"], entry["metrics"]["accuracy"]["ci_low"], entry["group"]


def _balanced_accuracy(group: Group) -> Estimate:
    if np.count_nonzero(group.rows) < 2:
        return undefined(tables.ONE_CLASS, method=METHOD, n=group.n)
    return from_draws(_balanced_point(group), group.balanced, method=METHOD, n=group.n)


def _balanced_point(group: Group) -> float:
    present = np.flatnonzero(group.rows)
    return float((group.right[present] / group.rows[present]).mean())


def fairness(attribute: str, groups: list[Group]) -> dict[str, Any]:
    """How far the groups of one attribute lie apart.

    Each group is held against all other rows: its accuracy as a ratio (percentile interval of independent draws) and
    as a difference (Newcombe). The gaps of the attribute are between the groups with enough rows. Order: smallest
    ratio first, then the insufficient.
    """
    compared = [(group, _against_rest(group)) for group in groups]
    compared.sort(key=lambda pair: _smallest_ratio_first(*pair))
    sufficient = [group for group in groups if group.sufficient]
    gaps = {
        "accuracy_gap": _gap([(group, group.right.sum() / group.n, group.accuracy) for group in sufficient]),
        "balanced_accuracy_gap": _balanced_gap(sufficient),
    }
    return fairness_entry(attribute, compared, gaps)


def _smallest_ratio_first(group: Group, measures: dict[str, Estimate]) -> tuple[bool, float, str]:
    ratio = measures["accuracy_ratio"].value
    return not group.sufficient, np.inf if ratio is None else ratio, group.name


def _against_rest(group: Group) -> dict[str, Estimate]:
    right, rest_right, rest = int(group.right.sum()), int(group.rest_right.sum()), int(group.rest_rows.sum())
    if not rest:
        missing = undefined(NO_REST, method=METHOD, n=group.n)
        return {"accuracy_ratio": missing, "accuracy_difference": missing}
    low, high = newcombe_difference(right, group.n, rest_right, rest)
    difference = around(right / group.n - rest_right / rest, low, high, method="Newcombe", n=group.n)
    if not rest_right:
        ratio = undefined("No other row is predicted right, so there is no ratio.", method=METHOD, n=group.n)
    else:
        ratio = from_draws(
            right / group.n / (rest_right / rest),
            group.accuracy / group.rest_accuracy,
            method=METHOD,
            n=group.n,
        )
    return {"accuracy_ratio": ratio, "accuracy_difference": difference}


def _balanced_gap(groups: list[Group]) -> Estimate:
    """The gap in balanced accuracy; undefined unless each group holds rows of every class another one holds, or the
    averages would be over different classes."""
    held = {tuple(np.flatnonzero(group.rows)) for group in groups}
    if len(groups) > 1 and len(held) > 1:
        reason = "The groups do not hold rows of the same classes, so their averages are not comparable."
        return undefined(reason, method=METHOD, n=sum(group.n for group in groups))
    return _gap([(group, _balanced_point(group), group.balanced) for group in groups])


def _gap(members: list[tuple[Group, float, FloatArray]]) -> Estimate:
    """The largest distance between any two groups; the interval as in `groups.spread`, and for the same reason."""
    n = sum(group.n for group, _, _ in members)
    if len(members) < 2:
        return undefined(FEW, method=METHOD, n=n)
    value = float(np.ptp([point for _, point, _ in members]))
    moves = np.ptp([drawn - point for _, point, drawn in members], axis=0)
    return ranged(value, moves, method=METHOD, n=n, highest=1.0)
