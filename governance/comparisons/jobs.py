"""The comparison job: two files of scores and the labels, differences out.

The ML libraries are imported inside the functions: the web process imports this module to know the job's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countersign.blobs.store import local_path, open_blob
from countersign.jobs.handlers import JobContext, JobFailed, handler
from governance.comparisons.actions import record_comparison
from governance.comparisons.queries import COMPARE, why_not_paired
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import SUITES
from registry.versions.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@handler(COMPARE, queue="evaluation", title="Comparison on the same rows")
def compare(context: JobContext) -> dict[str, Any]:
    """Measure the paired differences of two evaluations. No model runs: their scores were kept."""
    rows = Evaluation.objects.select_related("version__model", "dataset_version__dataset", "scores").in_bulk(
        [context.args["evaluation"], context.args["against"]]
    )
    named = {str(key): one for key, one in rows.items()}
    evaluation, against = named[context.args["evaluation"]], named[context.args["against"]]
    if reason := why_not_paired(evaluation, against):
        raise JobFailed("not_comparable", reason)
    context.step("Reading labels and scores", str(evaluation.dataset_version), progress=0.1)
    labels = _labels(evaluation)
    ours, theirs = _scores(evaluation, len(labels)), _scores(against, len(labels))
    context.step("Measuring the differences", f"{len(labels):,} rows", progress=0.3)
    document = _document(evaluation, against, _differences(evaluation, labels, ours, theirs))
    with context.finishing() as result:
        comparison = record_comparison(
            evaluation=evaluation, against=against, document=document, actor=context.actor
        )
        result["comparison"] = str(comparison.id)
    return result


def _labels(evaluation: Evaluation) -> NDArray[Any]:
    from governance.evaluation.data import open_data

    data_version, suite = evaluation.dataset_version, SUITES[evaluation.suite]
    if data_version.blob is None:
        raise JobFailed(
            "data_elsewhere", f"{data_version} is kept elsewhere; upload its file to compare on it."
        )
    with local_path(data_version.blob) as path:
        data = open_data(
            path,
            data_format=data_version.format,
            features=[],
            target=data_version.target,
            positive_label=data_version.positive_label,
            sensitive_attributes=[],
            task=suite.task,
        )
    return data.labels


def _scores(evaluation: Evaluation, rows: int) -> NDArray[np.float64]:
    import numpy as np

    if evaluation.scores is None:
        raise JobFailed("not_comparable", f"No scores are kept of evaluation {evaluation.number}.")
    with open_blob(evaluation.scores) as file:
        scores = np.frombuffer(file.read(), dtype="<f8")
    if len(scores) != rows:
        raise JobFailed(
            "not_comparable",
            f"Evaluation {evaluation.number} scored {len(scores):,} rows, and the data has {rows:,}.",
        )
    return scores


def _differences(
    evaluation: Evaluation, labels: NDArray[Any], ours: NDArray[Any], theirs: NDArray[Any]
) -> dict[str, Any]:
    from governance.evaluation.measures import compare_paired, compare_paired_regression

    suite, results = SUITES[evaluation.suite], evaluation.results_document
    try:
        if suite.task is Task.REGRESSION:
            return compare_paired_regression(
                actual=labels,
                predicted=ours,
                champion_predicted=theirs,
                tolerance=results["tolerance"],
                seed=suite.seed,
                draws=suite.draws,
            )
        return compare_paired(
            labels=labels,
            scores=ours,
            champion_scores=theirs,
            threshold=results["threshold"],
            seed=suite.seed,
            draws=suite.draws,
        )
    except ValueError as error:
        raise JobFailed("not_measurable", f"The pair cannot be measured: {error}") from error


def _document(evaluation: Evaluation, against: Evaluation, measured: dict[str, Any]) -> dict[str, Any]:
    """Nothing here depends on when or where it ran."""
    return {
        "schema": "countersign/comparison/1",
        "suite": {"name": evaluation.suite, "revision": evaluation.suite_revision},
        "dataset": {
            "name": evaluation.dataset_version.dataset.name,
            "number": evaluation.dataset_version.number,
            "digest": f"sha256:{evaluation.dataset_version.digest}",
        },
        **{
            role: {
                "model": one.version.model.name,
                "number": one.version.number,
                "results_digest": f"sha256:{one.results_digest}",
            }
            for role, one in (("this", evaluation), ("champion", against))
        },
        **measured,
    }
