"""You get a person, team, role, service account or token only through a function that knows who asks."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from countersign.accounts import queries
from countersign.accounts.models import ApiToken, Membership, ServiceAccount, Team, User
from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission

_Thing = TypeVar("_Thing")


def get_user(actor: Actor, user: UUID) -> User:
    """A person the actor may see. Raises NotFound."""
    return _found(queries.users_visible_to(actor).filter(pk=user).first(), "person")


def get_team(actor: Actor, slug: str, permission: Permission | None = None) -> Team:
    """The team of this slug, in which the actor holds the permission. Raises NotFound, Refused."""
    team = _found(queries.teams_visible_to(actor).filter(slug=slug).first(), "team")
    if permission is not None and not (verdict := actor.may(permission, team.pk)):
        raise Refused(verdict)
    return team


def get_membership(actor: Actor, membership: UUID) -> Membership:
    """A role somebody holds or held. Raises NotFound."""
    return _found(queries.memberships_visible_to(actor).filter(pk=membership).first(), "role")


def get_service_account(actor: Actor, account: UUID) -> ServiceAccount:
    """A service account. Raises NotFound."""
    return _found(queries.service_accounts_visible_to(actor).filter(pk=account).first(), "service account")


def get_token(actor: Actor, token: UUID) -> ApiToken:
    """A token the actor may know of. Raises NotFound."""
    return _found(queries.tokens_visible_to(actor).filter(pk=token).first(), "token")


def _found(thing: _Thing | None, what: str) -> _Thing:
    if thing is None:
        raise NotFound(f"There is no such {what}, or you may not see it.")
    return thing
