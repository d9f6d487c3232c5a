"""Measuring what the sandbox brought back: labels and scores in, the measured half of the results out, by task."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from countersign.jobs.handlers import JobFailed
from governance.evaluation.labels import canonical_label
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import Suite
from registry.versions.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import Outcome

    Measured = tuple[dict[str, Any], NDArray[np.float64]]

DEFAULT_THRESHOLD = 0.5


def measure(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    """The measures of the whole and of its groups, and the scores they rest on, one row of numbers for each row of
    the data. Raises JobFailed where the model's answer or the data does not fit the task."""
    try:
        return _BY_TASK[suite.task](evaluation, suite, data, outcome)
    except ValueError as error:
        raise JobFailed("not_measurable", f"The data cannot be measured: {error}") from error


def _binary(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    from governance.evaluation.measures import measure_binary

    data_version, signature = evaluation.dataset_version, evaluation.version.signature
    classes = [canonical_label(name) for name in outcome.classes]
    positive = canonical_label(data_version.positive_label)
    if outcome.scores.shape[1] != 2 or positive not in classes:
        raise JobFailed(
            "not_binary",
            f"The model gives {outcome.scores.shape[1]} scores a row for the classes "
            f"{', '.join(classes) or 'unnamed'}; a binary classifier with the class "
            f"“{data_version.positive_label}” was expected.",
        )
    threshold = signature.get("threshold")
    scores = outcome.scores[:, classes.index(positive)]
    measured = measure_binary(
        labels=data.labels,
        scores=scores,
        threshold=DEFAULT_THRESHOLD if threshold is None else float(threshold),
        # Where no outcome is declared the favourable one, being selected is being predicted positive.
        favourable_is_positive=canonical_label(data_version.favourable_label or positive) == positive,
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, scores


def _regression(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    from governance.evaluation.measures import measure_regression

    predicted = outcome.scores[:, 0]
    measured = measure_regression(
        actual=data.labels,
        predicted=predicted,
        tolerance=evaluation.version.signature.get("tolerance"),
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, predicted


_BY_TASK: dict[Task, Callable[[Evaluation, Suite, EvaluationData, Outcome], Measured]] = {
    Task.BINARY: _binary,
    Task.REGRESSION: _regression,
}
