"""Separation of duties: who may sign what (research: standards §7, S1 to S4). Pure checks that give reasons."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from countersign.actors import Actor, ActorKind
from countersign.permissions import Permission, Role
from countersign.verdicts import Reason, Verdict
from governance.policies.rules import RequiredSignOff
from governance.reviews.models import Decision, Meaning, SignOff

MEANING_PERMISSION = {
    Meaning.AUTHORSHIP: Permission.SIGN_AUTHORSHIP,
    Meaning.VALIDATION: Permission.SIGN_VALIDATION,
    Meaning.APPROVAL: Permission.SIGN_APPROVAL,
    Meaning.COMPLIANCE: Permission.SIGN_COMPLIANCE,
}


def may_sign(
    *,
    actor: Actor,
    team: UUID,
    required: RequiredSignOff,
    contributors: set[UUID],
    signed: Sequence[SignOff],
    decision: str = Decision.APPROVE,
) -> Verdict:
    """Whether the actor may sign this decision in the place of this required sign-off now, with every reason why
    not. An objection may also come from who approved before: it takes their approval back.

    `signed` are the approvals that count on the present subject of the review."""
    if actor.kind is not ActorKind.PERSON:
        return Verdict.because("service_account_cannot_sign", "A service account never signs; a person must.")
    roles = actor.roles_in(team)
    reasons: list[Reason] = []
    if Role(required.role) not in roles:
        reasons.append(
            Reason(
                "role_missing",
                f"“{required.title}” is for a person with the role {required.role} in this team.",
            )
        )
    else:
        reasons += actor.may(MEANING_PERMISSION[Meaning(required.meaning)], team).reasons
    if actor.person in contributors and required.meaning != Meaning.AUTHORSHIP:
        reasons.append(
            Reason(
                "contributor_cannot_sign",
                "You contributed to this version, so somebody else must sign for it.",
            )
        )
    makers = roles & {Role.CONTRIBUTOR, Role.OWNER}
    if required.independent and makers:
        reasons.append(
            Reason(
                "not_independent",
                f"“{required.title}” must be independent: it cannot be signed by a "
                f"{' or '.join(sorted(makers))} of the owning team.",
            )
        )
    if decision == Decision.APPROVE and any(one.person_id == actor.person for one in signed):
        reasons.append(
            Reason(
                "one_person_one_sign_off",
                "You have signed this review already; another person fills the rest.",
            )
        )
    return Verdict.refuse(*reasons) if reasons else Verdict.allow()
