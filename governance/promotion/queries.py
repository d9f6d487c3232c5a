"""Reads of promotions: what is live where, and the gate's answer that page, API and CI all show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from countersign.actors import Actor
from countersign.blobs.store import is_intact
from countersign.verdicts import Reason, Verdict
from countersign.web.formats import plural
from governance.environments.models import Environment
from governance.policies.around import Around, around_of
from governance.policies.queries import policies_in_force
from governance.policies.rules import document_of
from governance.policies.verdict import RequirementResult, judge
from governance.profiles.models import RiskTier
from governance.promotion.models import LivePeriod, Promotion
from governance.reviews.models import LIVE, Meaning, Review, ReviewState
from governance.reviews.queries import Standing, standing_of, standings_of, with_their_rows
from governance.reviews.subject import ingredients_of
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import models_visible_to

_COUNTS = (*LIVE, ReviewState.APPROVED)
_WERE_APPROVED = (ReviewState.APPROVED, ReviewState.STALE, ReviewState.EXPIRED, ReviewState.REVOKED)


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
    return LivePeriod.objects.filter(model=model, during__upper_inf=True).select_related(
        "version", "environment"
    )


def promotions_visible_to(actor: Actor) -> QuerySet[Promotion]:
    """Promotions of models the actor may see, newest first."""
    return (
        Promotion.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "environment", "previous", "review")
        .order_by("-number")
    )


def with_their_periods(promotions: Sequence[Promotion]) -> list[tuple[Promotion, LivePeriod]]:
    """Promotions with the period in which each made its version live, in one query."""
    periods = {one.promotion_id: one for one in LivePeriod.objects.filter(promotion__in=promotions)}
    return [(one, periods[one.pk]) for one in promotions]


def gate_of(*, version: ModelVersion, environment: Environment) -> Gate:
    """Whether the version may become live there, with every reason why not: policy requirements first, then what
    is missing of the review. Reads only; `promote` asks it again under its locks.

    A review that is open or approved is judged by its own policy revision; else the one in force counts."""
    return gates_of([version], environment)[version.pk]


def gates_of(versions: Sequence[ModelVersion], environment: Environment) -> dict[UUID, Gate]:
    """`gate_of` for several versions by their ids, in a fixed number of queries where their model, run and parent
    were joined."""
    newest = with_their_rows(
        Review.objects.filter(version__in=versions, environment=environment).exclude(
            state=ReviewState.WITHDRAWN
        )
    )
    reviews = {
        review.version_id: review
        for review in newest.order_by("version_id", "-number").distinct("version_id")
    }
    counting = [review for review in reviews.values() if review.state in _COUNTS]
    standings = {one.review.version_id: one for one in standings_of(counting)} if counting else {}
    around = around_of(versions)
    judged = _without_review([one for one in versions if one.pk not in standings], environment, around)
    return {
        version.pk: _gate(
            version, environment, reviews.get(version.pk), standings.get(version.pk), around, judged
        )
        for version in versions
    }


def _gate(
    version: ModelVersion,
    environment: Environment,
    review: Review | None,
    standing: Standing | None,
    around: Mapping[UUID, Around],
    judged: Mapping[UUID, tuple[list[RequirementResult], Reason | None]],
) -> Gate:
    reasons: list[Reason] = []
    if version.archived_at or version.model.archived_at:
        reasons.append(Reason("archived", "This version or its model is archived. Restore it first."))
    if standing is not None:
        requirements = judge(
            version=standing.review.version,
            document=standing.policy,
            evaluation=standing.evidence,
            card=standing.card,
            around=around[version.pk],
        )
    else:
        requirements, missing = judged[version.pk]
        if missing is not None:
            return Gate(Verdict.refuse(*reasons, missing), [], None)
    reasons += [_reason(result) for result in requirements if result.blocks]
    reasons += _of_review(review, standing, environment)
    notes = [
        _reason(result)
        for result in requirements
        if not result.blocks and result.state not in ("met", "not_applicable")
    ]
    verdict = Verdict.refuse(*reasons) if reasons else Verdict.allow(*notes)
    return Gate(verdict, requirements, standing)


def gate_title(gate: Gate, environment: Environment) -> str:
    """The gate's answer in one sentence."""
    place = environment.name.lower()
    if gate.verdict:
        return f"Promotion to {place} is allowed"
    return f"Promotion to {place} is refused, for {plural(len(gate.verdict.reasons), 'reason')}"


def _reason(result: RequirementResult) -> Reason:
    return Reason(result.rule_id, result.message, result.link, result.state, result.looked_at)


def _without_review(
    versions: Sequence[ModelVersion], environment: Environment, around: Mapping[UUID, Around]
) -> dict[UUID, tuple[list[RequirementResult], Reason | None]]:
    """For each version the requirements of the policy in force judged, or the reason why there is nothing to judge
    by."""
    if not versions:
        return {}
    found = ingredients_of(versions, results=True)
    policies = policies_in_force(environment)
    judged: dict[UUID, tuple[list[RequirementResult], Reason | None]] = {}
    for version in versions:
        profile = found.profiles.get(version.model_id)
        revision = policies.get(profile.risk_tier) if profile else None
        if profile is None:
            judged[version.pk] = (
                [],
                Reason(
                    "no_tier",
                    "The model has no risk tier yet, so no policy applies. Its owner sets one on the model's page.",
                    reverse("registry:model", args=[version.model.name]),
                ),
            )
        elif revision is None:
            judged[version.pk] = (
                [],
                Reason(
                    "no_policy",
                    f"No policy is in force for {profile.risk_tier} tier in {environment.name}. "
                    "A compliance officer puts one in force.",
                ),
            )
        else:
            document = document_of(revision)
            results = judge(
                version=version,
                document=document,
                evaluation=found.evidence.get((version.pk, document.suite_for(version))),
                card=found.cards.get(version.pk),
                around=around[version.pk],
            )
            judged[version.pk] = results, None
    return judged


def _of_review(review: Review | None, standing: Standing | None, environment: Environment) -> list[Reason]:
    """What is missing of the review."""
    if review is None:
        sentence = f"Nobody has asked for a review of this version for {environment.name} yet."
        return [Reason("no_review", sentence, state="waiting")]
    link = reverse("governance:review", args=[review.number])
    if standing is None:
        ended = {
            ReviewState.REJECTED: "rejected this version",
            ReviewState.REVOKED: "approved it, and the approval was revoked",
            ReviewState.STALE: "approved it, and what was signed has changed since",
            ReviewState.EXPIRED: "approved it, and the approval has expired",
        }[ReviewState(review.state)]
        return [
            Reason(f"review_{review.state}", f"Review {review.number} {ended}. Ask for a new review.", link)
        ]
    reasons = []
    if standing.stale:
        moved = " and ".join(standing.moved) or "what was signed"
        reasons.append(
            Reason(
                "approval_stale",
                f"{moved[0].upper()}{moved[1:]} changed after review {review.number} was signed. Ask for a new review.",
                link,
                "stale",
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
    elif review.state != ReviewState.APPROVED:
        reasons.append(
            Reason("not_approved", f"Review {review.number} is not approved yet.", link, "waiting")
        )
    if review.state == ReviewState.CHANGES_REQUESTED:
        reasons.append(
            Reason(
                "changes_requested",
                f"Changes were requested in review {review.number}; answer them first.",
                link,
            )
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


def promoter_verdict(gate: Gate, actor: Actor) -> Verdict:
    """Separation of duties S10: at high tier, who alone approved a version is not who makes it live."""
    standing = gate.standing
    if standing is None or standing.policy.risk_tier != RiskTier.HIGH:
        return Verdict.allow()
    approvers = {
        slot.signed.person_id
        for slot in standing.slots
        if slot.signed is not None and slot.required.meaning == Meaning.APPROVAL
    }
    if approvers and approvers == {actor.person}:
        return Verdict.because(
            "promoter_is_approver",
            "You alone approved this version, and at high tier another person makes it live. Ask an owner.",
        )
    return Verdict.allow()


def newest_decision(version: ModelVersion, environment: Environment) -> Review | None:
    """The review that last approved the version for the environment, whatever became of the approval since."""
    reviews = Review.objects.filter(version=version, environment=environment, state__in=_WERE_APPROVED)
    return with_their_rows(reviews).order_by("-number").first()


def rollback_verdict(*, version: ModelVersion, environment: Environment) -> Verdict:
    """Whether the version may be rolled back to: it was live there and its last approval was not revoked. Whether
    its bytes are intact is `bytes_verdict`. A stale or expired approval is a note here, not a refusal: the way
    back must stay open."""
    if not LivePeriod.objects.filter(environment=environment, version=version).exists():
        return Verdict.because(
            "never_live",
            f"This version was never live in {environment.name}; promote it instead of rolling back.",
        )
    reasons = []
    current = live_in(environment, version.model)
    if current and current.version_id == version.id:
        reasons.append(Reason("already_live", f"This version is live in {environment.name} now."))
    if version.archived_at or version.model.archived_at:
        reasons.append(Reason("archived", "This version or its model is archived. Restore it first."))
    review = newest_decision(version, environment)
    if review is not None and review.state == ReviewState.REVOKED:
        link = reverse("governance:review", args=[review.number])
        reasons.append(
            Reason("approval_revoked", f"The approval of review {review.number} was revoked.", link)
        )
    return Verdict.refuse(*reasons) if reasons else Verdict.allow(*_doubts(review))


def _doubts(review: Review | None) -> list[Reason]:
    """What speaks against an approval that is not revoked."""
    if review is None:
        return []
    standing = standing_of(review)
    doubts = []
    if review.state == ReviewState.STALE or standing.stale:
        doubts.append(
            Reason("approval_stale", f"The approval of review {review.number} is stale.", state="stale")
        )
    if review.state == ReviewState.EXPIRED or standing.expired:
        doubts.append(
            Reason(
                "approval_expired", f"The approval of review {review.number} has expired.", state="expiring"
            )
        )
    return doubts


def bytes_verdict(version: ModelVersion) -> Verdict:
    """Whether every file of the version still has the digest it is named by. Reads all of them."""
    damaged = [file.path for file in version.files.select_related("blob") if not is_intact(file.blob)]
    if damaged:
        return Verdict.because("bytes_damaged", f"Its bytes are not intact: {', '.join(damaged)}.")
    return Verdict.allow()
