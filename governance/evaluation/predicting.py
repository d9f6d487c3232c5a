"""The scores of every row: from one process of the model, or, of large data, from parts that are predicted wherever
a worker is free."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from countersign.blobs.store import Incoming, receive
from countersign.jobs.handlers import JobContext, JobFailed, Wait
from countersign.web.formats import plural
from governance.evaluation.models import Evaluation, EvaluationPart
from governance.evaluation.pace import Pace
from governance.evaluation.parts.actions import is_ready, split_evaluation
from governance.evaluation.parts.merging import merged
from governance.evaluation.preparing import Prepared
from governance.evaluation.suites import Suite
from registry.versions.tasks import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from governance.evaluation.data import EvaluationData
    from governance.evaluation.sandbox import EvaluationFailed, Limits, Outcome


#: Where predicting begins and ends within an evaluation's progress.
FROM, UNTIL = 0.3, 0.5

Predict = Callable[..., "Outcome"]


def predictor(context: JobContext, prepared: Prepared, task: Task, path: Path) -> Predict:
    """What asks one process of the model: called with `batches` and their `rows`, and whatever else `predict` takes."""
    from governance.evaluation.sandbox import TRUSTED_SKOPS_TYPES, predict

    return partial(
        predict,
        artifact=path,
        flavour=prepared.flavour,
        limits=prepared.limits,
        isolation=prepared.isolation,
        trusted_types=TRUSTED_SKOPS_TYPES,
        task=task,
        cancelled=context.cancelled,
    )


def answers(
    context: JobContext,
    evaluation: Evaluation,
    suite: Suite,
    data: EvaluationData,
    predicted: Predict,
    limits: Limits,
) -> Outcome:
    """The model's answer for all rows. More than COUNTERSIGN_EVALUATION_PART_ROWS are spread over parts, and Wait is
    raised until these have ended. Raises JobFailed, EvaluationFailed."""
    parts = list(evaluation.parts.select_related("scores").order_by("number"))
    if not parts and data.rows <= settings.EVALUATION_PART_ROWS:
        pace = Pace(context.progress, data.rows, low=FROM, high=UNTIL)
        return predicted(
            batches=pace.over(data.batches(suite.batch_rows)),
            rows=data.rows,
            keep=kept_class(evaluation, suite),
        )
    if not parts:
        # Whole batches, so that each holds the rows it would hold in one run.
        part_rows = settings.EVALUATION_PART_ROWS // suite.batch_rows * suite.batch_rows
        parts = split_evaluation(
            evaluation=evaluation,
            rows=data.rows,
            part_rows=max(part_rows, suite.batch_rows),
            actor=context.actor,
        )
    wait_for_parts(context, evaluation, parts)
    return merged(parts, limits)


def kept_class(evaluation: Evaluation, suite: Suite) -> str | None:
    """Of two classes the one whose probabilities alone are kept: the other's are what is missing to 1."""
    return evaluation.dataset_version.positive_label if suite.task is Task.BINARY else None


def wait_for_parts(context: JobContext, evaluation: Evaluation, parts: list[EvaluationPart]) -> None:
    """Nothing where all parts are there, or there are none. Raises Wait, or JobFailed with what one failed of."""
    for part in parts:
        if part.failure_code:
            raise JobFailed(
                part.failure_code,
                part.failure,
                said=part.failure_said,
                circumstances=part.circumstances,
            )
    if missing := sum(not part.ended for part in parts):
        identity = evaluation.id
        raise Wait(
            f"Waiting for {plural(missing, 'part')} of {len(parts)} to be predicted",
            ready=lambda: is_ready(identity),
        )
    if parts:
        context.at_least = context.job.progress


def job_failure(context: JobContext, failure: EvaluationFailed, suspect: str = "") -> JobFailed:
    """What the job fails of when its sandbox did; `suspect` is a further sentence. Raises Cancelled where somebody
    asked for that."""
    context.check()
    # Of these two, nothing of the file has run: the one names the types itself, and of the other only what the next
    # export would meet again is worth saying.
    if failure.code == "untrusted_types" or (failure.code == "library_version" and "__main__" not in suspect):
        suspect = ""
    return JobFailed(
        failure.code, f"{failure.message}{suspect}", said=failure.said, circumstances=failure.circumstances
    )


def received(scores: NDArray[np.float64]) -> Incoming:
    """The scores as a file that no row names yet."""
    content = scores.astype("<f8", order="C", copy=False).data.cast("B")
    step = 1 << 20
    blocks = (bytes(content[at : at + step]) for at in range(0, len(content), step))
    return receive(blocks, size=len(content), expected_sha256=None, limit=len(content))
