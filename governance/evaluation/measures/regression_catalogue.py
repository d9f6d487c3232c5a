"""The measures of a model that predicts a number, as people meet them. Imports no numerical library."""

from functools import partial

from governance.evaluation.measures.measure import Better, Measure, Unit, gathered
from registry.versions.tasks import Task

_measure = partial(Measure, task=Task.REGRESSION)

#: The keys of `metrics` in the result of a regression suite. An error is the prediction minus what happened.
REGRESSION = gathered(
    _measure(
        "r_squared",
        "R\N{SUPERSCRIPT TWO}",
        Better.HIGHER,
        Unit.SCORE,
        "The share of the target's variance the predictions remove; always predicting the mean gives 0.",
    ),
    _measure(
        "mean_absolute_error",
        "Mean absolute error",
        Better.LOWER,
        Unit.TARGET,
        "How far predictions lie from what happened, on average, in the target's unit.",
    ),
    _measure(
        "root_mean_squared_error",
        "Root mean squared error",
        Better.LOWER,
        Unit.TARGET,
        "How far predictions lie from what happened, large errors weighing most, in the target's unit.",
    ),
    _measure(
        "median_absolute_error",
        "Median absolute error",
        Better.LOWER,
        Unit.TARGET,
        "Half of the rows are predicted at least this closely, in the target's unit.",
    ),
    _measure(
        "absolute_error_90th_percentile",
        "Absolute error, 90th percentile",
        Better.LOWER,
        Unit.TARGET,
        "Nine rows in ten are predicted at least this closely, in the target's unit.",
    ),
    _measure(
        "mean_error",
        "Mean error (bias)",
        Better.NEAR_IDEAL,
        Unit.TARGET,
        "The mean of prediction minus actual: above 0 predictions are too high on the whole, below 0 too low.",
        ideal=0.0,
    ),
    _measure(
        "standardised_mean_error",
        "Standardised mean error",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "The mean error as a share of the target's standard deviation, so that it needs no unit.",
        ideal=0.0,
    ),
    _measure(
        "mean_absolute_percentage_error",
        "Mean absolute percentage error",
        Better.LOWER,
        Unit.PERCENT,
        "The mean of the absolute error as a share of what happened, which a target of 0 leaves undefined.",
    ),
    _measure(
        "explained_variance",
        "Explained variance",
        Better.HIGHER,
        Unit.SCORE,
        "R\N{SUPERSCRIPT TWO} as it would be if the mean error were corrected; the gap between the two is bias.",
    ),
    _measure(
        "spearman",
        "Spearman correlation",
        Better.HIGHER,
        Unit.SCORE,
        "How well predictions order the rows, whatever their scale; luck is 0 and a perfect order 1.",
    ),
    _measure(
        "share_within_tolerance",
        "Share within tolerance",
        Better.HIGHER,
        Unit.PERCENT,
        "The share of rows whose absolute error is at most the tolerance the signature declares.",
    ),
)

#: The keys of `fairness` in the result of a regression suite. A group is held against all other rows.
REGRESSION_FAIRNESS = gathered(
    _measure(
        "mean_absolute_error_ratio",
        "Mean absolute error ratio",
        Better.LOWER,
        Unit.SCORE,
        "A group's mean absolute error divided by that of all other rows; at 1 both are predicted alike.",
    ),
    _measure(
        "mean_absolute_error_difference",
        "Mean absolute error difference",
        Better.NEAR_IDEAL,
        Unit.TARGET,
        "A group's mean absolute error minus that of all other rows, in the target's unit.",
        ideal=0.0,
    ),
    _measure(
        "mean_error_difference",
        "Mean error difference",
        Better.NEAR_IDEAL,
        Unit.TARGET,
        "A group's mean error minus that of all other rows: above 0 it is predicted higher than they are.",
        ideal=0.0,
    ),
    _measure(
        "mean_error_gap",
        "Mean error gap",
        Better.LOWER,
        Unit.TARGET,
        "The highest mean error of any group minus the lowest, in the target's unit.",
    ),
    _measure(
        "standardised_mean_error_gap",
        "Standardised mean error gap",
        Better.LOWER,
        Unit.SCORE,
        "The mean error gap as a share of the target's standard deviation over all rows.",
    ),
)

#: What a policy may demand of each group by itself: the keys of `metrics` in an entry of `groups`.
REGRESSION_GROUP_METRICS = {
    name: REGRESSION[name]
    for name in (
        "mean_absolute_error",
        "root_mean_squared_error",
        "mean_error",
        "standardised_mean_error",
        "r_squared",
        "share_within_tolerance",
    )
}

#: What a policy may demand of the distance between groups. Signed differences are left out, as they are for
#: classes: a limit on one side of them would pass the groups that lie on the other.
REGRESSION_FAIRNESS_RULES = {
    name: REGRESSION_FAIRNESS[name]
    for name in ("mean_absolute_error_ratio", "mean_error_gap", "standardised_mean_error_gap")
}
