"""What waits for one person: reviews to sign, changes to answer, approved versions to promote, failed jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from countersign import clock
from countersign.accounts.models import ServiceAccount
from countersign.actors import Actor, ActorKind
from countersign.jobs.models import Job
from countersign.jobs.queries import failed_jobs, live_jobs
from countersign.jobs.views import heading
from countersign.ledger.queries import Filters, ReadEntry, entries
from countersign.permissions import Permission, Role
from governance.environments.queries import environments_in_order
from governance.promotion.live import Live, live_now
from governance.reviews.figures import tally_of
from governance.reviews.models import Review, ReviewState
from governance.reviews.queries import Standing, reviews_visible_to, standings_of
from governance.reviews.seal import approvable_by
from governance.reviews.subject import PART_TITLES
from registry.versions.models import Contributor

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


def _signable(actor: Actor) -> list[Standing]:
    """Open reviews that wait for an approval the actor may give, newest first, in a fixed number of queries.
    Where their own sign-off went stale they are asked again."""
    teams = {g.team for g in actor.grants if g.role in SIGNERS and g.team is not None}
    everywhere = any(g.role in SIGNERS and g.team is None for g in actor.grants)
    if actor.kind is not ActorKind.PERSON or not (teams or everywhere):
        return []
    found = reviews_visible_to(actor).filter(state=ReviewState.OPEN)
    if not everywhere:
        found = found.filter(version__model__team__in=teams)
    reviews = list(found[:SHOWN])
    if not reviews:
        return []
    makers: dict[UUID, set[UUID]] = {}
    made = Contributor.objects.filter(
        version__in=[review.version_id for review in reviews], user__isnull=False
    )
    for version, user in made.values_list("version_id", "user_id"):
        makers.setdefault(version, set()).add(user)
    return [
        standing
        for standing in standings_of(reviews, results=False)
        if approvable_by(actor, standing, makers.get(standing.review.version_id, set()))
    ]


def _to_answer(actor: Actor) -> QuerySet[Review]:
    """Reviews the actor asked for, or a service account they answer for, in which changes were requested."""
    if actor.ref is None:
        return Review.objects.none()
    answered_for = ServiceAccount.objects.filter(responsible=actor.person).values("pk")
    mine = Q(requested_by=actor.ref) | Q(requested_by__in=answered_for)
    return reviews_visible_to(actor).filter(mine, state=ReviewState.CHANGES_REQUESTED)


def waiting_count(actor: Actor) -> int:
    """How many lines the inbox has, for the top bar of every page: it costs a few queries where something may
    wait, whatever their number."""
    return (
        len(_signable(actor)) + _to_answer(actor).count() + len(_promotable(actor)) + _failed(actor).count()
    )


def tasks_of(actor: Actor) -> list[Task]:
    """What waits for the actor, by age, oldest first."""
    tasks = [*_signing(actor), *_answering(actor), *_promoting(actor), *_failing(actor)]
    return sorted(tasks, key=lambda task: task.since)


def _signing(actor: Actor) -> list[Task]:
    tasks = []
    for standing in _signable(actor):
        review = standing.review
        mine = [one for slot in standing.slots for one in slot.stale if one.person_id == actor.person]
        moved = " and ".join(
            PART_TITLES[name] for one in mine[-1:] for name in standing.subject.moved_since(one.subject_parts)
        )
        tasks.append(
            _of_review(
                standing,
                icon="stale" if mine else "pen",
                tone="doubt" if mine else "pen",
                title=f"Your sign-off on {review.version} for {review.environment.name.lower()} is stale"
                if mine
                else f"Sign or refuse {review.version} for {review.environment.name.lower()}",
                remark=f"{moved[:1].upper()}{moved[1:]} changed since you signed. Look again."
                if mine
                else "",
            )
        )
    return tasks


def _answering(actor: Actor) -> list[Task]:
    return [
        _of_review(
            standing,
            icon="talk",
            tone="doubt",
            title=f"Changes were requested in review {standing.review.number}, {standing.review.version}",
            remark="Nobody can approve until you answer.",
        )
        for standing in standings_of(list(_to_answer(actor)[:SHOWN]), results=False)
    ]


def _promotable(actor: Actor) -> list[Standing]:
    """Approvals that still hold and were never carried out, in teams where the actor may promote."""
    teams = actor.teams_with(Permission.PROMOTE)
    if actor.ref is None or teams == frozenset():
        return []
    approved = reviews_visible_to(actor).filter(state=ReviewState.APPROVED, promotions__isnull=True)
    if teams is not None:
        approved = approved.filter(version__model__team__in=teams)
    reviews = list(approved[:SHOWN])
    standings = standings_of(reviews, results=False) if reviews else []
    return [standing for standing in standings if not standing.stale and not standing.expired]


def _promoting(actor: Actor) -> list[Task]:
    tasks = []
    for standing in _promotable(actor):
        version, environment = standing.review.version, standing.review.environment
        tasks.append(
            _of_review(
                standing,
                icon="to",
                tone="ink",
                title=f"Promote {version} to {environment.name.lower()}",
                remark="Approved; it is not live yet.",
                url=reverse(
                    "governance:promote", args=[version.model.name, version.number, environment.slug]
                ),
            )
        )
    return tasks


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
        remark=f"Review {review.number}, requested by {review.requested_by_label}. {remark}".rstrip(),
        due=review.due_on,
        tally=tally_of(standing),
        count=f"{standing.signed} of {len(standing.slots)}",
    )


def _failed(actor: Actor) -> QuerySet[Job]:
    """The actor's own jobs that failed lately."""
    since = clock.now() - FAILED_FOR
    return failed_jobs(actor).filter(actor_kind=actor.kind, actor_ref=actor.ref, ended_at__gte=since)


def _failing(actor: Actor) -> list[Task]:
    return [
        Task(
            icon="refuse",
            tone="refuse",
            title=f"{heading(job)} failed",
            url=reverse("jobs:job", args=[job.id]),
            since=job.ended_at or job.created_at,
            remark=job.failure,
        )
        for job in _failed(actor)[:SHOWN]
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


def wall(actor: Actor) -> list[Live]:
    """What is live in the last environment, by name of the model."""
    environment = environments_in_order().last()
    found = [one for one in live_now(actor) if environment and one.period.environment_id == environment.id]
    return sorted(found, key=lambda one: one.period.version.model.name_folded)[:SHOWN]
