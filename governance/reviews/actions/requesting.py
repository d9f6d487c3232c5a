"""Asking for a review, answering it, taking it back, revoking what it gave."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from countersign import clock
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from countersign.verdicts import Reason, Verdict
from governance.environments.models import Environment
from governance.numbers import next_number
from governance.policies.queries import policy_in_force
from governance.profiles.queries import profile_of
from governance.reviews.actions.moves import lock_review, move
from governance.reviews.models import LIVE, Review, ReviewState
from governance.reviews.queries import review_to_renew, standing_of, with_their_rows
from governance.reviews.subject import subject_of
from governance.reviews.verbs import (
    REVIEW_ANSWERED,
    REVIEW_ENDED,
    REVIEW_REQUESTED,
    REVIEW_REVOKED,
    REVIEW_WITHDRAWN,
)
from registry.versions.actions.locks import lock_version
from registry.versions.models import ContributorKind, ModelVersion

TEXT_LIMIT = 20_000


def checked_text(text: str, field: str, missing: str) -> str:
    """Prose that goes on the record, stripped. Raises Invalid when empty or longer than TEXT_LIMIT characters."""
    text = text.strip()
    if not text:
        raise Invalid("Nothing was saved.", fields={field: [missing]})
    if "\0" in text:
        raise Invalid("Nothing was saved.", fields={field: ["It holds a NUL character. Take it out."]})
    if len(text) > TEXT_LIMIT:
        raise Invalid(
            "Nothing was saved.",
            fields={
                field: [f"At most {TEXT_LIMIT:,} characters; this has {len(text):,}. Attach a file instead."]
            },
        )
    return text


@transaction.atomic
def request_review(
    *, version: ModelVersion, environment: Environment, reason: str, due_on: date | None, actor: Actor
) -> Review:
    """Ask for a version to be approved for an environment. The policy in force now binds the whole review.

    An approved review of the same version and environment that went stale or expired ends here, and the new one
    renews it.
    Raises Refused (permission; archived; no tier; no policy; no identified trainer), Conflict when a review is
    open already or the version is approved and nothing changed, Invalid without a reason."""
    if not (verdict := actor.may(Permission.REQUEST_REVIEW, version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why this version should be approved, and what changed.")
    if due_on is not None and due_on < clock.now().date():
        raise Invalid(
            "Nothing was saved.", fields={"due_on": ["The due date has passed. Choose today or later."]}
        )
    version = lock_version(version)
    reasons: list[Reason] = []
    if version.archived_at or version.model.archived_at:
        reasons.append(Reason("archived", "This version or its model is archived. Restore it first."))
    profile = profile_of(version.model)
    revision = policy_in_force(profile.risk_tier, environment) if profile else None
    if profile is None:
        reasons.append(
            Reason("no_tier", "The model has no risk tier yet. Its owner sets one on the model's page.")
        )
    elif revision is None:
        reasons.append(
            Reason(
                "no_policy",
                f"No policy is in force for {profile.risk_tier} tier in {environment.name}. "
                "A compliance officer puts one in force.",
            )
        )
    trained_by = version.contributors.filter(kind=ContributorKind.TRAINER, user__isnull=False)
    if version.contributors.filter(service_account__isnull=False).exists() and not trained_by.exists():
        reasons.append(
            Reason(
                "trainer_unknown",
                "A service account uploaded this version and no trainer known here is named. "
                "Upload it again with `trainers`, so that they are kept from signing for it.",
            )
        )
    if reasons or revision is None:
        raise Refused(Verdict.refuse(*reasons))
    _end_earlier(version, environment, actor)
    review = Review.objects.create(
        number=next_number("review"),
        version=version,
        environment=environment,
        policy_revision=revision,
        reason=reason,
        due_on=due_on,
        renews=review_to_renew(version, environment),
        subject_digest=subject_of(version=version, environment=environment, revision=revision).digest,
        requested_by_kind=actor.kind,
        requested_by=actor.ref,
        requested_by_label=actor.label,
        created_at=clock.now(),
    )
    append_entry(verb=REVIEW_REQUESTED, subject=review, actor=actor, personal={"reason": reason})
    return review


def _end_earlier(version: ModelVersion, environment: Environment, actor: Actor) -> None:
    """Refuse beside a live or a still good review; end one that is stale or expired."""
    locked = Review.objects.select_for_update(of=("self",), no_key=True)
    earlier = locked.filter(version=version, environment=environment, state__in=[*LIVE, ReviewState.APPROVED])
    for review in with_their_rows(earlier):
        if review.live:
            raise Conflict(
                f"Review {review.number} of this version for {environment.name} is open already. Continue there.",
                code="review_open",
            )
        standing = standing_of(review)
        if standing.stale:
            move(review=review, to=ReviewState.STALE, verb=REVIEW_ENDED, actor=actor)
        elif standing.expired:
            move(review=review, to=ReviewState.EXPIRED, verb=REVIEW_ENDED, actor=actor)
        else:
            raise Conflict(
                f"Review {review.number} approved this version for {environment.name}, and nothing changed since.",
                code="already_approved",
            )


@transaction.atomic
def answer_changes(*, review: Review, actor: Actor) -> Review:
    """Say that the requested changes are made: the review is open again, and what was signed on an earlier subject
    no longer counts. Raises Refused, Conflict unless changes were requested."""
    if not (verdict := actor.may(Permission.REQUEST_REVIEW, review.version.model.team_id)):
        raise Refused(verdict)
    review = lock_review(review)
    move(review=review, to=ReviewState.OPEN, verb=REVIEW_ANSWERED, actor=actor)
    return review


@transaction.atomic
def withdraw_review(*, review: Review, reason: str, actor: Actor) -> Review:
    """Take a live review back. Raises Refused, Invalid without a reason, Conflict when it has ended."""
    if not (verdict := actor.may(Permission.REQUEST_REVIEW, review.version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why the review is withdrawn.")
    review = lock_review(review)
    move(
        review=review,
        to=ReviewState.WITHDRAWN,
        verb=REVIEW_WITHDRAWN,
        actor=actor,
        personal={"reason": reason},
    )
    return review


@transaction.atomic
def revoke_approval(*, review: Review, reason: str, actor: Actor) -> Review:
    """Take an approval away. What is live stays live until somebody rolls back; it cannot be promoted again.
    Raises Refused, Invalid without a reason, Conflict unless the review is approved."""
    if not (verdict := actor.may(Permission.REVOKE_APPROVAL, review.version.model.team_id)):
        raise Refused(verdict)
    reason = checked_text(reason, "reason", "Say why the approval is revoked.")
    review = lock_review(review)
    move(review=review, to=ReviewState.REVOKED, verb=REVIEW_REVOKED, actor=actor, personal={"reason": reason})
    return review
