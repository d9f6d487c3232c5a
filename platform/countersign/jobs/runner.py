"""Running one job: claim, heartbeat, handler, end. The sweeper sends again what was lost.

A worker claims a job by a conditional UPDATE that writes a fresh claim; whoever lost the claim writes nothing.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from psycopg.errors import DiskFull

from countersign import clock, refusals
from countersign.actors import Actor, resolve
from countersign.errors import CountersignError, Refused
from countersign.jobs import actions, handlers
from countersign.jobs.handlers import Cancelled, ClaimLost, JobContext, JobFailed, Retry, Wait
from countersign.jobs.models import Job, JobState

log = structlog.get_logger(__name__)

RESEND_SECONDS = 15
#: A lost connection, a deadlock, a restarting or full database: gone at another attempt.
_PASSING = (OperationalError, InterfaceError)
#: A job that waits for others looks for itself so often, in case the worker that was to wake it died.
LOOK_SECONDS = 60

_UNEXPECTED = "Countersign itself failed here. Tell the operator the reference {}; the log has the rest."


def _no_room(what: str) -> JobFailed:
    """A full disk, in words a person can pass on."""
    return JobFailed(
        "no_room",
        f"The {what} is full, so the result could not be kept. Nothing was half-written. Ask an administrator to "
        "make room, then run it again.",
    )


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk lies behind an error: what is being written is often closed by another one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def actor_of(job: Job) -> Actor:
    """The person who asked, with the grants they hold now, by the road `job:<id>`."""
    return resolve(
        job.actor_kind,
        job.actor_ref,
        label=job.actor_label,
        via=f"job:{job.id}",
        act=job.act,
        request=job.request,
    )


def actor_for(leaf: dict[str, Any]) -> Actor:
    """The actor of a ledger entry, for a reaction that carries on with the same act."""
    ref = leaf["actor"]["ref"]
    return resolve(
        leaf["actor"]["kind"],
        UUID(ref) if ref else None,
        label="Countersign",
        via=leaf["via"],
        act=UUID(leaf["act"]),
        request=leaf["request"],
    )


def _due(now: datetime) -> Q:
    """Jobs whose time has come; also those that were made or ran in what is the future now that the clock was moved
    back."""
    return Q(run_after__lte=now) | Q(created_at__gt=now) | Q(heartbeat_at__gt=now)


def _silent(now: datetime) -> Q:
    """Jobs whose worker gave no sign within the lease, by this clock or by one that was moved back since."""
    lease = timedelta(seconds=settings.JOB_LEASE_SECONDS)
    return Q(heartbeat_at__lt=now - lease) | Q(heartbeat_at__gt=now + lease)


def claim(job_id: UUID) -> Job | None:
    """Take a due, queued job; None when it is not there to take."""
    now = clock.now()
    taken = Job.objects.filter(_due(now), id=job_id, state=JobState.QUEUED).update(
        state=JobState.RUNNING,
        claim=uuid4(),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        started_at=now,
        heartbeat_at=now,
        message="Started",
        attempts=F("attempts") + 1,
    )
    return Job.objects.get(id=job_id) if taken else None


class Heartbeat(threading.Thread):
    """Keeps the job's lease alive and brings a request to cancel into the context within a second."""

    def __init__(self, context: JobContext) -> None:
        super().__init__(daemon=True, name=f"heartbeat-{context.job.id}")
        self._context = context
        self._ended = threading.Event()
        self._interval = min(1.0, settings.JOB_LEASE_SECONDS / 4)

    def run(self) -> None:
        job = self._context.job
        try:
            while not self._ended.wait(self._interval):
                try:
                    mine = Job.objects.filter(id=job.id, claim=job.claim, state=JobState.RUNNING)
                    if not mine.update(heartbeat_at=clock.now()):
                        self._context.is_lost = True
                        return
                    if mine.filter(cancel_requested=True).exists():
                        self._context.is_cancelled = True
                except AnyDatabaseError:
                    connection.close()  # a restarted database: the next beat connects anew
        finally:
            connection.close()

    def stop(self) -> None:
        """End the thread and wait for its last statement."""
        self._ended.set()
        self.join()


def run(job_id: UUID) -> None:
    """Claim and run one job to its end. What goes wrong is written on the job; where not even that can be written,
    the job stays ours until its lease ends, and the sweeper gives it another attempt or ends it. Raises only where
    the job cannot be claimed: then it is sent again."""
    job = claim(job_id)
    if job is None:
        return
    structlog.contextvars.bind_contextvars(job=str(job.id), job_kind=job.kind, act=str(job.act))
    try:
        _run_claimed(job)
    except _PASSING as error:
        connection.close()
        log.warning("job.database_lost", error=type(error.__cause__ or error).__name__)
    except Exception:
        log.exception("job.end_failed")
    finally:
        structlog.contextvars.unbind_contextvars("job", "job_kind", "act")


def _run_claimed(job: Job) -> None:
    heartbeat: Heartbeat | None = None
    actor = Actor.system(f"job:{job.id}")
    try:
        actor = actor_of(job)
        context = JobContext(job, actor)
        beating = Heartbeat(context)
        beating.start()
        heartbeat = beating
        result = handlers.handler_of(job.kind).function(context)
        if not context.finished:
            with context.finishing(result or {}):
                pass
    except ClaimLost:
        log.warning("job.claim_lost")
    except Cancelled:
        _end(job, actor, JobFailed("cancelled", "Cancelled."), JobState.CANCELLED)
    except Wait as pause:
        _lay_aside(job, pause)
    except Retry as trouble:
        _try_again(job, actor, trouble)
    except JobFailed as failure:
        _end(job, actor, failure, JobState.CANCELLED if failure.code == "cancelled" else JobState.FAILED)
    except Refused as refusal:
        refusals.record(actor, refusal.verdict, attempted=f"job {job.kind}")
        _end(job, actor, JobFailed(refusal.code, refusal.message), JobState.FAILED)
    except CountersignError as error:
        _end(job, actor, JobFailed(error.code, error.message), JobState.FAILED)
    except _PASSING as error:
        if not isinstance(error.__cause__, DiskFull):
            raise
        connection.close()
        _end(job, actor, _no_room("disk of the database"), JobState.FAILED)
    except Exception as error:
        if _is_disk_full(error):
            log.warning("job.disk_full", error=str(error))
            _end(job, actor, _no_room("disk of the worker"), JobState.FAILED)
        else:
            log.exception("job.crashed")
            _end(job, actor, JobFailed("unexpected", _UNEXPECTED.format(job.id)), JobState.FAILED)
    finally:
        if heartbeat is not None:
            heartbeat.stop()


def _end(job: Job, actor: Actor, failure: JobFailed, state: JobState) -> None:
    """End a job that is still ours, with what belongs to it, in one transaction.

    The job ends whatever its failure hook does: a hook that cannot take this failure is given a plain one, and one
    that cannot take that either is left out. Raises only what passes (OperationalError, InterfaceError)."""
    plain = JobFailed("unexpected", _UNEXPECTED.format(job.id))
    if failure.code == "cancelled":
        plain = JobFailed("cancelled", "Cancelled.")
    for told, hook in ((failure, True), (plain, True)):
        try:
            _end_once(job, actor, told, state, hook=hook)
            return
        except _PASSING:
            raise
        except Exception:
            log.exception("job.failure_hook_failed", code=told.code)
    _end_once(job, actor, plain, state, hook=False)


def _end_once(job: Job, actor: Actor, failure: JobFailed, state: JobState, *, hook: bool) -> None:
    with transaction.atomic():
        mine = (
            Job.objects.select_for_update().filter(id=job.id, claim=job.claim, state=JobState.RUNNING).first()
        )
        if mine is None:
            return
        now = clock.now()
        for step in mine.steps:
            if step["state"] == "running":
                step |= {"state": str(state), "ended_at": now.isoformat()}
        if hook:
            handlers.call_failure_hook(mine, failure, actor)
        Job.objects.filter(id=job.id).update(
            state=state,
            failure_code=failure.code,
            failure=failure.message,
            message=failure.message[:300],
            steps=mine.steps,
            result={"said": failure.said} if failure.said else None,
            ended_at=now,
        )


def _try_again(job: Job, actor: Actor, trouble: Retry) -> None:
    if job.attempts >= job.attempts_allowed:
        message = f"{trouble.message} It was tried {job.attempts} times."
        _end(job, actor, JobFailed("attempts_used_up", message), JobState.FAILED)
        return
    Job.objects.filter(id=job.id, claim=job.claim, state=JobState.RUNNING).update(
        state=JobState.QUEUED,
        claim=None,
        sent_at=None,
        message=f"{trouble.message} Trying again.",
        run_after=clock.now() + timedelta(seconds=trouble.after_seconds),
    )


def _lay_aside(job: Job, pause: Wait) -> None:
    laid_aside = Job.objects.filter(id=job.id, claim=job.claim, state=JobState.RUNNING).update(
        state=JobState.QUEUED,
        claim=None,
        sent_at=None,
        message=pause.message,
        attempts=F("attempts") - 1,
        run_after=clock.now() + timedelta(seconds=LOOK_SECONDS),
    )
    if laid_aside and pause.ready():
        actions.wake(job=job.id)


def sweep() -> dict[str, int]:
    """Send again what the broker lost and take back jobs whose worker went silent. Counts by what was done. A job
    that cannot be ended now is left to the next sweep and holds nobody up."""
    now = clock.now()
    counts = {"sent": 0, "taken_back": 0, "ended": 0}
    for job in Job.objects.filter(_silent(now), state=JobState.RUNNING)[:200]:
        try:
            counts[_recover(job, now)] += 1
        except _PASSING as error:
            connection.close()
            log.warning("job.not_recovered", job=str(job.id), error=type(error.__cause__ or error).__name__)
    lost_since = now - timedelta(seconds=RESEND_SECONDS)
    due = Job.objects.filter(_due(now), state=JobState.QUEUED).order_by("run_after")
    lost = Q(sent_at__isnull=True) | Q(sent_at__lt=lost_since) | Q(sent_at__gt=now)
    for job in due.filter(lost)[:200]:
        actions.send(job.id, job.queue)
        counts["sent"] += 1
    return counts


def _lost_again_and_again(job: Job) -> str:
    """Where its workers were lost, since a file that crashes its reader does so each time."""
    times = "once" if job.attempts == 1 else f"{job.attempts} times"
    at = ""
    if running := [step for step in job.steps if step["state"] == "running"]:
        detail = f" ({running[-1]['detail']})" if running[-1]["detail"] else ""
        at = f", the last time at the step “{running[-1]['name']}”{detail}"
    return (
        f"Its worker was lost {times} while it ran{at}. It is not tried again by itself. If no machine went down, what "
        "that step works on may have crashed its reader: register it anew. The worker's log says how it ended."
    )


def _recover(job: Job, now: datetime) -> str:
    """End a job whose worker went silent, or give it to another; what was done, as `sweep` counts it."""
    actor = Actor.system(f"job:{job.id}")
    if job.cancel_requested:
        _end(job, actor, JobFailed("cancelled", "Cancelled."), JobState.CANCELLED)
        return "ended"
    if job.attempts >= job.attempts_allowed:
        _end(job, actor, JobFailed("worker_lost", _lost_again_and_again(job)), JobState.FAILED)
        return "ended"
    Job.objects.filter(_silent(now), id=job.id, claim=job.claim, state=JobState.RUNNING).update(
        state=JobState.QUEUED,
        claim=None,
        sent_at=None,
        run_after=now,
        message="Its worker was lost; waiting for another",
    )
    return "taken_back"
