"""The comparison job: two files of scores and the labels, differences out."""

from __future__ import annotations

from typing import Any

from countersign.jobs.handlers import JobContext, JobFailed, handler
from governance.comparisons.actions import record_comparison
from governance.comparisons.pairing import differences_of, opened, scores_of
from governance.comparisons.queries import COMPARE, why_not_paired
from governance.evaluation.models import Evaluation


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
    data = opened(evaluation, tick=lambda _: context.check())
    ours, theirs = scores_of(evaluation, data.rows), scores_of(against, data.rows)
    context.step("Measuring the differences", f"{data.rows:,} rows", progress=0.3)
    try:
        measured = differences_of(evaluation, against, data, ours, theirs)
    except ValueError as error:
        raise JobFailed("not_measurable", f"The pair cannot be measured: {error}") from error
    document = _document(evaluation, against, measured)
    with context.finishing() as result:
        comparison = record_comparison(
            evaluation=evaluation, against=against, document=document, actor=context.actor
        )
        result["comparison"] = str(comparison.id)
    return result


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
