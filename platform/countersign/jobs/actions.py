"""Making, cancelling and retrying jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from countersign import broker, clock
from countersign.actors import Actor
from countersign.errors import Conflict
from countersign.jobs import handlers
from countersign.jobs.models import Job, JobState
from countersign.jobs.verbs import JOB_CANCELLED, JOB_RETRIED
from countersign.ledger.append import append_entry
from countersign.ledger.models import Recorded

RUN_JOB = "countersign.jobs.tasks.run_job"


def enqueue(
    *,
    kind: str,
    key: str,
    actor: Actor,
    args: Mapping[str, Any],
    subject: Recorded | None = None,
    team: UUID | None = None,
    run_after: datetime | None = None,
) -> Job:
    """A durable job in the caller's transaction, sent to a worker after commit; the same live kind and key gives
    the same job. Raises RuntimeError outside a transaction, KeyError for an unknown kind."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a job is made in the transaction of the action that asks for it")
    queue = handlers.handler_of(kind).queue
    now = clock.now()
    job, created = Job.objects.get_or_create(
        kind=kind,
        key=key,
        state__in=[JobState.QUEUED, JobState.RUNNING],
        defaults={
            "state": JobState.QUEUED,
            "queue": queue,
            "args": dict(args),
            "message": "Waiting for a worker",
            "subject_type": subject.ledger_type if subject else "",
            "subject_ref": subject.id if subject else None,
            "team": team,
            "actor_kind": actor.kind,
            "actor_ref": actor.ref,
            "actor_label": actor.label,
            "act": actor.act,
            "request": actor.request,
            "created_at": now,
            "run_after": run_after or now,
        },
    )
    if created:
        send_after_commit(job)
    return job


def send_after_commit(job: Job) -> None:
    """Tell a worker once the caller's transaction is committed; whatever goes wrong then fails no request."""
    job_id, queue = job.id, job.queue

    def tell() -> None:
        send(job_id, queue)

    transaction.on_commit(tell, robust=True)


def send(job: UUID, queue: str) -> None:
    """Tell a worker of the queue about a job and note when; a dead broker is left to the sweeper."""
    if broker.send(RUN_JOB, [str(job)], queue=queue):
        Job.objects.filter(id=job, state=JobState.QUEUED).update(sent_at=clock.now())


def wake(*, job: UUID) -> None:
    """Send on a job that waits for others (`Wait`); harmless where it does not."""
    if Job.objects.filter(id=job, state=JobState.QUEUED).update(run_after=clock.now()):
        send(job, Job.objects.values_list("queue", flat=True).get(id=job))


def tell_waiting(*, job: UUID, progress: float, message: str) -> None:
    """Say on a job that waits for others how far these are."""
    Job.objects.filter(id=job, state=JobState.QUEUED).update(progress=progress, message=message[:300])


def end_jobs(*, kind: str, subject: Recorded) -> None:
    """End the live jobs of a kind about one thing, since the thing has ended; running ones as soon as their workers
    hear of it. In the transaction of the action that ends it, whose ledger entry tells of these too."""
    live = Job.objects.filter(kind=kind, subject_type=subject.ledger_type, subject_ref=subject.id)
    message = "No longer needed"
    # In this order: a job that begins in between is found by the second statement.
    live.filter(state=JobState.QUEUED).update(
        state=JobState.CANCELLED, cancel_requested=True, ended_at=clock.now(), message=message
    )
    live.filter(state=JobState.RUNNING).update(cancel_requested=True, message=message)


@transaction.atomic
def cancel_job(*, job: Job, actor: Actor) -> Job:
    """End a job that has not ended: a queued one at once, a running one as soon as its worker hears of it (within
    two seconds). Raises Conflict when it has already ended."""
    job = Job.objects.select_for_update().get(id=job.id)
    if not job.live:
        raise Conflict(f"This job has already {job.state}. There is nothing to cancel.", code="job_ended")
    if job.state == JobState.QUEUED:
        now = clock.now()
        Job.objects.filter(id=job.id).update(
            state=JobState.CANCELLED, cancel_requested=True, ended_at=now, message="Cancelled before it began"
        )
        handlers.call_failure_hook(job, handlers.JobFailed("cancelled", "Cancelled before it began."), actor)
    else:
        Job.objects.filter(id=job.id).update(cancel_requested=True, message="Cancelling")
    append_entry(verb=JOB_CANCELLED, subject=job, actor=actor, details={"kind": job.kind, "was": job.state})
    job.refresh_from_db()
    return job


@transaction.atomic
def retry_job(*, job: Job, actor: Actor) -> Job:
    """Run a failed or cancelled job once more, with the same arguments and log, in the name of who asks now.
    Raises Conflict when it is live or succeeded, or when a newer live job has its key."""
    job = Job.objects.select_for_update().get(id=job.id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(
            f"Only a failed or cancelled job can be run again; this one is {job.state}.", code="job_live"
        )
    if not handlers.handler_of(job.kind).retryable:
        raise Conflict(
            "This kind of job is not run again: ask for it anew on its own page.", code="job_not_retryable"
        )
    twin = Job.objects.filter(
        kind=job.kind, key=job.key, state__in=[JobState.QUEUED, JobState.RUNNING]
    ).first()
    if twin is not None:
        raise Conflict(f"Job {twin.id} is doing this already.", code="job_live")
    now = clock.now()
    Job.objects.filter(id=job.id).update(
        state=JobState.QUEUED,
        attempts=0,
        claim=None,
        cancel_requested=False,
        failure="",
        failure_code="",
        progress=0,
        steps=[],
        result=None,
        message="Waiting for a worker",
        run_after=now,
        ended_at=None,
        actor_kind=actor.kind,
        actor_ref=actor.ref,
        actor_label=actor.label,
        act=actor.act,
        request=actor.request,
    )
    send_after_commit(job)
    append_entry(verb=JOB_RETRIED, subject=job, actor=actor, details={"kind": job.kind, "was": job.state})
    job.refresh_from_db()
    return job
