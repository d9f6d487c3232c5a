"""Signing off: one person's decision, bound to the exact subject they saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.db import transaction

from countersign import clock
from countersign.accounts.models import User
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.verdicts import Reason, Verdict
from governance.policies.rules import RequiredSignOff
from governance.reviews.actions.moves import lock_review, move
from governance.reviews.actions.requesting import checked_text
from governance.reviews.duties import may_sign
from governance.reviews.models import Decision, Review, ReviewState, SignOff
from governance.reviews.queries import Standing, contributor_people, ended_sentence, standing_of
from governance.reviews.verbs import REVIEW_DECIDED, SIGNED_OFF

PROOF_VALID = timedelta(minutes=5)


@transaction.atomic
def sign_off(
    *,
    review: Review,
    requirement: str,
    decision: str,
    seen_digest: str,
    seen_parts: dict[str, str] | None = None,
    reason: str,
    reauthenticated_at: datetime,
    method: str,
    actor: Actor,
) -> SignOff:
    """Record a person's signed decision on a review, in the meaning of the required sign-off `requirement`.

    `seen_digest` is the subject the page or client showed; `reauthenticated_at` when and `method` how the person
    proved again who they are (21 CFR 11.200), at most five minutes ago. The last missing approval approves the
    review; asking for changes and rejecting move it at once.

    An objection by somebody who had approved takes that approval back.

    Raises Refused (role, separation of duties, requirements not met, proof too old), Conflict (the review moved
    on; the subject moved since the page was loaded: the message names the part; another filled the sign-off),
    Invalid (no such sign-off, no reason, unknown decision)."""
    reason = checked_text(reason, "reason", "Give your reason; it is printed beside your name.")
    if decision not in Decision.values:
        raise Invalid(
            "Nothing was signed.", fields={"decision": ["Choose approve, request_changes or reject."]}
        )
    if clock.now() - reauthenticated_at > PROOF_VALID:
        raise Refused(
            Verdict.because("proof_too_old", "Your password was checked too long ago. Enter it again.")
        )
    review = lock_review(review)
    if not review.live:
        raise Conflict(ended_sentence(review), code="review_moved_on")
    standing = standing_of(review)
    required = next((slot.required for slot in standing.slots if slot.required.key == requirement), None)
    if required is None:
        known = ", ".join(slot.required.key for slot in standing.slots)
        raise Invalid("Nothing was signed.", fields={"requirement": [f"This review asks for: {known}."]})
    _refuse_unless_able(actor, standing, required, decision)
    if seen_digest != standing.subject.digest:
        raise Conflict(standing.moved_sentence(seen_parts or {}), code="subject_moved")
    if decision == Decision.APPROVE:
        _refuse_unless_open_to_approval(standing, required)
    user = User.objects.get(id=cast(UUID, actor.ref))  # a person, as the checks above found
    signature = SignOff.objects.create(
        review=review,
        person=user,
        decision=decision,
        meaning=required.meaning,
        role=required.role,
        printed_name=user.full_name,
        subject_digest=standing.subject.digest,
        subject_parts=standing.subject.parts,
        reason=reason,
        method=method,
        reauthenticated_at=reauthenticated_at,
        signed_at=clock.now(),
    )
    append_entry(
        verb=SIGNED_OFF,
        subject=signature,
        actor=actor,
        personal={"printed_name": user.full_name, "reason": reason},
        details={"requirement": required.key, "review_number": review.number},
    )
    if decision == Decision.APPROVE:
        if not [slot for slot in standing.missing if slot.required.key != required.key]:
            move(review=review, to=ReviewState.APPROVED, verb=REVIEW_DECIDED, actor=actor)
    elif decision == Decision.REJECT:
        move(review=review, to=ReviewState.REJECTED, verb=REVIEW_DECIDED, actor=actor)
    elif review.state == ReviewState.OPEN:
        move(review=review, to=ReviewState.CHANGES_REQUESTED, verb=REVIEW_DECIDED, actor=actor)
    return signature


def _refuse_unless_able(actor: Actor, standing: Standing, required: RequiredSignOff, decision: str) -> None:
    """Separation of duties."""
    version = standing.review.version
    verdict = may_sign(
        actor=actor,
        team=version.model.team_id,
        required=required,
        contributors=contributor_people(version),
        signed=[slot.signed for slot in standing.slots if slot.signed],
        decision=decision,
    )
    if not verdict:
        raise Refused(verdict)


def _refuse_unless_open_to_approval(standing: Standing, required: RequiredSignOff) -> None:
    filled = next((slot.signed for slot in standing.slots if slot.required.key == required.key), None)
    if filled is not None:
        raise Conflict(
            f"{filled.printed_name} signed “{required.title}” already, at {filled.signed_at:%H:%M:%S} UTC. "
            "Nothing more is needed there, and your signature was not recorded.",
            code="already_signed",
        )
    if standing.review.state != ReviewState.OPEN:
        raise Conflict(
            "Changes were requested and not answered yet: the review takes no approval until they are.",
            code="changes_requested",
        )
    if standing.blocking:
        raise Refused(
            Verdict.refuse(
                *(
                    Reason(result.rule_id, result.message, result.link, result.state, result.looked_at)
                    for result in standing.blocking
                )
            )
        )
