"""What each measure is called, which way is better, what it means and how it is written.

For pages, cards and policy sentences. Imports no numerical library, so that the web process stays small.
"""

from governance.evaluation.measures.evidence_catalogue import (
    DROP,
    EVIDENCE,
    EVIDENCE_TASKS,
    GROUP_ONLY,
    SECTIONS,
)
from governance.evaluation.measures.measure import Better, Measure, Unit, gathered
from governance.evaluation.measures.multiclass_catalogue import (
    MULTICLASS,
    MULTICLASS_FAIRNESS,
    MULTICLASS_FAIRNESS_RULES,
    MULTICLASS_GROUP_METRICS,
)
from governance.evaluation.measures.ranking_catalogue import (
    RANKING,
    RANKING_FAIRNESS,
    RANKING_GROUP_METRICS,
)
from governance.evaluation.measures.regression_catalogue import (
    REGRESSION,
    REGRESSION_FAIRNESS,
    REGRESSION_FAIRNESS_RULES,
    REGRESSION_GROUP_METRICS,
)
from registry.versions.tasks import Task

__all__ = [
    "AGAINST_EACH",
    "DROP",
    "EVIDENCE",
    "EVIDENCE_TASKS",
    "FAIRNESS",
    "FAIRNESS_RULES",
    "GROUP_METRICS",
    "GROUP_ONLY",
    "HEADLINES",
    "METRICS",
    "MIN_POSITIVES",
    "MIN_ROWS",
    "SECTIONS",
    "Better",
    "Measure",
    "Task",
    "Unit",
    "enough_rows",
    "of_task",
]


def of_task(measures: dict[str, Measure], task: Task) -> dict[str, Measure]:
    """Those of the measures that a suite of this task gives, its own before those it shares."""
    given = [measure for measure in measures.values() if task in measure.tasks]
    return gathered(*sorted(given, key=lambda measure: measure.task is not task))


#: A classifier of several classes has these too, under the same names.
_CLASSES_TOO = (Task.MULTICLASS,)


#: The keys of `metrics` in a result, and of `diffs` in a comparison.
METRICS = gathered(
    Measure(
        "roc_auc",
        "ROC AUC",
        Better.HIGHER,
        Unit.SCORE,
        "The chance that a random positive row scores above a random negative one; luck gives 0.5.",
    ),
    Measure(
        "gini",
        "Gini",
        Better.HIGHER,
        Unit.SCORE,
        "ROC AUC on a scale where luck is 0 and a perfect order is 1.",
    ),
    Measure(
        "ks",
        "Kolmogorov\N{EN DASH}Smirnov",
        Better.HIGHER,
        Unit.SCORE,
        "The largest gap between recall and false positive rate that any threshold gives.",
    ),
    Measure(
        "average_precision",
        "Average precision",
        Better.HIGHER,
        Unit.SCORE,
        "Precision averaged over the positive rows, best score first; luck gives the share of positives.",
    ),
    Measure(
        "brier",
        "Brier score",
        Better.LOWER,
        Unit.SCORE,
        "The mean squared distance between the scores and what happened, from 0 to 1.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "log_loss",
        "Log loss",
        Better.LOWER,
        Unit.SCORE,
        "The mean surprise at what happened, which punishes confident errors hardest.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "calibration_error",
        "Calibration error",
        Better.LOWER,
        Unit.SCORE,
        "How far scores lie from the rates observed, on average over 15 bins of equal count.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "calibration_slope",
        "Calibration slope",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "1 when scores are spread as the risks are; below 1 they are too extreme, above 1 too timid.",
        ideal=1.0,
    ),
    Measure(
        "calibration_intercept",
        "Calibration intercept",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "0 when scores match the observed rate on the whole; above 0 they are too low, below 0 too high.",
        ideal=0.0,
    ),
    Measure(
        "accuracy",
        "Accuracy",
        Better.HIGHER,
        Unit.SCORE,
        "The share of rows predicted right.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "precision",
        "Precision",
        Better.HIGHER,
        Unit.SCORE,
        "The share of rows predicted positive that are positive.",
    ),
    Measure(
        "recall",
        "Recall",
        Better.HIGHER,
        Unit.SCORE,
        "The share of positive rows that are predicted positive, also called true-positive rate.",
    ),
    Measure(
        "specificity",
        "Specificity",
        Better.HIGHER,
        Unit.SCORE,
        "The share of negative rows that are predicted negative.",
    ),
    Measure(
        "false_positive_rate",
        "False positive rate",
        Better.LOWER,
        Unit.PERCENT,
        "The share of negative rows that are predicted positive.",
    ),
    Measure(
        "f1",
        "F1",
        Better.HIGHER,
        Unit.SCORE,
        "The harmonic mean of precision and recall.",
    ),
    Measure(
        "balanced_accuracy",
        "Balanced accuracy",
        Better.HIGHER,
        Unit.SCORE,
        "The recall of each class, averaged so that a rare class counts as much as a common one.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "matthews",
        "Matthews correlation",
        Better.HIGHER,
        Unit.SCORE,
        "The correlation between prediction and label; luck is 0 and a perfect prediction 1.",
        also=_CLASSES_TOO,
    ),
    Measure(
        "selection_rate",
        "Selection rate",
        Better.NEITHER,
        Unit.PERCENT,
        "The share of rows predicted the favourable outcome.",
    ),
    Measure(
        "base_rate",
        "Base rate",
        Better.NEITHER,
        Unit.PERCENT,
        "The share of rows whose true outcome is the favourable one.",
    ),
    *MULTICLASS.values(),
    *REGRESSION.values(),
    *RANKING.values(),
)

#: The keys of `fairness` in a result, for a group against the reference and for an attribute.
FAIRNESS = gathered(
    Measure(
        "selection_rate_ratio",
        "Selection rate ratio",
        Better.HIGHER,
        Unit.SCORE,
        "A group's selection rate divided by the reference group's; the four-fifths rule looks at 0.80.",
    ),
    Measure(
        "true_positive_rate_difference",
        "True-positive rate difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's true-positive rate minus the reference group's.",
        ideal=0.0,
    ),
    Measure(
        "false_positive_rate_difference",
        "False positive rate difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's false positive rate minus the reference group's.",
        ideal=0.0,
    ),
    Measure(
        "predictive_parity_difference",
        "Predictive parity difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's precision minus the reference group's.",
        ideal=0.0,
    ),
    Measure(
        "equalised_odds_difference",
        "Equalised odds difference",
        Better.LOWER,
        Unit.SCORE,
        "The larger of the distances in true-positive rate and in false positive rate.",
    ),
    Measure(
        "true_positive_rate_gap",
        "True-positive rate gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest true-positive rate of any group minus the lowest.",
    ),
    Measure(
        "roc_auc_difference",
        "ROC AUC difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's ROC AUC minus the reference group's.",
        ideal=0.0,
    ),
    Measure(
        "mean_calibration_difference",
        "Mean calibration difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's mean score minus observed rate, less the same of the reference group.",
        ideal=0.0,
    ),
    Measure(
        "predictive_parity_gap",
        "Predictive parity gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest precision of any group minus the lowest.",
    ),
    Measure(
        "roc_auc_gap",
        "ROC AUC gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest ROC AUC of any group minus the lowest.",
    ),
    Measure(
        "calibration_gap",
        "Calibration gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest mean score minus observed rate of any group minus the lowest.",
    ),
    *MULTICLASS_FAIRNESS.values(),
    *REGRESSION_FAIRNESS.values(),
    *RANKING_FAIRNESS.values(),
)

#: What is shown of a suite's measures where only what matters most has room, that first.
HEADLINES: dict[Task, tuple[str, ...]] = {
    Task.BINARY: ("roc_auc", "average_precision", "brier", "calibration_error", "precision", "recall"),
    Task.MULTICLASS: (
        "macro_f1",
        "accuracy",
        "balanced_accuracy",
        "macro_roc_auc",
        "log_loss",
        "calibration_error",
    ),
    Task.REGRESSION: (
        "r_squared",
        "mean_absolute_error",
        "root_mean_squared_error",
        "median_absolute_error",
        "mean_error",
        "spearman",
    ),
    Task.RANKING: (
        "ndcg_at_10",
        "ndcg_at_5",
        "mean_reciprocal_rank",
        "mean_average_precision",
        "precision_at_10",
        "recall_at_10",
    ),
}

#: Below these a group's measures swing too far to judge it by.
MIN_ROWS = 100
MIN_POSITIVES = 30


def enough_rows(task: Task) -> str:
    """How many rows, or queries, a group needs before it is judged, inside a sentence."""
    if task is Task.RANKING:
        return f"{MIN_ROWS} queries"
    return f"{MIN_ROWS} rows" + (f" with {MIN_POSITIVES} positives" if task is Task.BINARY else "")


#: What a policy may demand of each group by itself: the keys of `metrics` in an entry of `groups`, and of crossings
#: and slices, whose entries have the same form.
GROUP_METRICS = {
    name: METRICS[name]
    for name in (
        "roc_auc",
        "calibration_error",
        "selection_rate",
        "recall",
        "false_positive_rate",
        "precision",
        "accuracy",
        "base_rate",
    )
} | (MULTICLASS_GROUP_METRICS | REGRESSION_GROUP_METRICS | RANKING_GROUP_METRICS | GROUP_ONLY)

#: What a policy may demand of the distance between groups. The signed differences are left out: a limit on
#: one side of them would pass the groups that lie on the other.
FAIRNESS_RULES = {
    name: FAIRNESS[name]
    for name in (
        "selection_rate_ratio",
        "true_positive_rate_gap",
        "equalised_odds_difference",
        "predictive_parity_gap",
        "roc_auc_gap",
        "calibration_gap",
    )
} | (MULTICLASS_FAIRNESS_RULES | REGRESSION_FAIRNESS_RULES | RANKING_FAIRNESS)

#: Those of them that are read of every group against another; the others of each attribute as a whole.
AGAINST_EACH = frozenset(
    {"selection_rate_ratio", "accuracy_ratio", "mean_absolute_error_ratio", "ndcg_ratio"}
)
