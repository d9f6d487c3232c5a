"""The evaluation's jobs. What they do is in `running`; here it is begun, recorded and ended."""

from __future__ import annotations

from typing import Any

from countersign.actors import Actor
from countersign.blobs.store import kept_or_discarded
from countersign.jobs.handlers import JobContext, JobFailed, handler, on_failure
from countersign.jobs.models import Job
from governance.evaluation.actions import EVALUATE, record_failure, record_results, request_evaluation
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.running import STEPS, run
from governance.evaluation.suites import SUITES
from registry.versions.models import ModelVersion

EVALUATE_NEW_VERSION = "governance.evaluate_new_version"


@handler(EVALUATE_NEW_VERSION, title="Start evaluations of a new version")
def evaluate_new_version(context: JobContext) -> dict[str, Any]:
    """Ask for an evaluation on each dataset version the upload named for evaluation."""
    version = ModelVersion.objects.select_related("model").get(id=context.args["version"])
    with context.finishing() as result:
        result["evaluations"] = [
            request_evaluation(
                version=version, dataset_version=used.dataset_version, actor=context.actor
            ).number
            for used in version.inputs.filter(context="evaluation").select_related("dataset_version__dataset")
        ]
    return result


@handler(EVALUATE, queue="evaluation", title="Evaluation", retryable=False, plan=STEPS)
def evaluate(context: JobContext) -> dict[str, Any]:
    """Measure one version on one dataset version. May run again after a lost worker: nothing is written before the
    end, and the end is one transaction."""
    evaluation = Evaluation.objects.select_related("version__model", "dataset_version__dataset").get(
        id=context.args["evaluation"]
    )
    if evaluation.state != EvaluationState.WAITING:
        return {"evaluation": evaluation.number}
    found = run(context, evaluation, SUITES[evaluation.suite])
    with kept_or_discarded([found.scores]), context.finishing() as result:
        record_results(
            evaluation=evaluation,
            results=found.results,
            circumstances=found.circumstances,
            scores=found.scores,
            actor=context.actor,
        )
        result["evaluation"] = evaluation.number
    return result


@on_failure(EVALUATE)
def end_evaluation(job: Job, failure: JobFailed, actor: Actor) -> None:
    """The evaluation ends with its job, in the same transaction."""
    evaluation = Evaluation.objects.select_related("version").get(id=job.args["evaluation"])
    if evaluation.state == EvaluationState.WAITING:
        record_failure(
            evaluation=evaluation,
            code=failure.code,
            message=failure.message,
            said=failure.said,
            circumstances=failure.circumstances,
            actor=actor,
        )
