"""Who may have the whole ledger verified."""

from __future__ import annotations

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.verdicts import Verdict


def may_verify(actor: Actor) -> Verdict:
    """Whether the actor may have the whole ledger verified: what it finds concerns every team, so it is for those
    who may verify it for the instance."""
    if actor.may(Permission.VERIFY_LEDGER):
        return Verdict.allow()
    return Verdict.because(
        "permission_missing",
        "The whole ledger is verified by compliance, an auditor or an administrator, who see every team. "
        "Ask one of them.",
    )
