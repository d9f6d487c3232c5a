"""Measuring one binary classifier on one labelled dataset."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from governance.evaluation.measures import calibration, ranking, table
from governance.evaluation.measures.average_precision import average_precision
from governance.evaluation.measures.costs import NO_COSTS
from governance.evaluation.measures.costs import costs as expected_costs
from governance.evaluation.measures.crossings import crossed
from governance.evaluation.measures.curves import curves
from governance.evaluation.measures.errors import mean_of_losses
from governance.evaluation.measures.estimate import Estimate, FloatArray, IntArray, plain, stream
from governance.evaluation.measures.groups import (
    MAX_GROUPS,
    Group,
    crossing_measures,
    fairness,
    group_measures,
    split,
)
from governance.evaluation.measures.lift import lift
from governance.evaluation.measures.rows import (
    Column,
    checked_labels,
    checked_scores,
    checked_settings,
    in_order,
)
from governance.evaluation.measures.separation import kolmogorov_smirnov
from governance.evaluation.measures.shortfall import Whole
from governance.evaluation.measures.sorted_rows import Moments, order_of, taken


def measure_binary(
    *,
    labels: NDArray[Any],
    scores: NDArray[Any],
    threshold: float,
    favourable_is_positive: bool,
    groups: Mapping[str, Column],
    seed: int,
    draws: int = 2000,
    costs: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Every measure of a binary classifier, with 95 % intervals, as a JSON-able dict.

    `labels` are 0 or 1, `scores` the probabilities of 1, and a score of at least `threshold` predicts 1.
    `favourable_is_positive` says whether 1 is the outcome people want. `groups` maps an attribute (a
    sensitive one, or any slice) to one string for each row. `draws` resamples stand behind the intervals
    that have no closed form. `costs` prices a `false_positive` and a `false_negative`, in one unit.

    The result depends on nothing but these arguments, and not on the order of the rows: they are sorted
    before anything is drawn. All floats carry 12 significant digits. A measure that is not defined on
    this data is None with a sentence, never 0. Raises ValueError, with a sentence, when the columns do
    not fit together.
    """
    checked_settings(threshold=threshold, seed=seed, draws=draws)
    truth = checked_labels(labels)
    given = checked_scores(scores, rows=len(truth))
    order = order_of(truth, given)
    groups = in_order(groups, order, most=MAX_GROUPS)
    truth, given = taken(truth, order), taken(given, order)
    del order
    counts = table.confusion(truth, given, threshold)
    whole = Whole(truth, given)

    def members_of(attribute: str, column: Any) -> list[Group]:
        return split(
            column,
            attribute=attribute,
            labels=truth,
            scores=given,
            whole=whole,
            threshold=threshold,
            seed=seed,
            draws=draws,
        )

    attributes = {attribute: members_of(attribute, groups[attribute]) for attribute in sorted(groups)}
    metrics = _metrics(truth, given, counts, favourable_is_positive, seed, draws)
    result: dict[str, Any] = {
        "n": len(truth),
        "positives": truth.sum(),
        "prevalence": truth.mean(),
        "threshold": float(threshold),
        "metrics": {name: estimate.as_dict() for name, estimate in metrics.items()},
        "confusion": dict(zip(("tp", "fp", "fn", "tn"), counts, strict=True)),
        "curves": curves(truth, given, favourable_is_positive=favourable_is_positive),
        "groups": [
            entry
            for attribute, members in attributes.items()
            for entry in group_measures(attribute, members, favourable_is_positive=favourable_is_positive)
        ],
        "crossings": [
            entry
            for attribute, cells in crossed(groups)
            for entry in crossing_measures(
                attribute, members_of(attribute, cells), favourable_is_positive=favourable_is_positive
            )
        ],
        "fairness": [
            fairness(
                attribute, members, favourable_is_positive=favourable_is_positive, seed=seed, draws=draws
            )
            for attribute, members in attributes.items()
        ],
        "lift": lift(truth, given),
        "not_measured": [] if costs else [NO_COSTS],
    }
    if costs:
        result["costs"] = expected_costs(
            truth, given, prices=costs, threshold=threshold, rng=stream(seed, "costs"), draws=draws
        )
    rounded: dict[str, Any] = plain(result)
    return rounded


def _metrics(
    labels: IntArray,
    scores: FloatArray,
    counts: IntArray,
    favourable_is_positive: bool,
    seed: int,
    draws: int,
) -> dict[str, Estimate]:
    area = ranking.roc_auc(labels, scores)
    slope, intercept = calibration.recalibration(labels, scores)
    return {
        "roc_auc": area,
        "gini": ranking.gini(area),
        "ks": kolmogorov_smirnov(labels, scores, stream(seed, "ks")),
        "average_precision": average_precision(labels, scores),
        "brier": mean_of_losses(
            Moments.of(len(labels), lambda rows: calibration.brier_losses(labels[rows], scores[rows])),
            highest=1.0,
        ),
        "log_loss": mean_of_losses(
            Moments.of(len(labels), lambda rows: calibration.log_losses(labels[rows], scores[rows])),
        ),
        "calibration_error": calibration.calibration_error(
            labels, scores, stream(seed, "calibration_error"), draws
        ),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        **table.shares(counts, favourable_is_positive=favourable_is_positive),
        **table.composites(counts, stream(seed, "composites"), draws),
    }
