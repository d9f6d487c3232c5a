"""How groups differ in what their confusion tables do not tell: order and calibration; and which differences chance
alone would hardly make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from governance.evaluation.measures.estimate import Estimate, FloatArray, Z, around, undefined
from governance.evaluation.measures.holm import holm, two_shares, two_sided
from governance.evaluation.measures.joined import joined

if TYPE_CHECKING:
    from governance.evaluation.measures.groups import Group

RANGE = "normal draws, range"
INDEPENDENT = "two intervals joined"

#: The measures of a group that stand beside its confusion table, by the name of the difference in them.
BESIDE = {"roc_auc_difference": "roc_auc", "mean_calibration_difference": "mean_calibration"}


def differences(group: Group, reference: Group) -> dict[str, Estimate]:
    """The group's ROC AUC and mean calibration minus the reference's."""
    return {name: difference(group.beside[of], reference.beside[of]) for name, of in BESIDE.items()}


def difference(first: Estimate, second: Estimate) -> Estimate:
    """`first` minus `second`, of rows that are not shared, with the interval of `joined`."""
    n = first.n
    if first.value is None or second.value is None:
        reason = first.undefined or second.undefined or "One of the two is not defined."
        return undefined(reason, method=INDEPENDENT, n=n)
    value = first.value - second.value
    ends = joined(first, second)
    if ends is None:
        return Estimate(value, None, None, "no interval, one of the two has none", n)
    return around(value, *ends, method=INDEPENDENT, n=n)


def standard_error(estimate: Estimate) -> float:
    """A quarter of the interval's width, nearly: the standard error that a normal interval as wide has."""
    if estimate.ci_low is None or estimate.ci_high is None:
        return 0.0
    return (estimate.ci_high - estimate.ci_low) / (2 * Z)


def widest(
    points: FloatArray,
    own: FloatArray,
    rng: np.random.Generator,
    draws: int,
    *,
    n: int,
    highest: float = np.inf,
) -> Estimate:
    """The largest distance between any two of the values, whose standard errors are `own`.

    A largest distance is never below 0 and chance lifts it, so the value is taken plus and minus the 95 %
    quantile of how far normal draws move two of them apart: it holds for any number of groups (the reasoning of
    Tukey's range, 1949), as `groups.spread` does for rates. No distance is above `highest`.
    """
    moves = rng.normal(size=(draws, len(points))) * own
    return ranged(float(np.ptp(points)), np.ptp(moves, axis=1), method=RANGE, n=n, highest=highest)


def ranged(value: float, moves: FloatArray, *, method: str, n: int, highest: float) -> Estimate:
    """A largest distance plus and minus the 95 % quantile of `moves`, how far draws move two groups apart."""
    reach = float(np.quantile(moves, 0.95))
    return around(value, max(value - reach, 0.0), min(value + reach, highest), method=method, n=n)


def gap(name: str, groups: list[Group], rng: np.random.Generator, draws: int) -> Estimate:
    """The largest distance between any two groups in a measure that stands beside the table."""
    estimates = [group.beside[name] for group in groups]
    n = sum(group.n for group in groups)
    for group, estimate in zip(groups, estimates, strict=True):
        if estimate.value is None:
            reason = f"Group {group.name!r}: {estimate.undefined}"
            return undefined(reason, method=RANGE, n=n)
    points = np.array([estimate.value for estimate in estimates])
    own = np.array([standard_error(estimate) for estimate in estimates])
    return widest(points, own, rng, draws, n=n)


def p_values(
    groups: list[Group], reference: Group | None, *, favourable_is_positive: bool
) -> dict[str, dict[str, dict[str, float]]]:
    """For each group with enough rows, by measure: the p-value of its difference from the reference, and that value
    held against all groups of the attribute (`holm`).

    Rates by the pooled z test of two shares, ROC AUC and mean calibration by the normal deviate of the difference.
    """
    compared = [group for group in groups if group.sufficient and group is not reference]
    if reference is None:
        return {}
    found: dict[str, dict[str, dict[str, float]]] = {group.name: {} for group in compared}
    by_group = {
        group.name: _tests(group, reference, favourable_is_positive=favourable_is_positive)
        for group in compared
    }
    for measure in ("selection_rate_ratio", *_RATES, *BESIDE):
        names = [name for name, tests in by_group.items() if tests[measure] is not None]
        given = [float(by_group[name][measure] or 0.0) for name in names]
        for name, p_value, adjusted in zip(names, given, holm(given), strict=True):
            found[name][measure] = {"p_value": p_value, "p_holm": float(adjusted)}
    return found


#: The cells of a confusion table that a rate counts, and those it counts them among.
_RATES = {
    "true_positive_rate_difference": ((0,), (0, 2)),
    "false_positive_rate_difference": ((1,), (1, 3)),
    "predictive_parity_difference": ((0,), (0, 1)),
}


def _tests(group: Group, reference: Group, *, favourable_is_positive: bool) -> dict[str, float | None]:
    selected = (0, 1) if favourable_is_positive else (2, 3)
    rates = {"selection_rate_ratio": (selected, (0, 1, 2, 3)), **_RATES}
    tests: dict[str, float | None] = {}
    for name, (part, whole) in rates.items():
        first, first_n, second, second_n = (
            int(table[list(cells)].sum())
            for table in (group.counts, reference.counts)
            for cells in (part, whole)
        )
        tests[name] = two_shares(first, first_n, second, second_n)
    for name, of in BESIDE.items():
        one, other = group.beside[of], reference.beside[of]
        error = (standard_error(one) ** 2 + standard_error(other) ** 2) ** 0.5
        known = one.value is not None and other.value is not None and error > 0
        tests[name] = two_sided(((one.value or 0.0) - (other.value or 0.0)) / error) if known else None
    return tests
