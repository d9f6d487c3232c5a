"""What roles let people do, in words, and through which role at an instant: the same tables the buttons ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from countersign.accounts.models import Membership
from countersign.permissions import ROLE_PERMISSIONS, Permission, Role

ACTS: dict[Permission, str] = {
    Permission.SEE: "Know of it: card, measures, owner",
    Permission.DOWNLOAD: "Have its files",
    Permission.REGISTER: "Register models, versions, runs and data",
    Permission.ARCHIVE: "Archive and restore",
    Permission.EVALUATE: "Start or cancel an evaluation",
    Permission.EDIT_CARD: "Write the card",
    Permission.SET_PROFILE: "Set purpose and risk tier",
    Permission.LOWER_TIER: "Lower the risk tier",
    Permission.REQUEST_REVIEW: "Ask for a review, answer, withdraw",
    Permission.COMMENT: "Remark in a review",
    Permission.SIGN_AUTHORSHIP: "Sign authorship",
    Permission.SIGN_VALIDATION: "Sign validation",
    Permission.SIGN_APPROVAL: "Sign approval",
    Permission.SIGN_COMPLIANCE: "Sign for compliance",
    Permission.REVOKE_APPROVAL: "Revoke an approval",
    Permission.PROMOTE: "Promote an approved version",
    Permission.ROLL_BACK: "Roll back",
    Permission.WRITE_POLICY: "Write policies and put them in force",
    Permission.SET_ENVIRONMENT: "Add environments",
    Permission.READ_LEDGER: "Read the audit trail",
    Permission.VERIFY_LEDGER: "Verify the ledger",
    Permission.EXPORT: "Take an audit export away",
    Permission.MANAGE_PEOPLE: "Manage people, roles and service accounts",
    Permission.SEE_JOBS: "See the jobs of others",
}
"""Every permission as a person reads it, in the order of a model's journey."""


@dataclass(frozen=True, slots=True)
class Right:
    """One act a person may do, through these roles; without any, `needs` are the roles that would let them."""

    permission: Permission
    through: tuple[Membership, ...]

    @property
    def act(self) -> str:
        """The act in words."""
        return ACTS[self.permission]

    @property
    def needs(self) -> str:
        """The roles that let somebody do it."""
        return " or ".join(role.value for role in roles_with(self.permission))


def roles_with(permission: Permission) -> list[Role]:
    """The roles that let somebody do this."""
    return [role for role in Role if permission in ROLE_PERMISSIONS[role]]


def rights_of(roles: Sequence[Membership]) -> list[Right]:
    """Every act with the roles, of those given, that let a person do it; what they may not do comes first."""
    rights = [
        Right(
            permission,
            tuple(one for one in roles if permission in ROLE_PERMISSIONS[Role(one.role)]),
        )
        for permission in ACTS
    ]
    return sorted(rights, key=lambda right: bool(right.through))


def held_at(roles: Iterable[Membership], instant: datetime) -> list[Membership]:
    """Those of the roles whose period contains the instant."""
    return [
        one for one in roles if one.starts_at <= instant and (one.ends_at is None or instant < one.ends_at)
    ]
