"""The measures that only a classifier of several classes has, as people meet them. Imports no numerical library."""

from functools import partial

from governance.evaluation.measures.measure import Better, Measure, Unit, gathered
from registry.versions.tasks import Task

_measure = partial(Measure, task=Task.MULTICLASS)
_higher = partial(_measure, better=Better.HIGHER, unit=Unit.SCORE)

#: The keys of `metrics` in the result of a multi-class suite, beside those a binary one gives too. Averages are over
#: the classes the data holds: macro counts each class alike, weighted each row.
MULTICLASS = gathered(
    _higher(
        "macro_f1",
        "Macro F1",
        meaning="F1 of each class, averaged so that a rare class counts as much as a common one.",
    ),
    _higher("macro_precision", "Macro precision", meaning="The precision of each class, averaged alike."),
    _higher("macro_recall", "Macro recall", meaning="The recall of each class, averaged alike."),
    _higher(
        "weighted_f1", "Weighted F1", meaning="F1 of each class, averaged by how many rows the class has."
    ),
    _higher(
        "weighted_precision",
        "Weighted precision",
        meaning="The precision of each class, averaged by how many rows the class has.",
    ),
    _higher(
        "weighted_recall",
        "Weighted recall",
        meaning="The recall of each class, averaged by how many rows the class has, which is accuracy.",
    ),
    _higher(
        "macro_roc_auc",
        "Macro ROC AUC",
        meaning="How well each class is ranked against all others, averaged alike; luck gives 0.5.",
    ),
    _higher(
        "top_3_accuracy",
        "Top-3 accuracy",
        meaning="The share of rows whose class is among the three most probable.",
    ),
    _higher(
        "cohens_kappa",
        "Cohen\N{RIGHT SINGLE QUOTATION MARK}s kappa",
        meaning="Agreement of prediction and label beyond luck; luck is 0 and a perfect prediction 1.",
    ),
)

#: The keys of `fairness` in the result of a multi-class suite. A group is held against all other rows.
MULTICLASS_FAIRNESS = gathered(
    _higher(
        "accuracy_ratio",
        "Accuracy ratio",
        meaning="A group's accuracy divided by that of all other rows; at 1 both are predicted alike.",
    ),
    _measure(
        "accuracy_difference",
        "Accuracy difference",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "A group's accuracy minus that of all other rows.",
        ideal=0.0,
    ),
    _measure(
        "accuracy_gap",
        "Accuracy gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest accuracy of any group minus the lowest.",
    ),
    _measure(
        "balanced_accuracy_gap",
        "Balanced accuracy gap",
        Better.LOWER,
        Unit.SCORE,
        "The highest balanced accuracy of any group minus the lowest.",
    ),
)

#: What a policy may demand of each group by itself, beside what groups of a binary classifier have too.
MULTICLASS_GROUP_METRICS = gathered(
    _higher(
        "balanced_accuracy",
        "Balanced accuracy",
        meaning="The recall of each class, averaged so that a rare class counts as much as a common one.",
    ),
)

#: What a policy may demand of the distance between groups.
MULTICLASS_FAIRNESS_RULES = {
    name: MULTICLASS_FAIRNESS[name] for name in ("accuracy_ratio", "accuracy_gap", "balanced_accuracy_gap")
}
