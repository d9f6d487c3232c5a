"""Reads of promotions: what is live where, and the gate's answer that page, API and CI all show."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from countersign.actors import Actor
from countersign.blobs.store import is_intact
from countersign.verdicts import Reason, Verdict
from governance.cards.queries import newest_revision
from governance.environments.models import Environment
from governance.evaluation.queries import latest_evidence
from governance.policies.queries import policy_in_force
from governance.policies.rules import document_of
from governance.policies.verdict import RequirementResult, judge
from governance.profiles.queries import profile_of
from governance.promotion.models import LivePeriod, Promotion
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import Standing, newest_review, standing_of
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import models_visible_to


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate's answer for a version and an environment, with what it looked at."""

    verdict: Verdict
    requirements: list[RequirementResult]
    standing: Standing | None


def live_in(environment: Environment, model: RegisteredModel | UUID) -> LivePeriod | None:
    """The period in which a version of the model is live there now; None when none is."""
    return (
        LivePeriod.objects.filter(environment=environment, model=model, during__upper_inf=True)
        .select_related("version__model", "promotion__review")
        .first()
    )


def live_anywhere(model: RegisteredModel) -> QuerySet[LivePeriod]:
    """Where any version of the model is live now."""
    return LivePeriod.objects.filter(model=model, during__upper_inf=True).select_related("version", "environment")


def promotions_visible_to(actor: Actor) -> QuerySet[Promotion]:
    """Promotions of models the actor may see, newest first."""
    return (
        Promotion.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "environment", "previous", "review")
        .order_by("-number")
    )


def gate_of(*, version: ModelVersion, environment: Environment) -> Gate:
    """Whether the version may become live there, with every reason why not: policy requirements first, then what
    is missing of the review. Reads only; `promote` asks it again under its locks."""
    reasons: list[Reason] = []
    if version.archived_at or version.model.archived_at:
        reasons.append(Reason("archived", "This version or its model is archived. Restore it first."))
    profile = profile_of(version.model)
    if profile is None:
        reasons.append(
            Reason(
                "no_tier",
                "The model has no risk tier yet, so no policy applies. Its owner sets one on the model's page.",
                reverse("registry:model", args=[version.model.name]),
            )
        )
        return Gate(Verdict.refuse(*reasons), [], None)
    review = newest_review(version, environment)
    standing = standing_of(review) if review and review.state not in (ReviewState.STALE, ReviewState.EXPIRED) else None
    if standing is not None:
        requirements = standing.requirements
    else:
        revision = policy_in_force(profile.risk_tier, environment)
        if revision is None:
            reasons.append(
                Reason(
                    "no_policy",
                    f"No policy is in force for {profile.risk_tier} tier in {environment.name}. "
                    "A compliance officer puts one in force.",
                )
            )
            return Gate(Verdict.refuse(*reasons), [], None)
        document = document_of(revision)
        requirements = judge(
            version=version,
            document=document,
            evaluation=latest_evidence(version, document.suite),
            card=newest_revision(version),
        )
    reasons += [
        Reason(result.rule_id, result.message, result.link, result.state, result.looked_at)
        for result in requirements
        if result.blocks
    ]
    reasons += _of_review(review, standing, environment)
    notes = [
        Reason(result.rule_id, result.message, result.link, result.state, result.looked_at)
        for result in requirements
        if not result.blocks and result.state not in ("met", "not_applicable")
    ]
    verdict = Verdict.refuse(*reasons) if reasons else Verdict.allow(*notes)
    return Gate(verdict, requirements, standing)


def _of_review(review: Review | None, standing: Standing | None, environment: Environment) -> list[Reason]:
    """What is missing of the review."""
    if review is None or standing is None:
        return [
            Reason("no_review", f"Nobody has asked for a review of this version for {environment.name} yet.", None)
        ]
    link = reverse("governance:review", args=[review.number])
    if review.state in (ReviewState.REJECTED, ReviewState.REVOKED):
        word = "rejected this version" if review.state == ReviewState.REJECTED else "approved it and was revoked"
        return [Reason(f"review_{review.state}", f"Review {review.number} {word}. Ask for a new review.", link)]
    reasons = []
    if standing.stale:
        moved = " and ".join(standing.moved) or "the subject"
        reasons.append(
            Reason(
                "approval_stale",
                f"{moved[0].upper()}{moved[1:]} changed after review {review.number} was signed. Ask for a new review.",
                link,
            )
        )
    elif standing.missing:
        names = ", ".join(slot.required.title for slot in standing.missing)
        count = f"{standing.signed} of {len(standing.slots)}"
        reasons.append(
            Reason(
                "sign_off_missing",
                f"Review {review.number} has {count} sign-offs. Missing: {names}.",
                link,
                "waiting",
            )
        )
    if review.state == ReviewState.CHANGES_REQUESTED:
        reasons.append(
            Reason("changes_requested", f"Changes were requested in review {review.number}; answer them first.", link)
        )
    if standing.expired:
        days = standing.policy.approval_valid_days
        reasons.append(
            Reason(
                "approval_expired",
                f"The approval of review {review.number} is older than {days} days. Ask for a new review.",
                link,
            )
        )
    return reasons


def rollback_verdict(*, version: ModelVersion, environment: Environment) -> Verdict:
    """Whether the version may be rolled back to: it was live there, its approval was not revoked, its bytes are
    intact. A stale approval is a note here, not a refusal: the way back must stay open."""
    was_live = LivePeriod.objects.filter(environment=environment, version=version).select_related("promotion__review")
    last = was_live.order_by("-during").first()
    if last is None:
        return Verdict.because(
            "never_live", f"This version was never live in {environment.name}; promote it instead of rolling back."
        )
    reasons = []
    current = live_in(environment, version.model)
    if current and current.version_id == version.id:
        reasons.append(Reason("already_live", f"This version is live in {environment.name} now."))
    review = last.promotion.review
    if review is not None and review.state == ReviewState.REVOKED:
        reasons.append(Reason("approval_revoked", f"The approval of review {review.number} was revoked."))
    damaged = [file.path for file in version.files.select_related("blob") if not is_intact(file.blob)]
    if damaged:
        reasons.append(Reason("bytes_damaged", f"Its bytes are not intact: {', '.join(damaged)}."))
    if reasons:
        return Verdict.refuse(*reasons)
    if review is not None and review.state == ReviewState.APPROVED and standing_of(review).stale:
        return Verdict.allow(
            Reason("approval_stale", f"The approval of review {review.number} is stale.", state="stale")
        )
    return Verdict.allow()
