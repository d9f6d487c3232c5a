"""Reads of reviews: where a review stands, and whether a version is approved for an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Q, QuerySet

from countersign import clock
from countersign.accounts.models import ServiceAccount
from countersign.actors import Actor
from governance.cards.models import CardRevision
from governance.environments.models import Environment
from governance.evaluation.models import Evaluation
from governance.policies.rules import PolicyDocument, RequiredSignOff, document_of
from governance.policies.verdict import RequirementResult, judge
from governance.reviews.models import Decision, Review, ReviewState, SignOff
from governance.reviews.subject import PART_TITLES, Ingredients, Subject, ingredients_of, subject_from
from registry.versions.models import ModelVersion
from registry.versions.queries import models_visible_to


@dataclass(frozen=True, slots=True)
class Slot:
    """One required sign-off and who filled it: on the present subject (`signed`) or on an earlier one (`stale`)."""

    required: RequiredSignOff
    signed: SignOff | None
    stale: tuple[SignOff, ...]


@dataclass(frozen=True)
class Standing:
    """Where a review stands now, computed and never stored."""

    review: Review
    policy: PolicyDocument
    subject: Subject
    slots: list[Slot]
    evidence: Evaluation | None
    card: CardRevision | None

    @cached_property
    def requirements(self) -> list[RequirementResult]:
        """The requirements of the policy judged on the present evidence and card, failures first."""
        return judge(
            version=self.review.version, document=self.policy, evaluation=self.evidence, card=self.card
        )

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

    def moved_sentence(self, seen_parts: Mapping[str, str]) -> str:
        """What to tell somebody who would have signed an earlier subject, whose parts were these."""
        moved = [PART_TITLES[name] for name in self.subject.moved_since(seen_parts)] if seen_parts else []
        what = " and ".join(moved) or "what you would sign"
        verb = "have" if len(moved) > 1 else "has"
        return (
            f"{what[0].upper()}{what[1:]} {verb} changed since this page was loaded, so your signature was not "
            "recorded. Look at the new state and sign that."
        )

    @property
    def signed_digest(self) -> str | None:
        """The subject that was signed last where it is not the present one and nobody has signed that."""
        if self.signed:
            return None
        stale = [sign_off for slot in self.slots for sign_off in slot.stale]
        return max(stale, key=lambda one: one.signed_at).subject_digest if stale else None

    @property
    def stale(self) -> bool:
        """Whether an approval given is for another subject than the present one."""
        return self.review.state == ReviewState.APPROVED and bool(self.missing)

    @property
    def ends_at(self) -> datetime | None:
        """When an approval given is too old for the policy."""
        decided = self.review.decided_at
        if self.review.state != ReviewState.APPROVED or decided is None:
            return None
        return decided + timedelta(days=self.policy.approval_valid_days)

    @property
    def expired(self) -> bool:
        """Whether an approval given is older than the policy lets it be."""
        return self.ends_at is not None and clock.now() >= self.ends_at


def slot_of(sign_off: SignOff, required: tuple[RequiredSignOff, ...]) -> RequiredSignOff | None:
    """The required sign-off this signature fills: same meaning, signed in the role it asks for. A policy asks for
    each such pair once."""
    for one in required:
        if one.meaning == sign_off.meaning and one.role == sign_off.role:
            return one
    return None


def ended_sentence(review: Review) -> str:
    """What to tell somebody who would sign a review that has ended."""
    return (
        f"Review {review.number} is {review.get_state_display().lower()} and takes no more sign-offs. "
        "Nothing was signed."
    )


def standing_of(review: Review) -> Standing:
    """Where the review stands: the present subject, the requirements judged, the sign-offs that match it."""
    return standings_of([review])[0]


def standings_of(reviews: Sequence[Review], *, results: bool = True) -> list[Standing]:
    """Where several reviews stand, in a fixed number of queries. Without `results` the evidence is read only when
    requirements are asked for: lists that draw tallies need none."""
    found = ingredients_of([review.version for review in reviews], results=results)
    given: dict[UUID, list[SignOff]] = {}
    for sign_off in SignOff.objects.filter(review__in=reviews).order_by("signed_at", "id"):
        given.setdefault(sign_off.review_id, []).append(sign_off)
    return [_standing(review, given.get(review.id, []), found) for review in reviews]


def _standing(review: Review, given: list[SignOff], found: Ingredients) -> Standing:
    policy = document_of(review.policy_revision)
    version = review.version
    subject = subject_from(
        found, version=version, environment=review.environment, revision=review.policy_revision
    )
    approvals = approvals_that_count(given)
    slots = []
    for required in policy.sign_offs:
        mine = [s for s in approvals if slot_of(s, policy.sign_offs) == required]
        signed = next((s for s in mine if s.subject_digest == subject.digest), None)
        slots.append(Slot(required, signed, tuple(s for s in mine if s.subject_digest != subject.digest)))
    return Standing(
        review=review,
        policy=policy,
        subject=subject,
        slots=slots,
        evidence=found.evidence.get((version.id, policy.suite_for(version))),
        card=found.cards.get(version.id),
    )


def approvals_that_count(given: Sequence[SignOff]) -> list[SignOff]:
    """The approvals among the sign-offs of a review, oldest first, without those their signer took back by an
    objection afterwards."""
    objected = {s.person_id: s.signed_at for s in given if s.decision != Decision.APPROVE}
    return [
        s
        for s in given
        if s.decision == Decision.APPROVE
        and (s.person_id not in objected or s.signed_at > objected[s.person_id])
    ]


def reviews_visible_to(actor: Actor) -> QuerySet[Review]:
    """Reviews of models the actor may see, newest first."""
    return with_their_rows(Review.objects.filter(version__model__in=models_visible_to(actor))).order_by(
        "-number"
    )


def asked_for_by(actor: Actor) -> Q:
    """Reviews the actor asked for, or a service account they answer for."""
    answered_for = ServiceAccount.objects.filter(responsible=actor.person).values("pk")
    return Q(requested_by=actor.ref) | Q(requested_by__in=answered_for)


def with_their_rows(reviews: QuerySet[Review]) -> QuerySet[Review]:
    """The same reviews with the rows that standings and pages read of them, joined."""
    return reviews.select_related(
        "version__model__team", "version__run", "version__parent", "environment", "policy_revision__policy"
    )


def newest_review(version: ModelVersion, environment: Environment) -> Review | None:
    """The latest review of the version for the environment that was not withdrawn."""
    reviews = Review.objects.filter(version=version, environment=environment).exclude(
        state=ReviewState.WITHDRAWN
    )
    return with_their_rows(reviews).order_by("-number").first()


def review_to_renew(version: ModelVersion, environment: Environment) -> Review | None:
    """The latest review of the version for the environment whose approval was given and no longer holds, though
    nobody took it away."""
    ended = Review.objects.filter(
        version=version, environment=environment, state__in=(ReviewState.STALE, ReviewState.EXPIRED)
    )
    return ended.order_by("-number").first()


def approved_subject(review: Review) -> str:
    """The subject on which a review was approved; empty where it never was."""
    last = review.sign_offs.filter(decision=Decision.APPROVE).order_by("-signed_at").first()
    return last.subject_digest if last else ""


def contributor_people(version: ModelVersion) -> set[UUID]:
    """The people who made the version: they cannot sign for it (separation of duties S1)."""
    return {user for user in version.contributors.values_list("user_id", flat=True) if user is not None}
