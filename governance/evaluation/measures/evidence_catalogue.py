"""What evidence holds beside the measures of the whole and of groups, and a policy may demand: estimates and words by
their dotted path in the results. Imports no numerical library."""

from governance.evaluation.measures.custom import custom_catalogue
from governance.evaluation.measures.measure import Better, Measure, Unit, gathered
from registry.versions.tasks import Task

#: Estimates by their path. Of which tasks each is measured stands in `EVIDENCE_TASKS`.
EVIDENCE = gathered(
    Measure(
        "leakage.row_overlap",
        "Overlap of training and evaluation rows",
        Better.LOWER,
        Unit.PERCENT,
        "The share of evaluation rows that stand in the training data too, beyond what chance alone repeats.",
    ),
    Measure(
        "leakage.single_feature",
        "What one feature alone tells",
        Better.LOWER,
        Unit.SCORE,
        "ROC AUC (of a number: rank correlation) of the most telling feature; near 1 it may be the target itself.",
    ),
    Measure(
        "data_quality.blockers",
        "Defects that block",
        Better.LOWER,
        Unit.COUNT,
        "How many defects of the evaluation data make its measures unfit to decide by.",
    ),
    Measure(
        "overfitting.gap",
        "Gap between training and evaluation",
        Better.LOWER,
        Unit.SCORE,
        "The headline measure on the training data minus that on the evaluation data; wide where it learned by heart.",
    ),
    Measure(
        "robustness.largest_drop",
        "Largest drop under disturbed inputs",
        Better.LOWER,
        Unit.SCORE,
        "How much of the headline measure the worst disturbance of the inputs costs.",
    ),
    Measure(
        "flip_rate",
        "Answers that follow a sensitive attribute",
        Better.LOWER,
        Unit.PERCENT,
        "The share of rows whose answer changes when nothing but one sensitive attribute does, for the worst of them.",
    ),
    Measure(
        "label_noise.suspected",
        "Labels that look wrong",
        Better.LOWER,
        Unit.PERCENT,
        "The share of rows whose label every sign speaks against; a hint for eyes, not a verdict.",
    ),
    Measure(
        "power.smallest_difference",
        "Smallest difference the data can show",
        Better.LOWER,
        Unit.SCORE,
        "The difference in the headline measure that data of this size would find four times in five.",
    ),
    Measure(
        "costs.expected",
        "Expected cost of 1,000 rows",
        Better.LOWER,
        Unit.TARGET,
        "What the errors of 1,000 rows cost at the declared threshold, by the prices the signature declares.",
    ),
    Measure(
        "lift.top_decile",
        "Lift of the first decile",
        Better.HIGHER,
        Unit.SCORE,
        "The share of positives among the best-scored tenth over that among all rows; luck gives 1.",
    ),
    *custom_catalogue().values(),
)

_ALL = frozenset(Task)
_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})
#: The tasks of which each estimate is measured; every task where nothing is said.
EVIDENCE_TASKS = {
    **dict.fromkeys(EVIDENCE, _ALL),
    "leakage.single_feature": _ALL - {Task.RANKING},
    "label_noise.suspected": _CLASSES,
    "costs.expected": frozenset({Task.BINARY}),
    "lift.top_decile": frozenset({Task.BINARY}),
}

#: Measures that only a group or a slice has: most hold it against all rows.
GROUP_ONLY = gathered(
    Measure(
        "roc_auc_shortfall",
        "ROC AUC shortfall",
        Better.LOWER,
        Unit.SCORE,
        "ROC AUC of all rows minus that of the group; above 0 the group is ranked worse than everybody together.",
    ),
    Measure(
        "mean_calibration",
        "Mean calibration",
        Better.NEAR_IDEAL,
        Unit.SCORE,
        "The mean score minus the observed rate: above 0 the group's scores are too high, below 0 too low.",
        ideal=0.0,
    ),
    Measure(
        "brier_difference",
        "Brier score difference",
        Better.LOWER,
        Unit.SCORE,
        "The Brier score of a slice minus that of all other rows; above 0 the slice is served worse.",
    ),
    Measure(
        "error_rate_difference",
        "Error rate difference",
        Better.LOWER,
        Unit.SCORE,
        "The share of a slice's rows predicted wrong minus that of all other rows.",
        task=Task.MULTICLASS,
    ),
)

#: What `each: robustness` reads of every scenario.
DROP = Measure(
    "drop",
    "Drop under disturbed inputs",
    Better.LOWER,
    Unit.SCORE,
    "The headline measure on the data as they are minus that on the disturbed ones.",
)

#: What evidence calls the sections that it says were not measured, where that is not the name a rule reads them by.
SECTIONS = {
    "leakage.single_feature": "Features that tell the target",
    "overfitting.gap": "Gap between training and evaluation",
    "label_noise.suspected": "Labels that look wrong",
    "robustness": "Robustness",
    "robustness.largest_drop": "Robustness",
    "flip_rate": "Flip test",
    "reproduction.verdict": "Reproduction",
    "slices": "Worst slices",
}
