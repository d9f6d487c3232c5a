"""Parts of an evaluation: made, ended, dropped. They are work in progress, like the steps of a job: the ledger entry
that ends the evaluation is the one that tells of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.store import Incoming
from countersign.errors import Conflict
from countersign.jobs.actions import end_jobs, enqueue, wake
from countersign.jobs.handlers import JobFailed
from governance.evaluation.models import Evaluation, EvaluationPart, EvaluationState

EVALUATE_PART = "governance.evaluate_part"


@transaction.atomic
def split_evaluation(
    *, evaluation: Evaluation, rows: int, part_rows: int, actor: Actor
) -> list[EvaluationPart]:
    """A part and its job for every `part_rows` of the data's `rows`, in order; those that are there already are left
    as they are. Raises Conflict when the evaluation has ended."""
    evaluation = lock_waiting(evaluation)
    made = list(evaluation.parts.order_by("number"))
    if made:
        return made
    for number, start in enumerate(range(0, rows, part_rows), 1):
        part = EvaluationPart.objects.create(
            evaluation=evaluation, number=number, start=start, stop=min(start + part_rows, rows)
        )
        enqueue(
            kind=EVALUATE_PART,
            key=str(part.id),
            actor=actor,
            args={"part": part.id},
            subject=evaluation,
            team=evaluation.version.model.team_id,
        )
        made.append(part)
    return made


@transaction.atomic
def record_part(*, part: EvaluationPart, scores: Incoming, answer: dict[str, Any]) -> None:
    """Keep what the model answered for the rows of a part; the last part wakes the evaluation's job. Call inside the
    part's `finishing()`. Raises Conflict when the evaluation has ended, or the part."""
    part = _lock_open(part)
    part.scores = keep_blob(scores)
    part.answer = answer
    part.save()
    _wake_after_commit(part.evaluation)


@transaction.atomic
def record_part_failure(*, part: EvaluationPart, failure: JobFailed) -> None:
    """Say why the rows of a part will never be predicted, and wake the evaluation's job, which fails by it. Call
    inside the transaction that ends the part's job. Raises Conflict when the evaluation has ended, or the part."""
    part = _lock_open(part)
    part.failure_code, part.failure, part.failure_said = failure.code, failure.message, failure.said
    part.circumstances = failure.circumstances
    part.save()
    _wake_after_commit(part.evaluation)


def drop_parts(*, evaluation: Evaluation) -> None:
    """End the parts with their evaluation, in the transaction that ends it: their jobs stop, and nothing names their
    scores any more, so that the collector of bytes takes them."""
    # Jobs before parts, as a part's job locks them when it ends.
    end_jobs(kind=EVALUATE_PART, subject=evaluation)
    evaluation.parts.all().delete()


def _wake_after_commit(evaluation: Evaluation) -> None:
    """Once the evaluation's parts have all ended, or one has failed; its job's row is locked by no part."""
    job, identity = evaluation.job_id, evaluation.id

    def wake_if_ready() -> None:
        if is_ready(identity):
            wake(job=job)

    transaction.on_commit(wake_if_ready, robust=True)


def is_ready(evaluation: UUID) -> bool:
    """Whether the evaluation with this id need wait for its parts no longer: all are there, or one failed."""
    parts = EvaluationPart.objects.filter(evaluation=evaluation)
    return parts.exclude(failure_code="").exists() or not parts.filter(scores__isnull=True).exists()


def _lock_open(part: EvaluationPart) -> EvaluationPart:
    locked = EvaluationPart.objects.select_for_update().filter(id=part.id).first()
    if locked is None or locked.ended:
        raise Conflict("The evaluation has ended, or this part of it.", code="evaluation_ended")
    locked.evaluation = part.evaluation
    return locked


def lock_waiting(evaluation: Evaluation) -> Evaluation:
    """The evaluation's row, locked. Raises Conflict when it has ended."""
    locked = Evaluation.objects.select_for_update().get(id=evaluation.id)
    if locked.state != EvaluationState.WAITING:
        raise Conflict(f"Evaluation {locked.number} has {locked.state} already.", code="evaluation_ended")
    return locked
