"""Who acts: a frozen value made once by middleware, token authentication or the job runner.

No action sees a request; it sees an Actor, which carries its grants, so the ledger knows no user table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from countersign.identifiers import new_id
from countersign.permissions import (
    ROLE_PERMISSIONS,
    SCOPE_PERMISSIONS,
    SIGNING,
    Grant,
    Permission,
    Role,
    Scope,
)
from countersign.verdicts import Reason, Verdict


class ActorKind(StrEnum):
    """A person, a service account, or the system itself (beat, bootstrap)."""

    PERSON = "person"
    SERVICE = "service"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """`ref` is the id of the user or service account (None only for the system); `person` is the human it
    resolves to for separation of duties: the user, or the service account's responsible person.
    `via` names the road: page, rest, mlflow, shell, or `job:<id>`; entries of one human act share `act`."""

    kind: ActorKind
    ref: UUID | None
    label: str
    via: str
    grants: frozenset[Grant] = frozenset()
    scopes: frozenset[Scope] | None = None  # None: a session, not bound by token scopes
    person: UUID | None = None
    request: str | None = None
    act: UUID = field(default_factory=new_id)

    @classmethod
    def system(cls, via: str = "shell") -> Actor:
        """The platform itself: beat, bootstrap, sweepers. It holds every permission but those that sign."""
        return cls(kind=ActorKind.SYSTEM, ref=None, label="Countersign", via=via)

    def on_behalf(self, via: str) -> Actor:
        """The same actor and act by another road (a job that carries out what a person asked for)."""
        return replace(self, via=via)

    def roles_in(self, team: UUID | None) -> frozenset[Role]:
        """Roles held for a thing of this team: its team roles and all instance roles."""
        return frozenset(grant.role for grant in self.grants if grant.team is None or grant.team == team)

    def holds(self, permission: Permission, team: UUID | None = None) -> bool:
        """Whether the actor may do this to a thing of `team` (None: to the instance as a whole)."""
        if self.kind is ActorKind.SYSTEM:
            return permission not in SIGNING
        if self.kind is ActorKind.SERVICE and permission in SIGNING:
            return False
        if self.scopes is not None and not any(
            permission in SCOPE_PERMISSIONS[scope] for scope in self.scopes
        ):
            return False
        return any(permission in ROLE_PERMISSIONS[role] for role in self.roles_in(team))

    def may(self, permission: Permission, team: UUID | None = None) -> Verdict:
        """`holds` as a verdict with the reason and whom to ask."""
        if self.holds(permission, team):
            return Verdict.allow()
        able = ", ".join(role.value for role in Role if permission in ROLE_PERMISSIONS[role])
        action = permission.value.replace("_", " ")
        if self.kind is ActorKind.SERVICE and permission in SIGNING:
            return Verdict.because(
                "service_account_cannot_sign", "A service account never signs; a person must."
            )
        if self.scopes is not None and not any(permission in SCOPE_PERMISSIONS[s] for s in self.scopes):
            held = ", ".join(sorted(self.scopes)) or "none"
            needed = ", ".join(s.value for s in Scope if permission in SCOPE_PERMISSIONS[s])
            return Verdict.refuse(
                Reason(
                    "token_scope",
                    f"This token's scopes ({held}) do not cover “{action}”. Use a token with scope {needed}.",
                )
            )
        sentence = f"“{action}” needs the role {able}. Ask an administrator for it."
        asked = {"permission": permission.value, "team": str(team) if team else None}
        return Verdict.refuse(Reason("permission_missing", sentence, looked_at=asked))

    def teams_with(self, permission: Permission) -> frozenset[UUID] | None:
        """Teams whose things the actor may do this to; None means every team."""
        if self.holds(permission, None):
            return None
        teams = {grant.team for grant in self.grants if grant.team is not None}
        return frozenset(team for team in teams if self.holds(permission, team))

    def holds_anywhere(self, permission: Permission) -> bool:
        """Whether the actor may do this for the instance or in at least one team."""
        return self.teams_with(permission) != frozenset()


Resolver = Callable[..., Actor]
_resolver: list[Resolver] = []


def register_resolver(resolver: Resolver) -> None:
    """How an actor is found again by kind and ref, with the grants they hold now: the layer that knows people
    registers it, the job runner asks. Called as resolver(kind, ref, via=…, act=…, request=…)."""
    _resolver[:] = [resolver]


def resolve(kind: str, ref: UUID | None, *, label: str, via: str, act: UUID, request: str | None) -> Actor:
    """The actor of a stored kind and ref, acting by another road in the same act."""
    if kind == ActorKind.SYSTEM:
        return Actor(ActorKind.SYSTEM, None, label, via, act=act, request=request)
    return _resolver[0](ActorKind(kind), ref, via=via, act=act, request=request)
