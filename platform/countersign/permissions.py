"""Roles, permissions and the grants an actor carries (DESIGN §10). Values only: no table is read here.

Team roles are held in one team, instance roles everywhere. Administrators never sign, waive or write policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a person may be. The first five are per team, the last three for the whole instance."""

    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    OWNER = "owner"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


TEAM_ROLES = frozenset({Role.VIEWER, Role.CONTRIBUTOR, Role.REVIEWER, Role.APPROVER, Role.OWNER})
INSTANCE_ROLES = frozenset({Role.COMPLIANCE, Role.AUDITOR, Role.ADMINISTRATOR})


class Permission(StrEnum):
    """What may be done. Each is asked of a team's thing, or of the instance where no team is named."""

    SEE = "see"  # know of a model: card, metrics, owner
    DOWNLOAD = "download"  # have its bytes
    REGISTER = (
        "register"  # register models, upload and finalise versions, runs, datasets, lineage, free aliases
    )
    ARCHIVE = "archive"  # archive and restore models and versions
    EVALUATE = "evaluate"  # start or cancel an evaluation
    EDIT_CARD = "edit_card"
    SET_PROFILE = "set_profile"  # purpose and tier of a model; lowering a tier is for compliance
    LOWER_TIER = "lower_tier"
    REQUEST_REVIEW = "request_review"  # open or withdraw a review
    COMMENT = "comment"
    SIGN_AUTHORSHIP = "sign_authorship"
    SIGN_VALIDATION = "sign_validation"
    SIGN_APPROVAL = "sign_approval"
    SIGN_COMPLIANCE = "sign_compliance"
    REVOKE_APPROVAL = "revoke_approval"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    WRITE_POLICY = "write_policy"
    SET_ENVIRONMENT = "set_environment"
    READ_LEDGER = "read_ledger"  # the audit trail of a team; without a team, of everything
    VERIFY_LEDGER = "verify_ledger"
    EXPORT = "export"
    MANAGE_PEOPLE = "manage_people"
    SEE_JOBS = "see_jobs"  # jobs of others; one's own are always visible


_VIEW = frozenset({Permission.SEE, Permission.READ_LEDGER})
_MAKE = _VIEW | {
    Permission.DOWNLOAD,
    Permission.REGISTER,
    Permission.EVALUATE,
    Permission.EDIT_CARD,
    Permission.REQUEST_REVIEW,
    Permission.COMMENT,
    Permission.SEE_JOBS,
    Permission.VERIFY_LEDGER,
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEW,
    Role.CONTRIBUTOR: _MAKE,
    Role.REVIEWER: _VIEW
    | {
        Permission.DOWNLOAD,
        Permission.EVALUATE,
        Permission.COMMENT,
        Permission.SIGN_VALIDATION,
        Permission.SEE_JOBS,
        Permission.VERIFY_LEDGER,
    },
    Role.APPROVER: _VIEW
    | {
        Permission.DOWNLOAD,
        Permission.COMMENT,
        Permission.SIGN_APPROVAL,
        Permission.REVOKE_APPROVAL,
        Permission.ROLL_BACK,
        Permission.SEE_JOBS,
        Permission.VERIFY_LEDGER,
    },
    Role.OWNER: _MAKE
    | {
        Permission.ARCHIVE,
        Permission.SET_PROFILE,
        Permission.SIGN_AUTHORSHIP,
        Permission.PROMOTE,
        Permission.ROLL_BACK,
        Permission.EXPORT,
    },
    Role.COMPLIANCE: _VIEW
    | {
        Permission.COMMENT,
        Permission.SET_PROFILE,
        Permission.LOWER_TIER,
        Permission.SIGN_COMPLIANCE,
        Permission.REVOKE_APPROVAL,
        Permission.WRITE_POLICY,
        Permission.EXPORT,
        Permission.SEE_JOBS,
        Permission.VERIFY_LEDGER,
    },
    Role.AUDITOR: _VIEW
    | {Permission.COMMENT, Permission.EXPORT, Permission.SEE_JOBS, Permission.VERIFY_LEDGER},
    Role.ADMINISTRATOR: _VIEW
    | {
        Permission.SET_ENVIRONMENT,
        Permission.MANAGE_PEOPLE,
        Permission.SEE_JOBS,
        Permission.VERIFY_LEDGER,
    },
}

SIGNING = frozenset(
    {
        Permission.SIGN_AUTHORSHIP,
        Permission.SIGN_VALIDATION,
        Permission.SIGN_APPROVAL,
        Permission.SIGN_COMPLIANCE,
    }
)


class Scope(StrEnum):
    """What an API token may be used for, at most; the person's own roles bound it further."""

    READ = "read"
    WRITE = "write"
    SIGN = "sign"
    EXPORT = "export"
    ADMINISTER = "administer"


SCOPE_PERMISSIONS: dict[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset(
        {
            Permission.SEE,
            Permission.DOWNLOAD,
            Permission.READ_LEDGER,
            Permission.VERIFY_LEDGER,
            Permission.SEE_JOBS,
        }
    ),
    Scope.WRITE: frozenset(Permission) - SIGNING - {Permission.EXPORT, Permission.MANAGE_PEOPLE},
    Scope.SIGN: SIGNING | {Permission.SEE, Permission.COMMENT},
    Scope.EXPORT: frozenset(
        {Permission.EXPORT, Permission.SEE, Permission.READ_LEDGER, Permission.VERIFY_LEDGER}
    ),
    Scope.ADMINISTER: frozenset({Permission.MANAGE_PEOPLE, Permission.SEE}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One role held now; `team` is None for an instance role."""

    role: Role
    team: UUID | None


Declared = Permission | None | Mapping[str, Permission | None]
"""What a view says it needs: a permission, None (any known actor), or one of these for each HTTP method."""


def permission_for(declared: Declared, method: str) -> Permission | None:
    """The permission this method needs. Raises KeyError for a method the view does not name."""
    if not isinstance(declared, Mapping):
        return declared
    return declared["GET" if method == "HEAD" else method]
