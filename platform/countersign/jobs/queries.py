"""Reads of jobs."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from countersign.actors import Actor
from countersign.jobs.models import LIVE, Job, JobState
from countersign.ledger.models import Recorded
from countersign.permissions import Permission


def jobs_visible_to(actor: Actor) -> QuerySet[Job]:
    """One's own jobs and those of teams where the actor may see jobs."""
    teams = actor.teams_with(Permission.SEE_JOBS)
    if teams is None:
        return Job.objects.all()
    return Job.objects.filter(Q(actor_kind=actor.kind, actor_ref=actor.ref) | Q(team__in=teams))


def jobs_of(subject: Recorded) -> QuerySet[Job]:
    """Jobs about one thing, newest first."""
    return Job.objects.filter(subject_type=subject.ledger_type, subject_ref=subject.id).order_by(
        "-created_at"
    )


def live_jobs(actor: Actor) -> QuerySet[Job]:
    """Visible jobs that are queued or running, newest first."""
    return jobs_visible_to(actor).filter(state__in=LIVE).order_by("-created_at")


def failed_jobs(actor: Actor) -> QuerySet[Job]:
    """Visible jobs that failed, newest first."""
    return jobs_visible_to(actor).filter(state=JobState.FAILED).order_by("-created_at")
