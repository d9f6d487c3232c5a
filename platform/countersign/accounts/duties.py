"""Which roles one person may hold together, and who may grant them (S7: separation of duties in the
roles)."""

from __future__ import annotations

from collections.abc import Iterable

from countersign.accounts.models import Membership, Team, User
from countersign.actors import Actor
from countersign.permissions import TEAM_ROLES, Role
from countersign.verdicts import Verdict

_NOT_BESIDE_ADMINISTRATOR = frozenset({Role.REVIEWER, Role.APPROVER, Role.COMPLIANCE})


def may_grant(
    *, user: User, role: Role, team: Team | None, held: Iterable[Membership], actor: Actor
) -> Verdict:
    """Whether `user`, who holds `held` in the period asked for, may be given `role`; a refusal has every
    reason.

    Nobody grants to themselves. An administrator is for all teams, so they are reviewer or approver of none,
    nor compliance. An auditor, whose scope is everything, holds nothing else. A deactivated person gets no
    role."""
    verdicts = []
    if not user.is_active:
        verdicts.append(
            Verdict.because("person_inactive", "A deactivated person gets no role. Reactivate them first.")
        )
    if actor.person is not None and actor.person == user.pk:
        verdicts.append(
            Verdict.because(
                "granting_to_oneself",
                "Nobody grants a role to themselves. Ask another administrator to grant it.",
            )
        )
    others = {Role(membership.role) for membership in held}
    verdicts.append(_beside(role, others))
    return Verdict.all_of(verdicts)


def _beside(role: Role, others: set[Role]) -> Verdict:
    deciding = others & _NOT_BESIDE_ADMINISTRATOR
    if (role is Role.ADMINISTRATOR and deciding) or (
        role in _NOT_BESIDE_ADMINISTRATOR and Role.ADMINISTRATOR in others
    ):
        return Verdict.because(
            "administrator_decides_nothing",
            "An administrator cannot also be reviewer, approver or compliance. End the other role first, "
            "or choose another person.",
        )
    if (role is Role.AUDITOR and others - {Role.AUDITOR}) or (
        role is not Role.AUDITOR and Role.AUDITOR in others
    ):
        return Verdict.because(
            "auditor_holds_nothing_else",
            "An auditor holds no other role. End the other roles first, or choose another person.",
        )
    return Verdict.allow()


def fits_its_reach(role: Role, team: Team | None) -> bool:
    """Team roles are held in a team; compliance, auditor and administrator for the instance."""
    return (team is not None) == (role in TEAM_ROLES)
