"""The job of one part: predict its rows, on any machine, and keep the scores.

The ML libraries are imported inside the functions: the web process imports this module to know the job's name.
"""

from __future__ import annotations

import platform
import time
from typing import Any

from countersign import clock
from countersign.actors import Actor
from countersign.blobs.store import kept_or_discarded, local_path
from countersign.jobs.actions import tell_waiting
from countersign.jobs.handlers import Cancelled, JobContext, JobFailed, handler, on_failure
from countersign.jobs.models import Job
from governance.evaluation.models import EvaluationPart
from governance.evaluation.pace import Pace
from governance.evaluation.parts.actions import EVALUATE_PART, record_part, record_part_failure
from governance.evaluation.parts.queries import how_far
from governance.evaluation.predicting import job_failure, kept_class, predictor, received
from governance.evaluation.preparing import prepare
from governance.evaluation.suites import SUITES


@handler(
    EVALUATE_PART,
    queue="evaluation",
    title="Part of an evaluation",
    retryable=False,
    plan=("Opening the data", "Predicting in the sandbox"),
)
def evaluate_part(context: JobContext) -> dict[str, Any]:
    """Predict the rows of one part. May run again after a lost worker: nothing is written before the end."""
    from governance.evaluation.data import open_features
    from governance.evaluation.sandbox import EvaluationFailed

    part = (
        EvaluationPart.objects.select_related(
            "evaluation__version__model", "evaluation__dataset_version__blob"
        )
        .filter(id=context.args["part"])
        .first()
    )
    if part is None:  # the evaluation has ended, and its parts with it
        raise Cancelled
    evaluation = part.evaluation
    suite, prepared = SUITES[evaluation.suite], prepare(evaluation)
    rows = part.stop - part.start
    context.step("Opening the data", str(evaluation.dataset_version), progress=0.0)
    began, started = clock.now(), time.monotonic()
    with local_path(prepared.artifact.blob) as path, local_path(prepared.data) as data_path:
        data = open_features(
            data_path,
            data_format=evaluation.dataset_version.format,
            features=list(prepared.types),
            tick=lambda _: context.check(),
        )
        context.step("Predicting in the sandbox", f"rows {part.start + 1:,} to {part.stop:,}", progress=0.05)

        def tell(share: float, message: str) -> None:
            context.progress(share, message)
            tell_waiting(job=evaluation.job_id, **how_far(evaluation))

        batches = data.batches(suite.batch_rows, start=part.start, stop=part.stop)
        predicted = predictor(context, prepared, suite.task, path)
        try:
            outcome = predicted(
                batches=Pace(tell, rows, low=0.05, high=1.0).over(batches),
                rows=rows,
                keep=kept_class(evaluation, suite),
            )
        except EvaluationFailed as failure:
            raise job_failure(context, failure) from failure
    scores = received(outcome.scores)
    answer = {
        "classes": list(outcome.classes),
        "columns": int(outcome.scores.shape[1]),
        "latencies": list(outcome.latencies),
        "circumstances": outcome.circumstances,
        "host": platform.node(),
        "started_at": clock.stamp(began),
        "seconds": round(time.monotonic() - started, 3),
    }
    with kept_or_discarded([scores]), context.finishing() as result:
        record_part(part=part, scores=scores, answer=answer)
        result["rows"] = rows
    return result


@on_failure(EVALUATE_PART)
def end_part(job: Job, failure: JobFailed, actor: Actor) -> None:
    """The part ends with its job, in the same transaction; the evaluation's own job fails by it."""
    part = EvaluationPart.objects.select_related("evaluation").filter(id=job.args["part"]).first()
    if part is not None and not part.ended:
        record_part_failure(part=part, failure=failure)
