"""Reads of reviews: where a review stands, and whether a version is approved for an environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from countersign import clock
from countersign.actors import Actor
from governance.cards.queries import newest_revision
from governance.environments.models import Environment
from governance.evaluation.queries import latest_evidence
from governance.policies.rules import PolicyDocument, RequiredSignOff, document_of
from governance.policies.verdict import RequirementResult, judge
from governance.reviews.models import LIVE, Decision, Review, ReviewState, SignOff
from governance.reviews.subject import PART_TITLES, Subject, subject_of
from registry.versions.models import ModelVersion
from registry.versions.queries import models_visible_to


@dataclass(frozen=True, slots=True)
class Slot:
    """One required sign-off and who filled it: on the present subject (`signed`) or on an earlier one (`stale`)."""

    required: RequiredSignOff
    signed: SignOff | None
    stale: tuple[SignOff, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a review stands now, computed and never stored."""

    review: Review
    policy: PolicyDocument
    subject: Subject
    requirements: list[RequirementResult]
    slots: list[Slot]

    @property
    def blocking(self) -> list[RequirementResult]:
        """Requirements that refuse promotion."""
        return [result for result in self.requirements if result.blocks]

    @property
    def missing(self) -> list[Slot]:
        """Required sign-offs nobody filled on the present subject."""
        return [slot for slot in self.slots if slot.signed is None]

    @property
    def signed(self) -> int:
        """How many required sign-offs match the present subject."""
        return len(self.slots) - len(self.missing)

    @property
    def moved(self) -> list[str]:
        """What moved since the sign-offs that no longer match, in words."""
        names: list[str] = []
        for slot in self.slots:
            for sign_off in slot.stale:
                names += [n for n in self.subject.moved_since(sign_off.subject_parts) if n not in names]
        return [PART_TITLES[name] for name in names]

    @property
    def stale(self) -> bool:
        """Whether an approval given is for another subject than the present one."""
        return self.review.state == ReviewState.APPROVED and bool(self.missing)

    @property
    def expired(self) -> bool:
        """Whether an approval given is older than the policy lets it be."""
        decided = self.review.decided_at
        return (
            self.review.state == ReviewState.APPROVED
            and decided is not None
            and clock.now() >= decided + timedelta(days=self.policy.approval_valid_days)
        )


def slot_of(sign_off: SignOff, required: tuple[RequiredSignOff, ...]) -> RequiredSignOff | None:
    """The required sign-off this signature fills: same meaning, signed in the role it asks for."""
    for one in required:
        if one.meaning == sign_off.meaning and one.role == sign_off.role:
            return one
    return None


def standing_of(review: Review) -> Standing:
    """Where the review stands: the present subject, the requirements judged, the sign-offs that match it."""
    policy = document_of(review.policy_revision)
    version = review.version
    subject = subject_of(version=version, environment=review.environment, revision=review.policy_revision)
    approvals = [s for s in review.sign_offs.all() if s.decision == Decision.APPROVE]
    slots = []
    for required in policy.sign_offs:
        mine = [s for s in approvals if slot_of(s, policy.sign_offs) == required]
        signed = next((s for s in mine if s.subject_digest == subject.digest), None)
        slots.append(Slot(required, signed, tuple(s for s in mine if s.subject_digest != subject.digest)))
    requirements = judge(
        version=version,
        document=policy,
        evaluation=latest_evidence(version, policy.suite),
        card=newest_revision(version),
    )
    return Standing(review, policy, subject, requirements, slots)


def reviews_visible_to(actor: Actor) -> QuerySet[Review]:
    """Reviews of models the actor may see, newest first."""
    return (
        Review.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "environment", "policy_revision__policy")
        .order_by("-number")
    )


def newest_review(version: ModelVersion, environment: Environment) -> Review | None:
    """The latest review of the version for the environment that was not withdrawn."""
    return (
        Review.objects.filter(version=version, environment=environment)
        .exclude(state=ReviewState.WITHDRAWN)
        .select_related("version__model", "environment", "policy_revision__policy")
        .order_by("-number")
        .first()
    )


def live_reviews_of(version: ModelVersion) -> QuerySet[Review]:
    """Reviews of the version that still take sign-offs."""
    return Review.objects.filter(version=version, state__in=LIVE)


def contributor_people(version: ModelVersion) -> set[UUID]:
    """The people who made the version: they cannot sign for it (separation of duties S1)."""
    return {user for user in version.contributors.values_list("user_id", flat=True) if user is not None}
