"""Measures for each group of people, and how far apart the groups are."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from governance.evaluation.measures import calibration, parity
from governance.evaluation.measures import table as tables
from governance.evaluation.measures.catalogue import MIN_POSITIVES, MIN_ROWS
from governance.evaluation.measures.crossings import judged
from governance.evaluation.measures.estimate import (
    Estimate,
    FloatArray,
    IntArray,
    from_draws,
    stream,
    undefined,
)
from governance.evaluation.measures.ranking import roc_auc
from governance.evaluation.measures.rows import checked_group
from governance.evaluation.measures.shortfall import Whole

#: An attribute with more values is a number or an identifier, and needs bands before it has groups.
MAX_GROUPS = 200

#: The two rates that equalised odds asks to be equal.
ODDS = ["recall", "false_positive_rate"]

#: The largest distances of an attribute in what stands beside the tables, and what they are distances in.
BESIDE_GAPS = {"roc_auc_gap": "roc_auc", "calibration_gap": "mean_calibration"}

METHOD = tables.METHOD
NO_REFERENCE = f"No group has {MIN_ROWS} rows with {MIN_POSITIVES} positives to compare with."
TOO_FEW_FOR_BINS = f"Fewer than {MIN_ROWS} rows with {MIN_POSITIVES} positives are too few for bins."
NO_COMPARISON = (
    f"Fewer than two groups have {MIN_ROWS} rows with {MIN_POSITIVES} positives, "
    "so there is nothing to compare."
)


Rate = Callable[[FloatArray], FloatArray]


class Group(NamedTuple):
    """One group's confusion table, and how that table could have come out."""

    name: str
    counts: IntArray
    drawn: FloatArray
    auc: Estimate
    shortfall: Estimate
    calibration_error: Estimate
    mean_calibration: Estimate

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.counts.sum())

    @property
    def positives(self) -> int:
        """Rows labelled positive."""
        return int(self.counts[0] + self.counts[2])

    @property
    def sufficient(self) -> bool:
        """Enough rows and positives to be judged."""
        return self.n >= MIN_ROWS and self.positives >= MIN_POSITIVES

    @property
    def beside(self) -> dict[str, Estimate]:
        """What is measured of the group's scores, beside its table."""
        return {
            "roc_auc": self.auc,
            "roc_auc_shortfall": self.shortfall,
            "calibration_error": self.calibration_error,
            "mean_calibration": self.mean_calibration,
        }


def split(
    values: Any,
    *,
    attribute: str,
    labels: IntArray,
    scores: FloatArray,
    whole: Whole,
    threshold: float,
    seed: int,
    draws: int,
) -> list[Group]:
    """The groups of one attribute in order of name. ValueError as in `checked_group`.

    `values` are in the order of `labels` and `scores`, which are sorted. `whole` is all rows' ranking, against which
    each group's is held.
    """
    names, codes = checked_group(values, attribute=attribute, rows=len(labels), most=MAX_GROUPS)

    def measured(name: str, inside: NDArray[np.bool_]) -> Group:
        """One at a time: the rows of the one before are let go of first."""
        own_labels, own_scores = labels[inside], scores[inside]
        counts = tables.confusion(own_labels, own_scores, threshold)
        area = roc_auc(own_labels, own_scores)
        return Group(
            name,
            counts,
            tables.draw_tables(counts, stream(seed, "group", attribute, name), draws),
            area,
            whole.shortfall(inside, area),
            _calibration_error(
                own_labels, own_scores, stream(seed, "group calibration", attribute, name), draws
            ),
            calibration.mean_calibration(own_labels, own_scores),
        )

    return [measured(name, codes == code) for code, name in enumerate(names)]


def _calibration_error(
    labels: IntArray, scores: FloatArray, rng: np.random.Generator, draws: int
) -> Estimate:
    """The group's calibration error, where it has the rows to fill the bins."""
    if len(labels) < MIN_ROWS or int(labels.sum()) < MIN_POSITIVES:
        return undefined(TOO_FEW_FOR_BINS, method=calibration.BETA_DRAWS, n=len(labels))
    return calibration.calibration_error(labels, scores, rng, draws)


def group_measures(
    attribute: str, groups: list[Group], *, favourable_is_positive: bool
) -> list[dict[str, Any]]:
    """One entry a group: worst first by the lower end of its ROC AUC, insufficient groups last."""
    entries = []
    for group in sorted(groups, key=_worst_first):
        shares = tables.shares(group.counts, favourable_is_positive=favourable_is_positive)
        metrics = group.beside
        for name in ("selection_rate", "recall", "false_positive_rate", "precision", "accuracy", "base_rate"):
            metrics[name] = shares[name]
        entries.append(
            {
                "attribute": attribute,
                "group": group.name,
                "n": group.n,
                "positives": group.positives,
                "sufficient": group.sufficient,
                "metrics": {name: estimate.as_dict() for name, estimate in metrics.items()},
            }
        )
    return entries


def crossing_measures(
    attribute: str, groups: list[Group], *, favourable_is_positive: bool
) -> list[dict[str, Any]]:
    """One entry for each crossing with enough rows, as `group_measures`, with its selection rate held against the
    crossing of the highest one (the impact ratio of intersectional categories, New York City Local Law 144)."""
    rate = partial(tables.selection_rate, favourable_is_positive=favourable_is_positive)
    sufficient = judged(groups)
    reference = _reference(rate, sufficient)
    entries = group_measures(attribute, sufficient, favourable_is_positive=favourable_is_positive)
    by_name = {group.name: group for group in sufficient}
    for entry in entries:
        ratio = compare(by_name[entry["group"]], reference, rate)["selection_rate_ratio"]
        entry["metrics"]["selection_rate_ratio"] = ratio.as_dict()
    return entries


def _worst_first(group: Group) -> tuple[bool, float, str]:
    low = group.auc.ci_low
    return not group.sufficient, 2.0 if low is None else low, group.name


def fairness(
    attribute: str, groups: list[Group], *, favourable_is_positive: bool, seed: int, draws: int
) -> dict[str, Any]:
    """How far the groups of one attribute lie apart.

    Each group is compared with the reference, the group of highest selection rate among those with
    enough rows: its selection rate as a ratio (the four-fifths rule, 29 CFR 1607.4(D)), the others as
    group minus reference. Rates are of the positive class: true-positive rate (equal opportunity, Hardt,
    Price & Srebro 2016), false-positive rate, precision (predictive parity, Chouldechova 2017); beside them
    ROC AUC and mean calibration (calibration within groups, Kleinberg, Mullainathan & Raghavan 2017). The
    measures of the attribute rest on the groups with enough rows. `p_values` says of each difference how
    easily chance makes it, held for the number of groups. Order: worst ratio first, then the reference,
    then the insufficient.
    """
    rate = partial(tables.selection_rate, favourable_is_positive=favourable_is_positive)
    sufficient = [group for group in groups if group.sufficient]
    reference = _reference(rate, sufficient)
    compared = [(group, compare(group, reference, rate)) for group in groups]
    compared.sort(key=lambda pair: _worst_ratio_first(pair, reference))

    ratio = undefined(NO_COMPARISON, method=METHOD, n=sum(group.n for group in sufficient))
    gap = odds = predictive = ratio
    beside = dict.fromkeys(BESIDE_GAPS, ratio)
    if len(sufficient) > 1:
        ratio = next(
            measures["selection_rate_ratio"] for group, measures in compared if group is not reference
        )
        gap = spread(["recall"], sufficient)
        odds = spread(ODDS, sufficient)
        predictive = spread(["precision"], sufficient)
        beside = {
            name: parity.gap(of, sufficient, stream(seed, name, attribute), draws)
            for name, of in BESIDE_GAPS.items()
        }
    tests = parity.p_values(groups, reference, favourable_is_positive=favourable_is_positive)
    return {
        "attribute": attribute,
        "reference": reference.name if reference else None,
        "groups": [
            {
                "group": group.name,
                "n": group.n,
                "status": _status(group, reference),
                **{name: estimate.as_dict() for name, estimate in measures.items()},
                **({"p_values": tests[group.name]} if group.name in tests else {}),
            }
            for group, measures in compared
        ],
        "selection_rate_ratio": ratio.as_dict(),
        "true_positive_rate_gap": gap.as_dict(),
        "equalised_odds_difference": odds.as_dict(),
        "predictive_parity_gap": predictive.as_dict(),
        **{name: estimate.as_dict() for name, estimate in beside.items()},
    }


def _reference(rate: Rate, sufficient: list[Group]) -> Group | None:
    return max(sufficient, key=lambda group: (_point(rate, group), group.n), default=None)


def _point(rate: Rate, group: Group) -> float:
    return float(rate(group.counts.astype(np.float64)))


def _status(group: Group, reference: Group | None) -> str:
    if group is reference:
        return "reference"
    return "measured" if group.sufficient else "insufficient"


def _worst_ratio_first(
    pair: tuple[Group, dict[str, Estimate]], reference: Group | None
) -> tuple[int, float, str]:
    group, measures = pair
    place = ["measured", "reference", "insufficient"].index(_status(group, reference))
    ratio = measures["selection_rate_ratio"].value
    return place, float("inf") if ratio is None else ratio, group.name


def compare(group: Group, reference: Group | None, rate: Rate) -> dict[str, Estimate]:
    """The measures of one group against the reference; the reference against itself is equal, exactly."""
    names = (
        "selection_rate_ratio",
        "true_positive_rate_difference",
        "false_positive_rate_difference",
        "equalised_odds_difference",
        "predictive_parity_difference",
    )
    if reference is None:
        return {name: undefined(NO_REFERENCE, method=METHOD, n=group.n) for name in (*names, *parity.BESIDE)}
    estimates = (
        _ratio(rate, group, reference),
        _difference("recall", group, reference),
        _difference("false_positive_rate", group, reference),
        _odds_against(group, reference),
        _difference("precision", group, reference),
    )
    if group is reference:
        beside = dict.fromkeys(parity.BESIDE, _equal(0.0, group))
    else:
        beside = parity.differences(group, reference)
    return {**dict(zip(names, estimates, strict=True)), **beside}


def _ratio(rate: Rate, group: Group, reference: Group) -> Estimate:
    if _point(rate, reference) == 0:
        return undefined(
            f"The reference group {reference.name!r} has no favourable prediction.", method=METHOD, n=group.n
        )
    if group is reference:
        return _equal(1.0, group)
    value = _point(rate, group) / _point(rate, reference)
    return from_draws(value, rate(group.drawn) / rate(reference.drawn), method=METHOD, n=group.n)


def _difference(name: str, group: Group, reference: Group) -> Estimate:
    """Group minus reference, with the percentile interval of independent draws."""
    reason = _missing([name], [group, reference])
    if reason:
        return undefined(reason, method=METHOD, n=group.n)
    if group is reference:
        return _equal(0.0, group)
    of = tables.MEASURES[name].of
    return from_draws(
        _point(of, group) - _point(of, reference),
        of(group.drawn) - of(reference.drawn),
        method=METHOD,
        n=group.n,
    )


def _odds_against(group: Group, reference: Group) -> Estimate:
    """The larger of the two absolute differences from the reference in the rates of equalised odds."""
    if group is reference and not _missing(ODDS, [group]):
        return _equal(0.0, group)
    return replace(spread(ODDS, [group, reference]), n=group.n)


def spread(names: list[str], groups: list[Group]) -> Estimate:
    """The largest distance between any two groups, over the named rates, on the rows of all groups.

    A largest distance is never below 0, and chance lifts it in every draw, so a percentile interval
    would leave out 0 even where all groups are alike. Instead the value is taken plus and minus the 95 %
    quantile of how far the draws move two groups apart: no pair's distance can be off by more, so the
    interval holds for any number of groups (the reasoning of Tukey's range, 1949).
    """
    n = sum(group.n for group in groups)
    reason = _missing(names, groups)
    if reason:
        return undefined(reason, method=METHOD, n=n)
    distances, moves = [], []
    for name in names:
        of = tables.MEASURES[name].of
        points = np.array([_point(of, group) for group in groups])
        distances.append(np.ptp(points))
        moves.append(
            np.ptp([of(group.drawn) - point for group, point in zip(groups, points, strict=True)], axis=0)
        )
    return parity.ranged(float(max(distances)), np.max(moves, axis=0), method=METHOD, n=n, highest=1.0)


def _missing(names: list[str], groups: list[Group]) -> str | None:
    """Which group lacks one of the rates and why, or None when all have all."""
    for group in groups:
        for name in names:
            measure = tables.MEASURES[name]
            if np.isnan(_point(measure.of, group)):
                return f"Group {group.name!r}: {measure.when_undefined}"
    return None


def _equal(value: float, group: Group) -> Estimate:
    return Estimate(value, value, value, "by definition", group.n)
