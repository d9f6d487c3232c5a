"""You get a job only through a function that knows who asks."""

from __future__ import annotations

from uuid import UUID

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.jobs.models import Job
from countersign.jobs.queries import jobs_visible_to
from countersign.permissions import Permission


def get_job(actor: Actor, job: UUID) -> Job:
    """A job the actor may see. Raises NotFound."""
    found = jobs_visible_to(actor).filter(id=job).first()
    if found is None:
        raise NotFound("There is no such job, or you may not see it.")
    return found


def get_job_to_steer(actor: Actor, job: UUID) -> Job:
    """A job the actor may cancel or retry: their own, or one of a team where they may start evaluations.
    Raises NotFound, Refused."""
    found = get_job(actor, job)
    own = found.actor_ref == actor.ref and found.actor_kind == actor.kind
    if not own and not (verdict := actor.may(Permission.EVALUATE, found.team)):
        raise Refused(verdict)
    return found
