"""Measuring what the sandbox brought back: labels and scores in, the measured half of the results out, by task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    the data: for a binary classifier that of the positive class, for several classes one for each class the model
    knows, else the prediction. They are kept as `form_of` says. Raises JobFailed where the model's answer or the data
    does not fit the task."""
    from governance.evaluation.measures.custom import measure_custom

    try:
        measured, scores = _BY_TASK[suite.task](evaluation, suite, data, outcome)
    except ValueError as error:
        raise JobFailed("not_measurable", f"The data cannot be measured: {error}") from error
    own, left_out = measure_custom(
        task=suite.task.value,
        labels=data.labels,
        scores=scores,
        threshold=measured.get("threshold"),
        seed=suite.seed,
    )
    if own:
        measured["custom"] = own
    if left_out:
        measured["not_measured"] = [*measured.get("not_measured", []), *left_out]
    return measured, scores


def _binary(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    from governance.evaluation.measures import measure_binary

    data_version, signature = evaluation.dataset_version, evaluation.version.signature
    positive = canonical_label(data_version.positive_label)
    threshold = signature.get("threshold")
    scores = outcome.scores[:, 0]  # the positive class alone is kept
    measured = measure_binary(
        labels=data.labels,
        scores=scores,
        threshold=DEFAULT_THRESHOLD if threshold is None else float(threshold),
        # Where no outcome is declared the favourable one, being selected is being predicted positive.
        favourable_is_positive=canonical_label(data_version.favourable_label or positive) == positive,
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
        costs=signature.get("costs"),
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


def _multiclass(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    """The kept scores have a column for each class the model knows, in the order of `classes` in the results."""
    import numpy as np

    from governance.evaluation.measures import measure_multiclass
    from governance.evaluation.measures.sorted_rows import taken

    known = [canonical_label(name) for name in outcome.classes]
    if len(known) != outcome.scores.shape[1] or len(set(known)) != len(known):
        raise JobFailed(
            "classes_unknown",
            f"The model gives {outcome.scores.shape[1]} scores a row and names {len(set(known))} different classes, so "
            "it is unknown which score is whose. Save it with one class for each score.",
        )
    if not set(known) & set(data.classes):
        raise JobFailed(
            "classes_differ",
            f"The model tells apart {_listed(known)}, and “{evaluation.dataset_version.target}” holds "
            f"{_listed(data.classes)}: no class is in both. Choose data with the classes it was trained on.",
        )
    classes = [*known, *(name for name in data.classes if name not in known)]
    place = np.array([classes.index(name) for name in data.classes], np.min_scalar_type(len(classes)))
    measured = measure_multiclass(
        labels=taken(place, data.labels),
        probabilities=outcome.scores,
        classes=classes,
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, outcome.scores


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names[:5]) + (" …" if len(names) > 5 else "")


def _ranking(evaluation: Evaluation, suite: Suite, data: EvaluationData, outcome: Outcome) -> Measured:
    from governance.evaluation.data.coding import MISSING_GROUP
    from governance.evaluation.measures import measure_ranking

    if data.queries is None or MISSING_GROUP in data.queries.names:
        raise JobFailed(
            "queries_missing",
            f"Rows have no “{evaluation.dataset_version.query_column}”, so nothing says which of them were asked for "
            "together. Register the data without them.",
        )
    scores = outcome.scores[:, 0]
    measured = measure_ranking(
        relevance=data.labels,
        scores=scores,
        queries=data.queries,
        groups=data.groups,
        seed=suite.seed,
        draws=suite.draws,
    )
    return measured, scores


def form_of(scores: NDArray[np.float64]) -> str:
    """How kept scores are written, for the circumstances: whoever reads them must know where a row ends."""
    columns = 1 if scores.ndim == 1 else scores.shape[1]
    if columns == 1:
        return "float64, little-endian, a row each"
    return f"float64, little-endian, {columns} in a row, a row after the other"


_BY_TASK: dict[Task, Callable[[Evaluation, Suite, EvaluationData, Outcome], Measured]] = {
    Task.BINARY: _binary,
    Task.MULTICLASS: _multiclass,
    Task.REGRESSION: _regression,
    Task.RANKING: _ranking,
}
