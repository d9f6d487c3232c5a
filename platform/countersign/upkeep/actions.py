"""Asking for a verification of the whole ledger."""

from __future__ import annotations

from django.db import transaction

from countersign.actors import Actor
from countersign.errors import Conflict, Refused
from countersign.jobs.actions import enqueue
from countersign.jobs.models import Job
from countersign.ledger.append import append_entry
from countersign.ledger.models import Tree
from countersign.ledger.verbs import VERIFICATION_REQUESTED
from countersign.upkeep.access import may_verify

VERIFY = "ledger.verify"


@transaction.atomic
def request_verification(*, actor: Actor) -> Job:
    """Have a worker verify the whole ledger; one that is live already is the answer for everybody who asks. Raises
    Refused, Conflict before the ledger is created."""
    if not (verdict := may_verify(actor)):
        raise Refused(verdict)
    tree = Tree.objects.first()
    if tree is None:
        raise Conflict("The ledger has not been created yet: run manage.py bootstrap.")
    job = enqueue(kind=VERIFY, key="ledger", actor=actor, args={}, subject=tree)
    if job.act == actor.act:
        append_entry(verb=VERIFICATION_REQUESTED, subject=tree, actor=actor, details={"job": str(job.id)})
    return job
