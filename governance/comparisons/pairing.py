"""Two evaluations row by row: the labels they share, the scores that were kept of each, and their differences by task.

The ML libraries are imported inside the functions: the web process imports this module with the job's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from countersign.blobs.store import local_path, open_blob
from countersign.jobs.handlers import JobFailed
from governance.evaluation.labels import canonical_label
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import SUITES
from registry.versions.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from governance.evaluation.data import EvaluationData

    Scores = NDArray[np.float64]


def opened(evaluation: Evaluation, *, tick: Callable[[int], None]) -> EvaluationData:
    """What happened in each row, and the groups of the declared attributes; no feature is read. `tick` hears how many
    rows were read and may raise. Raises JobFailed where the file lies elsewhere or no longer fits."""
    from governance.evaluation.data import open_data

    data = evaluation.dataset_version
    if data.blob is None:
        raise JobFailed("data_elsewhere", f"{data} is kept elsewhere; upload its file to compare on it.")
    with local_path(data.blob) as path:
        return open_data(
            path,
            data_format=data.format,
            features=[],
            target=data.target,
            positive_label=data.positive_label,
            sensitive_attributes=data.sensitive_attributes,
            query_column=data.query_column,
            task=SUITES[evaluation.suite].task,
            tick=tick,
        )


def scores_of(evaluation: Evaluation, rows: int) -> Scores:
    """The kept scores: a number each row, or of several classes a table with a column for each class the model knows.
    Raises JobFailed where there are none, or not for these rows."""
    import numpy as np

    if evaluation.scores is None:
        raise JobFailed("not_comparable", f"No scores are kept of evaluation {evaluation.number}.")
    with open_blob(evaluation.scores) as file:
        scores = np.frombuffer(file.read(), dtype="<f8")
    columns = 1
    if SUITES[evaluation.suite].task is Task.MULTICLASS:
        columns = len(_known_classes(evaluation))
    if len(scores) != rows * columns:
        raise JobFailed(
            "not_comparable",
            f"Evaluation {evaluation.number} scored {len(scores) // columns:,} rows, and the data has {rows:,}.",
        )
    return scores.reshape(rows, columns) if columns > 1 else scores


def _known_classes(evaluation: Evaluation) -> list[str]:
    """The classes the model gives a score for, in the order of the columns."""
    results = evaluation.results_document
    unknown = set(results["absent"]["from_model"])
    return [name for name in results["classes"] if name not in unknown]


def differences_of(
    evaluation: Evaluation, against: Evaluation, data: EvaluationData, ours: Scores, theirs: Scores
) -> dict[str, Any]:
    """The differences of `evaluation` minus `against`. Raises ValueError where they cannot be measured."""
    from governance.evaluation import measures

    suite, results = SUITES[evaluation.suite], evaluation.results_document
    how: dict[str, Any] = {"seed": suite.seed, "draws": suite.draws}
    match suite.task:
        case Task.REGRESSION:
            return measures.compare_paired_regression(
                actual=data.labels,
                predicted=ours,
                champion_predicted=theirs,
                tolerance=results["tolerance"],
                groups=data.groups,
                **how,
            )
        case Task.MULTICLASS:
            return _of_classes(evaluation, against, data, ours, theirs, how)
        case Task.RANKING:
            return measures.compare_paired_ranking(
                relevance=data.labels,
                scores=ours,
                champion_scores=theirs,
                queries=data.queries,
                groups=data.groups,
                **how,
            )
    wanted = evaluation.dataset_version
    positive = canonical_label(wanted.positive_label)
    return measures.compare_paired(
        labels=data.labels,
        scores=ours,
        champion_scores=theirs,
        threshold=results["threshold"],
        groups=data.groups,
        favourable_is_positive=canonical_label(wanted.favourable_label or positive) == positive,
        **how,
    )


def _of_classes(
    evaluation: Evaluation,
    against: Evaluation,
    data: EvaluationData,
    ours: Scores,
    theirs: Scores,
    how: dict[str, Any],
) -> dict[str, Any]:
    """Each model's columns put to the classes that any of the two, or the data, knows."""
    import numpy as np

    from governance.evaluation.measures import compare_paired_classes

    mine, other = _known_classes(evaluation), _known_classes(against)
    # this version's own order first: of equal probabilities the first class is predicted
    names = list(dict.fromkeys([*mine, *other, *data.classes]))

    def spread(scores: Scores, known: list[str]) -> Scores:
        table = np.zeros((len(scores), len(names)))
        table[:, [names.index(name) for name in known]] = scores
        return table

    place = np.array([names.index(name) for name in data.classes])
    return compare_paired_classes(
        labels=place[data.labels],
        probabilities=spread(ours, mine),
        champion_probabilities=spread(theirs, other),
        names=names,
        groups=data.groups,
        **how,
    )
