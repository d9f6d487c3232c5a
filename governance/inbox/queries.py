"""What waits for one person: reviews to sign, changes to answer, approved versions to promote, failed jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from countersign import clock
from countersign.actors import Actor, ActorKind
from countersign.jobs.models import Job
from countersign.jobs.queries import failed_jobs, live_jobs
from countersign.jobs.views import heading
from countersign.ledger.queries import Filters, ReadEntry, entries
from countersign.permissions import Permission, Role
from governance.environments.queries import environments_in_order
from governance.promotion.models import LivePeriod
from governance.reviews.figures import tally_of
from governance.reviews.models import LIVE, Review, ReviewState
from governance.reviews.queries import Standing, reviews_visible_to, standings_of
from governance.reviews.seal import offer_to
from registry.versions.models import Contributor
from registry.versions.queries import models_visible_to

SIGNERS = frozenset({Role.REVIEWER, Role.APPROVER, Role.OWNER, Role.COMPLIANCE})
SHOWN = 50
FAILED_FOR = timedelta(days=7)
DECISION_VERBS = (
    "governance.review.decided",
    "governance.promotion.made",
    "governance.promotion.rolled_back",
)


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the inbox. `voice` are a person's own words, `remark` ours."""

    icon: str
    tone: str
    title: str
    url: str
    since: datetime
    voice: str = ""
    remark: str = ""
    due: date | None = None
    tally: SafeString | None = None
    count: str = ""


def _signable(actor: Actor) -> QuerySet[Review]:
    """Live reviews the actor could still sign, by role and separation of duties, told in SQL."""
    teams = {g.team for g in actor.grants if g.role in SIGNERS and g.team is not None}
    everywhere = any(g.role in SIGNERS and g.team is None for g in actor.grants)
    if actor.kind is not ActorKind.PERSON or not (teams or everywhere):
        return Review.objects.none()
    found = reviews_visible_to(actor).filter(state=ReviewState.OPEN)
    if not everywhere:
        found = found.filter(version__model__team__in=teams)
    made = Contributor.objects.filter(user=actor.person).values("version")
    return found.exclude(version__in=made).exclude(sign_offs__person=actor.person)


def waiting_count(actor: Actor) -> int:
    """How many reviews wait for the actor's signature or answer; one query, for the top bar."""
    condition = Q(pk__in=_signable(actor).order_by().values("pk"))
    if actor.ref is not None:
        condition |= Q(state=ReviewState.CHANGES_REQUESTED, requested_by=actor.ref)
    return Review.objects.filter(condition).count()


def tasks_of(actor: Actor) -> list[Task]:
    """What waits for the actor, by age, oldest first."""
    tasks = [*_to_sign(actor), *_to_answer(actor), *_to_promote(actor), *_failed(actor)]
    return sorted(tasks, key=lambda task: task.since)


def _to_sign(actor: Actor) -> list[Task]:
    standings = standings_of(list(_signable(actor)[:SHOWN]))
    makers: dict[UUID, set[UUID]] = {}
    versions = [standing.review.version_id for standing in standings]
    for version, user in Contributor.objects.filter(version__in=versions).values_list(
        "version_id", "user_id"
    ):
        if user is not None:
            makers.setdefault(version, set()).add(user)
    tasks = []
    for standing in standings:
        offer = offer_to(actor, standing, makers.get(standing.review.version_id, set()))
        if not offer.approvable:
            continue
        blocking = len(standing.blocking)
        tasks.append(
            _of_review(
                standing,
                icon="pen",
                tone="pen",
                title=f"Sign or refuse {standing.review.version} for {standing.review.environment.name.lower()}",
                remark=f"{blocking} of {len(standing.requirements)} requirements are not met."
                if blocking
                else "Every requirement is met.",
            )
        )
    return tasks


def _to_answer(actor: Actor) -> list[Task]:
    if actor.ref is None:
        return []
    asked = reviews_visible_to(actor).filter(state=ReviewState.CHANGES_REQUESTED, requested_by=actor.ref)[
        :SHOWN
    ]
    return [
        _of_review(
            standing,
            icon="talk",
            tone="doubt",
            title=f"Changes were requested in review {standing.review.number}, {standing.review.version}",
            remark="Nobody can approve until you answer.",
        )
        for standing in standings_of(list(asked))
    ]


def _to_promote(actor: Actor) -> list[Task]:
    teams = actor.teams_with(Permission.PROMOTE)
    if teams == frozenset():
        return []
    approved = reviews_visible_to(actor).filter(state=ReviewState.APPROVED, promotions__isnull=True)
    if teams is not None:
        approved = approved.filter(version__model__team__in=teams)
    return [
        _of_review(
            standing,
            icon="to",
            tone="ink",
            title=f"Promote {standing.review.version} to {standing.review.environment.name.lower()}",
            remark="Approved; it is not live yet.",
            url=reverse(
                "governance:promote",
                args=[
                    standing.review.version.model.name,
                    standing.review.version.number,
                    standing.review.environment.slug,
                ],
            ),
        )
        for standing in standings_of(list(approved[:SHOWN]))
        if not standing.stale and not standing.expired
    ]


def _of_review(
    standing: Standing, *, icon: str, tone: str, title: str, remark: str, url: str | None = None
) -> Task:
    review = standing.review
    return Task(
        icon=icon,
        tone=tone,
        title=title,
        url=url or reverse("governance:review", args=[review.number]),
        since=review.created_at,
        voice=review.reason,
        remark=f"Review {review.number}, requested by {review.requested_by_label}. {remark}",
        due=review.due_on,
        tally=tally_of(standing),
        count=f"{standing.signed} of {len(standing.slots)}",
    )


def _failed(actor: Actor) -> list[Task]:
    since = clock.now() - FAILED_FOR
    mine = failed_jobs(actor).filter(actor_kind=actor.kind, actor_ref=actor.ref, ended_at__gte=since)[:SHOWN]
    return [
        Task(
            icon="refuse",
            tone="refuse",
            title=f"{heading(job)} failed",
            url=reverse("jobs:job", args=[job.id]),
            since=job.ended_at or job.created_at,
            remark=job.failure,
        )
        for job in mine
    ]


def running(actor: Actor) -> list[tuple[Job, str, int]]:
    """Live jobs the actor may see: the job, its heading, per cent."""
    return [(job, heading(job), round(job.progress * 100)) for job in live_jobs(actor)[:5]]


def recent_decisions(actor: Actor) -> list[ReadEntry]:
    """The newest decisions and promotions the actor may read of."""
    found = [
        entry
        for verb in DECISION_VERBS
        for entry in entries(actor=actor, filters=Filters(verb=verb), limit=5).entries
    ]
    return sorted(found, key=lambda entry: entry.recorded_at, reverse=True)[:5]


def wall(actor: Actor) -> list[dict[str, Any]]:
    """One tally for each model live in the last environment, with the word under it."""
    environment = environments_in_order().last()
    periods = (
        LivePeriod.objects.filter(
            environment=environment, during__upper_inf=True, model__in=models_visible_to(actor)
        )
        .select_related("model", "version__model", "promotion__review")
        .order_by("model__name_folded")[:SHOWN]
    )
    listed = list(periods)
    numbers = [p.promotion.review.number for p in listed if p.promotion.review]
    reviews = reviews_visible_to(actor).filter(number__in=numbers)
    standings = {standing.review.pk: standing for standing in standings_of(list(reviews), results=False)}
    tiles = []
    for period in listed:
        standing = standings.get(period.promotion.review_id)
        tiles.append(
            {
                "period": period,
                "standing": standing,
                "tally": tally_of(standing) if standing else None,
                "word": _word(standing),
                "doubt": standing is None
                or standing.stale
                or standing.expired
                or standing.review.state in _GONE,
            }
        )
    return tiles


_GONE = (ReviewState.STALE, ReviewState.EXPIRED, ReviewState.REVOKED, *LIVE)


def _word(standing: Standing | None) -> str:
    if standing is None:
        return "no review"
    if standing.review.state == ReviewState.REVOKED:
        return "approval revoked"
    if standing.stale or standing.review.state == ReviewState.STALE:
        return "stale signature"
    if standing.expired or standing.review.state == ReviewState.EXPIRED:
        return "approval expired"
    return "countersigned"
