"""What waits for one person: reviews to sign, changes to answer, approvals to carry out or to renew, what runs and
what failed. Everything is read for all reviews at once, so that it costs the same however much waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from countersign import clock
from countersign.accounts.models import ApiToken
from countersign.accounts.queries import holding_now
from countersign.actors import Actor, ActorKind
from countersign.jobs.models import Job
from countersign.jobs.queries import failed_jobs, live_jobs
from countersign.jobs.views import heading
from countersign.ledger.queries import Filters, ReadEntry, entries
from countersign.permissions import Permission, Role
from countersign.web.formats import day
from governance.environments.queries import environments_in_order
from governance.inbox.models import Snooze
from governance.inbox.tasks import Kind, Task, of_review
from governance.promotion.live import Live, live_now
from governance.promotion.models import LivePeriod
from governance.reviews.models import LIVE, Review, ReviewState
from governance.reviews.queries import Standing, asked_for_by, reviews_visible_to, standings_of
from governance.reviews.seal import approvable_by
from governance.reviews.subject import PART_TITLES
from registry.versions.models import Contributor

SIGNERS = frozenset({Role.REVIEWER, Role.APPROVER, Role.OWNER, Role.COMPLIANCE})
READ = 500
"""Reviews or jobs of one kind that are looked at, those that wait longest first."""
WALL = 50
FAILED_FOR = timedelta(days=7)
ENDS_WITHIN = timedelta(days=30)
ACCESS_ENDS_WITHIN = timedelta(days=14)
DECISION_VERBS = (
    "governance.review.decided",
    "governance.promotion.made",
    "governance.promotion.rolled_back",
)


def tasks_of(actor: Actor) -> list[Task]:
    """What waits for the actor, also what they put aside, in the order of `Task.turn`."""
    standings = _standings(actor)
    tasks = [
        *_signing(actor, standings),
        *_answering(actor, standings),
        *_approved(actor, standings),
        *_access_ending(actor),
        *_failing(actor),
    ]
    return sorted(tasks, key=lambda task: task.turn)


def running_tasks(actor: Actor) -> list[Task]:
    """What runs now, of the actor and their teams, the oldest first. It waits for nobody."""
    return [
        Task(
            key=f"job:{job.id}",
            kind=Kind.RUNNING,
            icon="spin",
            tone="ink",
            title=heading(job),
            url=reverse("jobs:job", args=[job.id]),
            since=job.created_at,
            remark=job.message or "It waits for a worker.",
            percent=round(job.progress * 100),
        )
        for job in live_jobs(actor).order_by("created_at")[:READ]
    ]


def snoozed_by(actor: Actor) -> dict[str, Snooze]:
    """What the actor put aside until a day still to come, by the key of the task."""
    if actor.kind is not ActorKind.PERSON:
        return {}
    found = Snooze.objects.filter(person=actor.person, until__gt=clock.now().date())
    return {one.task: one for one in found}


def waiting_count(actor: Actor) -> int:
    """How many tasks wait that were not put aside, for the top bar of every page: it costs a few queries where
    something may wait, whatever their number."""
    tasks = tasks_of(actor)
    if not tasks:
        return 0
    aside = snoozed_by(actor)
    return sum(task.key not in aside for task in tasks)


def _standings(actor: Actor) -> list[Standing]:
    """Where the reviews stand that may be anything to the actor, the oldest first, in a fixed number of queries."""
    if actor.ref is None:
        return []
    may_be = Q(pk__in=())
    signing = _teams_to_sign_in(actor)
    if signing is None:
        may_be |= Q(state=ReviewState.OPEN)
    elif signing:
        may_be |= Q(state=ReviewState.OPEN, version__model__team__in=signing)
    may_be |= asked_for_by(actor) & Q(state=ReviewState.CHANGES_REQUESTED)
    live = LivePeriod.objects.filter(
        version=OuterRef("version"), environment=OuterRef("environment"), during__upper_inf=True
    )
    may_be |= _in(actor, Permission.PROMOTE) & Q(state=ReviewState.APPROVED, promotions__isnull=True)
    may_be |= _in(actor, Permission.REQUEST_REVIEW) & Q(Exists(live), state=ReviewState.APPROVED)
    reviews = reviews_visible_to(actor).filter(may_be).distinct().order_by("number")
    found = list(reviews[:READ])
    return standings_of(found, results=False) if found else []


def _teams_to_sign_in(actor: Actor) -> frozenset[UUID] | None:
    """The teams in which a role of the actor may sign; None: all."""
    if actor.kind is not ActorKind.PERSON:
        return frozenset()
    if any(grant.role in SIGNERS and grant.team is None for grant in actor.grants):
        return None
    return frozenset(grant.team for grant in actor.grants if grant.role in SIGNERS and grant.team)


def _in(actor: Actor, permission: Permission) -> Q:
    teams = actor.teams_with(permission)
    return Q() if teams is None else Q(version__model__team__in=teams)


def _signing(actor: Actor, standings: Iterable[Standing]) -> Iterable[Task]:
    """Open reviews that wait for an approval the actor may give. Where their own sign-off went stale they are asked
    again."""
    waiting = [one for one in standings if one.review.state == ReviewState.OPEN]
    if not waiting or actor.kind is not ActorKind.PERSON:
        return
    makers: dict[UUID, set[UUID]] = {}
    made = Contributor.objects.filter(
        version__in=[one.review.version_id for one in waiting], user__isnull=False
    )
    for version, user in made.values_list("version_id", "user_id"):
        makers.setdefault(version, set()).add(user)
    for standing in waiting:
        review = standing.review
        if not approvable_by(actor, standing, makers.get(review.version_id, set())):
            continue
        mine = [one for slot in standing.slots for one in slot.stale if one.person_id == actor.person]
        moved = _moved(standing, mine[-1].subject_parts) if mine else ""
        what = f"{review.version} for {review.environment.name.lower()}"
        yield of_review(
            standing,
            Kind.REVIEW,
            icon="stale" if mine else "pen",
            tone="doubt" if mine else "pen",
            title=f"Your sign-off on {what} is stale" if mine else f"Sign or refuse {what}",
            remark=f"{moved} changed since you signed. Look again." if mine else "",
        )


def _moved(standing: Standing, parts: dict[str, str]) -> str:
    words = " and ".join(PART_TITLES[name] for name in standing.subject.moved_since(parts))
    return f"{words[:1].upper()}{words[1:]}"


def _answering(actor: Actor, standings: Iterable[Standing]) -> Iterable[Task]:
    """Changes that were requested in reviews the actor asked for. (The query found no others in this state.)"""
    for standing in standings:
        if standing.review.state == ReviewState.CHANGES_REQUESTED:
            yield of_review(
                standing,
                Kind.ANSWER,
                icon="talk",
                tone="doubt",
                title=f"Changes were requested in review {standing.review.number}, {standing.review.version}",
                remark="Nobody can approve until you answer.",
            )


def _approved(actor: Actor, standings: Sequence[Standing]) -> Iterable[Task]:
    """Approvals to carry out, and those behind what is live that end soon or hold no longer."""
    approved = [one for one in standings if one.review.state == ReviewState.APPROVED]
    if not approved:
        return
    ids = [one.review.pk for one in approved]
    carried_out = set(
        Review.objects.filter(pk__in=ids, promotions__isnull=False).values_list("pk", flat=True)
    )
    asked_again = set(
        Review.objects.filter(
            version__in=[one.review.version_id for one in approved], state__in=LIVE
        ).values_list("version", "environment")
    )
    for standing in approved:
        review = standing.review
        team = review.version.model.team_id
        if review.pk not in carried_out and actor.holds(Permission.PROMOTE, team):
            if not standing.stale and not standing.expired:
                yield _to_promote(standing)
        elif (
            review.pk in carried_out
            and actor.holds(Permission.REQUEST_REVIEW, team)
            and (review.version_id, review.environment_id) not in asked_again
            and (task := _ending(standing))
        ):
            yield task


def _to_promote(standing: Standing) -> Task:
    version, environment = standing.review.version, standing.review.environment
    return of_review(
        standing,
        Kind.PROMOTE,
        icon="to",
        tone="ink",
        title=f"Promote {version} to {environment.name.lower()}",
        remark="Approved; it is not live yet.",
        url=reverse("governance:promote", args=[version.model.name, version.number, environment.slug]),
    )


def _ending(standing: Standing) -> Task | None:
    """The approval of something live, where it ends soon or holds no longer."""
    review, ends_at = standing.review, standing.ends_at
    if ends_at is None:
        return None
    what = f"The approval of {review.version} for {review.environment.name.lower()}"
    if standing.stale:
        title = f"{what} is stale"
        remark = (
            f"{_moved(standing, review_parts(standing))} changed since. It is live; ask for a new review."
        )
    elif standing.expired:
        title, remark = f"{what} has ended", "It is live; ask for a new review, or roll back."
    elif ends_at - clock.now() <= ENDS_WITHIN:
        title, remark = f"{what} ends on {day(ends_at.date())}", "It is live; ask for a new review in time."
    else:
        return None
    return of_review(
        standing,
        Kind.EXPIRING,
        icon="stale" if standing.stale else "clock",
        tone="doubt",
        title=title,
        remark=remark,
        url=reverse("governance:review-ask", args=[review.version.model.name, review.version.number])
        + f"?environment={review.environment.slug}",
        due=None if standing.stale else ends_at.date(),
    )


def review_parts(standing: Standing) -> dict[str, str]:
    """The parts of the subject that was signed last."""
    signed = [one for slot in standing.slots for one in slot.stale]
    return max(signed, key=lambda one: one.signed_at).subject_parts if signed else {}


def _access_ending(actor: Actor) -> Iterable[Task]:
    """Roles and tokens of one's own that end soon."""
    if actor.kind is not ActorKind.PERSON:
        return
    now = clock.now()
    soon = now + ACCESS_ENDS_WITHIN
    for token in ApiToken.objects.filter(
        user=actor.person, revoked_at=None, expires_at__gt=now, expires_at__lte=soon
    ):
        yield Task(
            key=f"token:{token.pk}",
            kind=Kind.EXPIRING,
            icon="clock",
            tone="doubt",
            title=f"Your token “{token.name}” ends on {day(token.expires_at.date())}",
            url=reverse("accounts:profile"),
            since=token.created_at,
            remark="What uses it is refused from then on. Make a new one in time.",
            due=token.expires_at.date(),
        )
    for role in holding_now().filter(user=actor.person, ends_at__lte=soon).select_related("team"):
        where = f" in {role.team.name}" if role.team else ""
        yield Task(
            key=f"role:{role.pk}",
            kind=Kind.EXPIRING,
            icon="clock",
            tone="doubt",
            title=f"Your role {role.role}{where} ends on {day(role.ends_at.date())}" if role.ends_at else "",
            url=reverse("accounts:profile"),
            since=role.starts_at,
            remark="Who manages people here can prolong it.",
            due=role.ends_at.date() if role.ends_at else None,
        )


def _failed(actor: Actor) -> QuerySet[Job]:
    """The actor's own jobs that failed lately."""
    since = clock.now() - FAILED_FOR
    return failed_jobs(actor).filter(actor_kind=actor.kind, actor_ref=actor.ref, ended_at__gte=since)


def _failing(actor: Actor) -> Iterable[Task]:
    for job in _failed(actor).order_by("created_at")[:READ]:
        yield Task(
            key=f"job:{job.id}",
            kind=Kind.FAILED,
            icon="refuse",
            tone="refuse",
            title=f"{heading(job)} failed",
            url=reverse("jobs:job", args=[job.id]),
            since=job.ended_at or job.created_at,
            remark=job.failure,
        )


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
    return sorted(found, key=lambda one: one.period.version.model.name_folded)[:WALL]
