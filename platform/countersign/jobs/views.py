"""Pages of jobs: the list, and one job whose progress renews itself until it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from countersign import clock
from countersign.errors import CountersignError
from countersign.jobs import subjects
from countersign.jobs.access import get_job, get_job_to_steer
from countersign.jobs.actions import cancel_job, retry_job
from countersign.jobs.handlers import handler_of, title_of
from countersign.jobs.models import Job, JobState
from countersign.jobs.queries import jobs_visible_to
from countersign.web.formats import duration
from countersign.web.guards import actor_of_request, page
from countersign.web.parts import Step
from countersign.web.render import redirect_after_post, render_page

SHOWN = 50
STATUS = {
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "not_run",
}


@page(None)
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """Your jobs and those of your teams, newest first; `?state=` narrows the list."""
    state = request.GET.get("state", "")
    found = jobs_visible_to(actor_of_request(request)).order_by("-created_at")
    if state in JobState.values:
        found = found.filter(state=state)
    jobs = list(found[: SHOWN + 1])
    rows = [
        {
            "job": job,
            "title": heading(job),
            "status": STATUS[JobState(job.state)],
            "word": job.get_state_display(),
        }
        for job in jobs[:SHOWN]
    ]
    context = {
        "rows": rows,
        "more": len(jobs) > SHOWN,
        "state": state,
        "states": JobState.choices,
        "shown": SHOWN,
    }
    return render_page(request, "jobs/list.html", context)


@page(None)
@require_safe
def job_page(request: HttpRequest, job: UUID) -> HttpResponse:
    """One job. The part `job-progress` polls itself while the job is live."""
    found = get_job(actor_of_request(request), job)
    return render_page(request, "jobs/job.html", _context(request, found))


@page(None)
@require_POST
def cancel(request: HttpRequest, job: UUID) -> HttpResponseBase:
    """End the job."""
    actor = actor_of_request(request)
    cancel_job(job=get_job_to_steer(actor, job), actor=actor)
    return redirect_after_post(request, "jobs:job", job)


@page(None)
@require_POST
def retry(request: HttpRequest, job: UUID) -> HttpResponseBase:
    """Run the job again."""
    actor = actor_of_request(request)
    retry_job(job=get_job_to_steer(actor, job), actor=actor)
    return redirect_after_post(request, "jobs:job", job)


def heading(job: Job) -> str:
    """“Evaluation 208 of credit-default 14”, or the kind of job where its subject says nothing better."""
    subject = subjects.label_of(job)
    return subject.text if subject else title_of(job.kind)


def _context(request: HttpRequest, job: Job) -> dict[str, Any]:
    now = clock.now()
    steerable = True
    try:
        get_job_to_steer(actor_of_request(request), job.id)
    except CountersignError:
        steerable = False
    return {
        "job": job,
        "title": heading(job),
        "subject": subjects.label_of(job),
        "status": STATUS[JobState(job.state)],
        "steps": steps_of(job),
        "percent": round(job.progress * 100),
        "taken": duration(((job.ended_at or now) - job.started_at).total_seconds()) if job.started_at else "",
        "lines": list(job.lines.order_by("id")[:200]),
        "may_cancel": steerable and job.live and not job.cancel_requested,
        "may_retry": steerable
        and job.state in (JobState.FAILED, JobState.CANCELLED)
        and handler_of(job.kind).retryable,
    }


def steps_of(job: Job) -> list[Step]:
    """The steps of a job for `{% steps %}`, with how long each took or has taken."""
    now = clock.now()
    return [_step(step, now) for step in job.steps]


def _step(step: dict[str, Any], now: datetime) -> Step:
    started = datetime.fromisoformat(step["started_at"])
    ended = datetime.fromisoformat(step["ended_at"]) if step["ended_at"] else now
    return Step(
        state=step["state"] if step["state"] in ("done", "running", "failed") else "not_run",
        text=step["name"],
        note=step["detail"],
        count=duration((ended - started).total_seconds()),
        word={"cancelled": "Cancelled"}.get(step["state"], ""),
    )
