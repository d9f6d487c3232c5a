"""Open points: what a reader must know before the rest. Every absence in scope is said, none is left to be
noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from countersign.ledger.presenters import ERASED
from governance.cards.queries import completeness, newest_revision
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.queries import latest_evidence
from governance.export.contents.decisions import live_periods
from governance.export.contents.people import People
from governance.export.contents.scope import Scope
from governance.policies.rules import document_of
from governance.policies.verdict import judge
from governance.profiles.queries import profile_of
from governance.promotion.models import LivePeriod
from governance.reviews.models import LIVE, Review, ReviewState
from governance.reviews.queries import standing_of
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """One thing that is open, missing or in doubt, and where."""

    what: str
    where: str


def open_points(scope: Scope, people: People) -> list[OpenPoint]:
    """Everything open when the bundle was made."""
    points = [
        OpenPoint("No risk tier was set, so no policy applies", model.name)
        for model in scope.models
        if profile_of(model) is None
    ]
    for period in live_periods(scope):
        points += _of_live(period)
    for review in sorted(scope.reviews, key=lambda review: review.number):
        points += _of_review(review)
    for version in scope.versions:
        points += _of_version(version)
    points += [
        OpenPoint(f"The name of a person is erased and prints as {ERASED}", f"person {ref}")
        for ref in people.erased()
    ]
    return points


def _of_live(period: LivePeriod) -> Iterator[OpenPoint]:
    """What is in doubt about what is live now."""
    if period.during.upper is not None:
        return
    version, where = period.version, f"{period.version}, live in {period.environment.name}"
    review = period.promotion.review
    if review is None:
        yield OpenPoint("It was made live without a review", where)
        return
    if review.state in (ReviewState.REVOKED, ReviewState.STALE, ReviewState.EXPIRED):
        yield OpenPoint(f"The approval of review {review.number} is {review.state}", where)
    document = document_of(review.policy_revision)
    evidence = latest_evidence(version, document.suite_for(version))
    for result in judge(
        version=version, document=document, evaluation=evidence, card=newest_revision(version)
    ):
        if result.state not in ("met", "not_applicable"):
            yield OpenPoint(f"{result.title}: {result.state.replace('_', ' ')}. {result.message}", where)
    profile = profile_of(version.model)
    card = completeness(version, profile.risk_tier) if profile else None
    if card and card.missing:
        names = ", ".join(section.title for section in card.missing)
        yield OpenPoint(f"The card lacks {len(card.missing)} of {card.required} sections: {names}", where)


def _of_review(review: Review) -> Iterator[OpenPoint]:
    """What is open in a review."""
    where = f"review {review.number} of {review.version} for {review.environment.name}"
    if review.state not in (*LIVE, ReviewState.APPROVED):
        return
    standing = standing_of(review)
    if review.state in LIVE:
        missing = ", ".join(slot.required.title for slot in standing.missing)
        yield OpenPoint(
            f"Undecided: {review.get_state_display().lower()}; not signed: {missing or 'nothing'}", where
        )
    elif standing.stale:
        moved = " and ".join(standing.moved) or "what was signed"
        yield OpenPoint(f"Approved, but {moved} changed since", where)
    elif standing.expired:
        yield OpenPoint(f"Approved longer ago than {standing.policy.approval_valid_days} days", where)


def _of_version(version: ModelVersion) -> Iterator[OpenPoint]:
    """What is missing or only claimed about a version."""
    where = str(version)
    if not Evaluation.objects.filter(version=version, state=EvaluationState.SUCCEEDED).exists():
        yield OpenPoint("Never measured: no evaluation succeeded", where)
    if not version.contributors.filter(user__isnull=False).exists():
        yield OpenPoint(
            "Nobody known here is named as its maker, so nobody is kept from signing for it", where
        )
    run = version.run
    if run is None:
        yield OpenPoint("No training run is recorded", where)
    elif run.source_clean is False:
        yield OpenPoint("Trained from a commit with changes that were not committed", where)
    if not version.inputs.exists():
        yield OpenPoint("No training data is recorded", where)
    for used in version.inputs.select_related("dataset_version__dataset"):
        if used.claim == "declared":
            yield OpenPoint(f"Data {used.dataset_version} is only declared, not observed or verified", where)
        if used.dataset_version.blob_id is None:
            yield OpenPoint(f"Data {used.dataset_version} is kept elsewhere; only its digest is here", where)
