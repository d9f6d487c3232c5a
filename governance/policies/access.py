"""You get a policy only through a function that knows who asks."""

from __future__ import annotations

from uuid import UUID

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission
from governance.policies.models import Policy, PolicyRevision
from governance.policies.queries import policies_visible_to, revisions_visible_to


def get_policy(actor: Actor, policy: UUID, permission: Permission | None = None) -> Policy:
    """The policy with this id. Raises NotFound, Refused without `permission`."""
    found = policies_visible_to(actor).filter(id=policy).first()
    if found is None:
        raise NotFound("There is no such policy.")
    _require(actor, permission)
    return found


def get_revision(
    actor: Actor, policy: UUID, number: int, permission: Permission | None = None
) -> PolicyRevision:
    """One revision of a policy. Raises NotFound, Refused without `permission`."""
    found = revisions_visible_to(actor).filter(policy=policy, number=number).first()
    if found is None:
        raise NotFound(f"This policy has no revision {number}.")
    _require(actor, permission)
    return found


def _require(actor: Actor, permission: Permission | None) -> None:
    if permission is not None and not (verdict := actor.may(permission)):
        raise Refused(verdict)
