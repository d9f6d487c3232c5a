"""A regression by group: how far off each group is predicted, beside all other rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from governance.evaluation.measures import errors
from governance.evaluation.measures.against_rest import fairness_entry, group_entries
from governance.evaluation.measures.catalogue import MIN_ROWS
from governance.evaluation.measures.columns import Numbers, picked
from governance.evaluation.measures.estimate import (
    Estimate,
    Z,
    around,
    stream,
    undefined,
)
from governance.evaluation.measures.groups import MAX_GROUPS
from governance.evaluation.measures.holm import holm
from governance.evaluation.measures.parity import RANGE, widest
from governance.evaluation.measures.ranking import of_samples
from governance.evaluation.measures.rows import Codes, checked_group
from governance.evaluation.measures.sorted_rows import Moments, blocks

WELCH = "Welch's t"
RATIO = "delta method, log ratio"
FEW = f"Fewer than two groups have {MIN_ROWS} rows, so there is nothing to compare."
NO_REST = "There are no other rows to compare with."
PERFECT_REST = "The other rows are predicted without any error, so there is no ratio."


class Rows(NamedTuple):
    """What happened to some rows, and what the model said of them."""

    actual: Numbers
    predicted: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The rows of one group, and those of everybody else, taken out of all rows wherever they are asked for: kept, they
    would be all rows once more for each group."""

    name: str
    all_rows: Rows
    codes: Codes
    code: int

    @property
    def n(self) -> int:
        """Rows."""
        return int(np.count_nonzero(self.codes == self.code))

    @property
    def own(self) -> Rows:
        """The group's."""
        return Rows(*(picked(column, self.codes == self.code) for column in self.all_rows))

    @property
    def sufficient(self) -> bool:
        """Enough rows to be judged."""
        return self.n >= MIN_ROWS

    def moments(self, *, rest: bool) -> tuple[Moments, Moments]:
        """Those of the errors, prediction minus actual, and of their sizes: the group's, or everybody else's."""
        wrong, sizes = Moments(), Moments()
        for rows in blocks(len(self.codes)):
            inside = (self.codes[rows] == self.code) != rest
            own = self.all_rows.predicted[rows][inside] - self.all_rows.actual[rows][inside]
            wrong.add(own)
            sizes.add(np.abs(own))
        return wrong, sizes


def split(values: Any, *, attribute: str, actual: Numbers, predicted: Numbers) -> list[Group]:
    """The groups of one attribute in order of name. ValueError as in `checked_group`. `values` are in the order of
    `actual` and `predicted`."""
    names, codes = checked_group(values, attribute=attribute, rows=len(actual), most=MAX_GROUPS)
    return [Group(name, Rows(actual, predicted), codes, code) for code, name in enumerate(names)]


def group_measures(
    attribute: str, groups: list[Group], *, tolerance: float | None, spread: float
) -> list[dict[str, Any]]:
    """One entry a group: largest upper end of the mean absolute error first, insufficient groups last.

    `spread` is the target's standard deviation over all rows.
    """

    def measures(group: Group) -> dict[str, Estimate]:
        actual, predicted = group.own
        return {
            "mean_absolute_error": errors.absolute(actual, predicted),
            "root_mean_squared_error": errors.root_mean_squared(actual, predicted),
            "mean_error": errors.bias(actual, predicted),
            "standardised_mean_error": errors.standardised_bias(actual, predicted, spread=spread),
            "r_squared": errors.r_squared(actual, predicted),
            "share_within_tolerance": errors.within(actual, predicted, tolerance),
        }

    return group_entries(attribute, groups, measures, _worst_first)


def _worst_first(entry: dict[str, Any]) -> tuple[bool, float, str]:
    estimate = entry["metrics"]["mean_absolute_error"]
    reach = estimate["value"] if estimate["ci_high"] is None else estimate["ci_high"]
    return not entry["sufficient"], -reach, entry["group"]


def fairness(attribute: str, groups: list[Group], *, seed: int, draws: int, spread: float) -> dict[str, Any]:
    """How far the groups of one attribute lie apart.

    Each group is held against all other rows, small groups included: its mean absolute error as a ratio
    and as a difference, and its mean error as a difference. The gap of the attribute is between the groups
    with enough rows. Order: largest ratio first, then the insufficient.
    """
    held = [Held.of(group) for group in groups]
    compared = [(one.group, _against_rest(one)) for one in held]
    compared.sort(key=lambda pair: _largest_ratio_first(*pair))
    sufficient = [one for one in held if one.group.sufficient]
    gap = _gap(sufficient, seed=seed, attribute=attribute, draws=draws)
    gaps = {"mean_error_gap": gap, "standardised_mean_error_gap": _standardised(gap, spread)}
    return fairness_entry(attribute, compared, gaps, p_values=_p_values(sufficient))


class Held(NamedTuple):
    """A group's errors and absolute errors, and those of everybody else, which may be nobody."""

    group: Group
    errors: Moments
    sizes: Moments
    rest_errors: Moments
    rest_sizes: Moments

    @classmethod
    def of(cls, group: Group) -> Held:
        """Those of this group."""
        return cls(group, *group.moments(rest=False), *group.moments(rest=True))


def _p_values(groups: list[Held]) -> dict[str, dict[str, dict[str, float]]]:
    """For each group by measure: the p-value of its difference from all other rows (Welch 1947), and that value held
    against all groups of the attribute (`holm`)."""
    found: dict[str, dict[str, dict[str, float]]] = {one.group.name: {} for one in groups}
    for measure in ("mean_absolute_error_difference", "mean_error_difference"):
        known = {}
        for one in groups:
            own, rest = one.errors, one.rest_errors
            if measure == "mean_absolute_error_difference":
                own, rest = one.sizes, one.rest_sizes
            if rest.n > 1 and own.standard_error + rest.standard_error > 0:
                error, freedom = of_samples([own.variance / own.n, rest.variance / rest.n], [own.n, rest.n])
                known[one.group.name] = 2 * float(stdtr(freedom, -abs(own.mean - rest.mean) / error))
        for name, adjusted in zip(known, holm(list(known.values())), strict=True):
            found[name][measure] = {"p_value": known[name], "p_holm": float(adjusted)}
    return found


def _largest_ratio_first(group: Group, measures: dict[str, Estimate]) -> tuple[bool, float, str]:
    ratio = measures["mean_absolute_error_ratio"].value
    return not group.sufficient, -np.inf if ratio is None else -ratio, group.name


def _against_rest(held: Held) -> dict[str, Estimate]:
    n = held.errors.n
    if not held.rest_errors.n:
        return {
            "mean_absolute_error_ratio": undefined(NO_REST, method=RATIO, n=n),
            "mean_absolute_error_difference": undefined(NO_REST, method=WELCH, n=n),
            "mean_error_difference": undefined(NO_REST, method=WELCH, n=n),
        }
    return {
        "mean_absolute_error_ratio": ratio_of_means(held.sizes, held.rest_sizes),
        "mean_absolute_error_difference": difference_of_means(held.sizes, held.rest_sizes),
        "mean_error_difference": difference_of_means(held.errors, held.rest_errors),
    }


def ratio_of_means(first: Moments, second: Moments) -> Estimate:
    """The mean of `first` divided by that of `second`, of independent rows none of which is below 0.

    The delta method on the logarithm (Katz et al. 1978, Biometrics 34, for means): its variance is the sum of
    the two squared relative standard errors.
    """
    n, top, bottom = first.n, first.mean, second.mean
    if bottom == 0:
        return undefined(PERFECT_REST, method=RATIO, n=n)
    if top == 0:
        return Estimate(0.0, None, None, "no interval, the group is predicted without any error", n)
    error = ((first.standard_error / top) ** 2 + (second.standard_error / bottom) ** 2) ** 0.5
    if min(n, second.n) < 2 or error == 0:
        return Estimate(top / bottom, None, None, errors.SAME_ERROR, n)
    reach = float(np.exp(Z * error))
    return around(top / bottom, top / bottom / reach, top / bottom * reach, method=RATIO, n=n)


def difference_of_means(first: Moments, second: Moments) -> Estimate:
    """The mean of `first` minus that of `second` with the interval of Welch 1947, Biometrika 34."""
    n, value = first.n, first.mean - second.mean
    one, two = first.standard_error**2, second.standard_error**2
    if min(n, second.n) < 2 or one + two == 0:
        return Estimate(value, None, None, errors.SAME_ERROR, n)
    error, freedom = of_samples([one, two], [n, second.n])
    half = float(stdtrit(freedom, 0.975)) * error
    return around(value, value - half, value + half, method=WELCH, n=n)


def _gap(groups: list[Held], *, seed: int, attribute: str, draws: int) -> Estimate:
    """The largest distance between the mean errors of any two groups, on the rows of all of them."""
    n = sum(one.errors.n for one in groups)
    if len(groups) < 2:
        return undefined(FEW, method=RANGE, n=n)
    means = np.array([one.errors.mean for one in groups])
    own = np.array([one.errors.standard_error for one in groups])
    return widest(means, own, stream(seed, "mean_error_gap", attribute), draws, n=n)


def _standardised(gap: Estimate, spread: float) -> Estimate:
    """The gap in standard deviations of the target over all rows, which count as known."""
    if gap.value is None or gap.ci_low is None or gap.ci_high is None:
        return gap
    if spread == 0:
        return undefined(errors.CONSTANT_TARGET, method=RANGE, n=gap.n)
    return Estimate(gap.value / spread, gap.ci_low / spread, gap.ci_high / spread, RANGE, gap.n)
