"""What the seal box of a review offers one person: which required sign-offs they may fill, which decisions are
open to them, and why the others are not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict

from countersign.accounts.queries import holding_now
from countersign.actors import Actor
from countersign.permissions import Role
from countersign.verdicts import Reason, Verdict
from countersign.web.formats import plural
from governance.policies.document import RequiredSignOff
from governance.reviews.duties import may_sign
from governance.reviews.forms import SignForm
from governance.reviews.models import Decision, Meaning, ReviewState, SignOff
from governance.reviews.queries import Slot, Standing

ROLE_WORDS = {
    Role.REVIEWER: "reviewers",
    Role.APPROVER: "approvers",
    Role.OWNER: "owners",
    Role.COMPLIANCE: "compliance officers",
}
NAMES_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Offer:
    """What one person may sign now. `reasons` say why nothing, where `open` is false; `places` are the required
    sign-offs in whose place they may decide, by key, with what the seal calls each; `approvable` those they may
    fill with an approval; `refused_decisions` say why a decision is closed to them."""

    open: bool
    reasons: list[Reason]
    places: dict[str, str]
    hints: dict[str, str]
    approvable: list[str]
    refused_decisions: dict[str, str]
    mine: list[SignOff]


def offer_to(actor: Actor, standing: Standing, contributors: set[UUID]) -> Offer:
    """What the seal offers this actor. Judges the requirements only where an approval is else open to them."""
    review = standing.review
    places: dict[str, str] = {}
    hints: dict[str, str] = {}
    reasons: dict[str, Reason] = {}
    approvable = approvable_by(actor, standing, contributors)
    for slot in standing.slots:
        required = slot.required
        objection = _asked(actor, standing, contributors, slot, Decision.REJECT)
        if not objection:
            reasons |= {reason.message: reason for reason in objection.reasons}
            continue
        places[required.key] = required.title
        hints[required.key] = f"Meaning: {required.meaning}."
        if slot.signed is not None:
            hints[required.key] += f" Filled by {slot.signed.printed_name}; you may object."
        elif required.key not in approvable:
            hints[required.key] += " You may object."
    is_open = review.live and bool(places)
    return Offer(
        open=is_open,
        reasons=list(reasons.values()),
        places=places,
        hints=hints,
        approvable=approvable,
        refused_decisions=_refused_decisions(standing, approvable) if is_open else {},
        mine=[
            slot.signed for slot in standing.slots if slot.signed and slot.signed.person_id == actor.person
        ],
    )


def approvable_by(actor: Actor, standing: Standing, contributors: set[UUID]) -> list[str]:
    """The required sign-offs, by key, that the actor may fill with an approval as far as duties go."""
    return [
        slot.required.key
        for slot in standing.slots
        if slot.signed is None and _asked(actor, standing, contributors, slot, Decision.APPROVE)
    ]


def _asked(
    actor: Actor, standing: Standing, contributors: set[UUID], slot: Slot, decision: Decision
) -> Verdict:
    return may_sign(
        actor=actor,
        team=standing.review.version.model.team_id,
        required=slot.required,
        contributors=contributors,
        signed=[one.signed for one in standing.slots if one.signed],
        decision=decision,
    )


def _refused_decisions(standing: Standing, approvable: list[str]) -> dict[str, str]:
    if not approvable:
        return {Decision.APPROVE: "No sign-off is open to you for an approval. You may object."}
    if standing.review.state == ReviewState.CHANGES_REQUESTED:
        return {Decision.APPROVE: "Changes were requested and not answered yet."}
    if blocking := len(standing.blocking):
        are = "is" if blocking == 1 else "are"
        return {
            Decision.APPROVE: f"Not open to anybody yet: {plural(blocking, 'requirement')} {are} not met. "
            "Request changes, or wait until they are."
        }
    return {}


def sign_form(
    standing: Standing, offer: Offer, sent: QueryDict | None = None, kept: Mapping[str, Any] = {}
) -> SignForm:
    """The form of the seal, bound to what was `sent`, or fresh with what was `kept` of an earlier try."""
    first = next(iter(offer.approvable or offer.places), "")
    return SignForm(
        sent,
        environment=standing.review.environment.name.lower(),
        places=offer.places,
        hints=offer.hints,
        refused_decisions=offer.refused_decisions,
        initial={
            "requirement": first,
            **kept,
            "seen_digest": standing.subject.digest,
            "seen_parts": json.dumps(standing.subject.parts),
        },
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A required sign-off as a row: who may sign, who waits, what was signed and no longer counts."""

    slot: Slot
    who: str
    waits_for: str
    yours: bool
    stale: list[tuple[SignOff, str]]


def lines_of(standing: Standing, contributors: set[UUID], actor: Actor, offer: Offer) -> list[Line]:
    """The required sign-offs with the people who may fill them now, in one query."""
    team = standing.review.version.model.team
    roles: dict[UUID, set[str]] = {}
    names: dict[UUID, str] = {}
    held = (
        holding_now().filter(Q(team=team) | Q(team__isnull=True), user__is_active=True).select_related("user")
    )
    for membership in held.order_by("user__full_name"):
        roles.setdefault(membership.user_id, set()).add(membership.role)
        names[membership.user_id] = membership.user.full_name
    taken = {slot.signed.person_id for slot in standing.slots if slot.signed}
    lines = []
    for slot in standing.slots:
        able = [person for person in names if _may_fill(slot.required, person, roles[person], contributors)]
        free = [person for person in able if person not in taken]
        yours = offer.open and slot.required.key in offer.approvable
        whose = "" if slot.required.role == Role.COMPLIANCE else f" of {team.name}"
        words = f"{ROLE_WORDS[Role(slot.required.role)]}{whose}"
        among = ", you among them" if actor.person in able else ""
        lines.append(
            Line(
                slot=slot,
                who=f"{words[0].upper()}{words[1:]}, {plural(len(able), 'person', 'people')}{among}",
                waits_for=_some([names[person] for person in free if person != actor.person], with_you=yours),
                yours=yours,
                stale=[(one, _what_moved(standing, one)) for one in slot.stale],
            )
        )
    return lines


def _may_fill(required: RequiredSignOff, person: UUID, roles: set[str], contributors: set[UUID]) -> bool:
    """`duties.may_sign` for somebody who is not here, by roles alone."""
    if required.role not in roles:
        return False
    if required.independent and roles & {Role.CONTRIBUTOR, Role.OWNER}:
        return False
    return required.meaning == Meaning.AUTHORSHIP or person not in contributors


def _some(names: list[str], *, with_you: bool) -> str:
    if not names:
        return "nobody else" if with_you else "nobody who may sign it is left"
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" or {plural(more, 'other')}" if more > 0 else "")


def _what_moved(standing: Standing, sign_off: SignOff) -> str:
    return ", ".join(standing.subject.moved_since(sign_off.subject_parts)) + " changed since"
