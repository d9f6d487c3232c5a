"""Pages of jobs: the list, and one job whose progress renews itself until it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from countersign import clock
from countersign.errors import CountersignError
from countersign.jobs import subjects
from countersign.jobs.access import get_job, get_job_to_steer
from countersign.jobs.actions import cancel_job, retry_job
from countersign.jobs.handlers import handler_of, kinds, outcome_of, plan_of, title_of
from countersign.jobs.models import Job, JobState
from countersign.jobs.queries import jobs_visible_to
from countersign.ledger.presenters import naming
from countersign.web.formats import duration
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.parts import Step
from countersign.web.render import asks_for_part, redirect_after_post, render_page

PART = "job-progress"
SHOWN_LINES = 200
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
    """Your jobs and those of your teams, newest first; `?state=`, `?kind=` and `?mine=1` narrow the list."""
    actor = actor_of_request(request)
    visible = jobs_visible_to(actor)
    wanted = {
        "state": request.GET.get("state", "") if request.GET.get("state") in JobState.values else "",
        "kind": request.GET.get("kind", "") if request.GET.get("kind") in dict(kinds()) else "",
        "mine": "1" if request.GET.get("mine") else "",
    }
    found = visible.filter(**{name: wanted[name] for name in ("state", "kind") if wanted[name]})
    if wanted["mine"]:
        found = found.filter(actor_kind=actor.kind, actor_ref=actor.ref)
    jobs, window = window_of(request, found, order_by=("-created_at", "-pk"))
    with naming([job.subject_ref for job in jobs if job.subject_ref]):
        rows = [_row(job) for job in jobs]
    context = {
        "rows": rows,
        "window": window,
        "chips": [
            [
                *_chip(
                    "state", "Is", wanted, [(value, str(word).lower()) for value, word in JobState.choices]
                ),
                *_chip("mine", "", wanted, [("1", "Mine only")]),
            ],
            _chip("kind", "Kind", wanted, kinds()),
        ],
        "filtered": any(wanted.values()),
        "noun": "Inbox",
    }
    return render_page(request, "jobs/list.html", context)


def _chip(
    name: str, label: str, wanted: dict[str, str], choices: list[tuple[str, str]]
) -> list[tuple[str, str, str, bool]]:
    """One filter as chips: what it narrows, to what, the URL that applies it or drops it, whether it is applied."""
    chips = []
    for value, words in choices:
        on = wanted[name] == value
        query = {key: kept for key, kept in (wanted | {name: "" if on else value}).items() if kept}
        chips.append((label, words, f"{reverse('jobs:list')}?{urlencode(query)}", on))
    return chips


def _row(job: Job) -> dict[str, Any]:
    status, word, where = STATUS[JobState(job.state)], job.get_state_display(), job.message
    if outcome := outcome_of(job):
        status, word, where = outcome.status, outcome.word, outcome.sentence
    return {
        "job": job,
        "title": heading(job),
        "status": status,
        "word": word,
        "where": where,
        "percent": round(job.progress * 100) if job.state == JobState.RUNNING else None,
    }


@page(None)
@require_safe
def job_page(request: HttpRequest, job: UUID) -> HttpResponseBase:
    """One job. The part `job-progress` polls itself while the job is live, then the page is loaded anew."""
    found = get_job(actor_of_request(request), job)
    if not found.live and asks_for_part(request) == PART:
        return HttpResponseClientRefresh()
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
    why_not = ""
    try:
        get_job_to_steer(actor_of_request(request), job.id)
    except CountersignError as refusal:
        why_not = refusal.message
    subject, steps, outcome = subjects.label_of(job), steps_of(job), outcome_of(job)
    ended_badly = job.state in (JobState.FAILED, JobState.CANCELLED)
    total = job.lines.count()
    return {
        "job": job,
        "title": subject.text if subject else title_of(job.kind),
        "kind": title_of(job.kind),
        "subject": subject,
        "status": outcome.status if outcome else STATUS[JobState(job.state)],
        "word": outcome.word if outcome else job.get_state_display(),
        "steps": steps,
        "failed_at": next((at for at, step in enumerate(steps, 1) if step.state == "failed"), None),
        "not_done": [step.text for step in steps if step.state == "not_run"] if ended_badly else [],
        "said": (job.result or {}).get("said", "") if job.state == JobState.FAILED else "",
        "retryable": handler_of(job.kind).retryable,
        "why_not": why_not,
        "total_lines": total,
        "percent": round(job.progress * 100),
        "taken": duration(((job.ended_at or now) - job.started_at).total_seconds()) if job.started_at else "",
        "lines": list(job.lines.order_by("-id")[:SHOWN_LINES])[::-1],
        "may_cancel": not why_not and job.live and not job.cancel_requested,
        "may_retry": not why_not and ended_badly and handler_of(job.kind).retryable,
        "noun": "Inbox",
    }


def steps_of(job: Job) -> list[Step]:
    """The steps of a job for `{% steps %}`, with how long each took or has taken, and those still to come."""
    now = clock.now()
    begun = {step["name"] for step in job.steps}
    to_come = [name for name in plan_of(job) if name not in begun] if job.state != JobState.SUCCEEDED else []
    state = "waiting" if job.live else "not_run"
    return [*(_step(step, now) for step in job.steps), *(Step(state=state, text=name) for name in to_come)]


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
