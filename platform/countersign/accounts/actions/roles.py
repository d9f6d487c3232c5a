"""Teams, and the roles people hold in them and for the instance."""

from __future__ import annotations

from datetime import datetime
from types import EllipsisType

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from countersign import clock
from countersign.accounts import duties, values
from countersign.accounts.models import Membership, Team, User
from countersign.accounts.verbs import ROLE_END_MOVED, ROLE_ENDED, ROLE_GRANTED, TEAM_CREATED
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.ledger.append import append_entry
from countersign.permissions import TEAM_ROLES, Permission, Role
from countersign.verdicts import Verdict


def create_team(*, name: str, actor: Actor) -> Team:
    """A team, which may own models and data. Raises Refused, Invalid, Conflict when the name is taken (names
    that differ only in case, spaces or signs count as the same)."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    name = values.told_apart(values.line(name, field="name", longest=100), field="name")
    slug = slugify(name)
    if not slug:
        raise Invalid("Use letters or digits in the name.", fields={"name": ["Use letters or digits."]})
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name, slug=slug, created_at=clock.now())
            append_entry(verb=TEAM_CREATED, subject=team, actor=actor)
    except IntegrityError:
        raise Conflict(f"There is a team {slug} already. Choose another name.", code="team_exists") from None
    return team


@transaction.atomic
def grant_role(
    *,
    user: User,
    role: Role,
    actor: Actor,
    team: Team | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    reason: str = "",
) -> Membership:
    """Give a person a role, in a team or (team None) for the instance, from `starts_at` (now) to `ends_at`
    (no end). Raises Refused with every reason (`duties.may_grant`), Invalid for a role that does not fit its
    reach or a period that has begun or ends before it starts, Conflict when the person holds the role in that
    period."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    now = clock.now()
    starts_at = starts_at or now
    _check_reach_and_period(role, team, starts_at, ends_at, now)
    user = User.objects.select_for_update().get(pk=user.pk)  # one grant at a time to one person
    held = list(_holding(user, starts_at, ends_at))
    if not (verdict := duties.may_grant(user=user, role=role, team=team, held=held, actor=actor)):
        raise Refused(verdict)
    team_id = team.pk if team else None
    if any(membership.role == role and membership.team_id == team_id for membership in held):
        where = f"in {team}" if team else "for the instance"
        raise Conflict(f"{user} is {role} {where} in that period already.", code="role_held")
    membership = Membership.objects.create(
        user=user, team=team, role=role.value, starts_at=starts_at, ends_at=ends_at, granted_by=actor.person
    )
    personal = {"reason": reason.strip()} if reason.strip() else None
    append_entry(verb=ROLE_GRANTED, subject=membership, actor=actor, personal=personal)
    return membership


@transaction.atomic
def end_role(*, membership: Membership, actor: Actor, reason: str = "") -> Membership:
    """End a role now; one that has not begun never begins. Raises Refused (also when no administrator would
    be left), Conflict when it has ended."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    user = User.objects.select_for_update().get(pk=membership.user_id)
    if membership.role == Role.ADMINISTRATOR:
        keep_an_administrator(without=user)
    rows = Membership.objects.select_for_update(of=("self",)).select_related("user", "team")
    membership = rows.get(pk=membership.pk)
    now = clock.now()
    if membership.ends_at is not None and membership.ends_at <= now:
        raise Conflict("This role has ended already.", code="role_ended")
    before = membership.ledger_state()
    membership.ends_at = max(now, membership.starts_at)
    membership.save(update_fields=["ends_at"])
    personal = {"reason": reason.strip()} if reason.strip() else None
    append_entry(verb=ROLE_ENDED, subject=membership, actor=actor, before=before, personal=personal)
    return membership


@transaction.atomic
def move_role_end(
    *,
    membership: Membership,
    ends_at: datetime | None,
    actor: Actor,
    reason: str = "",
    expected_end: datetime | EllipsisType | None = ...,
) -> Membership:
    """Let a role that has not ended last longer or shorter: until `ends_at`, or (None) without end.

    `expected_end` is the end the caller saw: of two who move it at once, one wins and the other is told. Raises
    Refused with every reason (nobody prolongs their own role; what may not be held together), Conflict (ended; moved
    by another; the person holds the role again from a day inside the new period), Invalid for an end that is not
    after now and the start."""
    if not (verdict := actor.may(Permission.MANAGE_PEOPLE)):
        raise Refused(verdict)
    user = User.objects.select_for_update().get(pk=membership.user_id)
    rows = Membership.objects.select_for_update(of=("self",)).select_related("user", "team")
    membership = rows.get(pk=membership.pk)
    now = clock.now()
    if membership.ends_at is not None and membership.ends_at <= now:
        raise Conflict("This role has ended already. Grant it anew.", code="role_ended")
    if expected_end is not ... and membership.ends_at != expected_end:
        raise Conflict("Somebody else moved the end of this role meanwhile. Look again.", code="role_moved")
    if ends_at is not None and ends_at <= max(now, membership.starts_at):
        sentence = "Choose an end after today and after the role begins. To end it now, end it."
        raise Invalid(sentence, fields={"ends_at": [sentence]})
    others = [one for one in _holding(user, membership.starts_at, ends_at) if one.pk != membership.pk]
    role = Role(membership.role)
    if not (
        verdict := duties.may_grant(user=user, role=role, team=membership.team, held=others, actor=actor)
    ):
        raise Refused(verdict)
    if any(one.role == role and one.team_id == membership.team_id for one in others):
        raise Conflict(
            f"{user} holds this role again within that period. Choose an earlier end.", code="role_held"
        )
    if role is Role.ADMINISTRATOR and ends_at is not None:
        keep_an_administrator(without=user)
    before = membership.ledger_state()
    membership.ends_at = ends_at
    membership.save(update_fields=["ends_at"])
    personal = {"reason": reason.strip()} if reason.strip() else None
    append_entry(verb=ROLE_END_MOVED, subject=membership, actor=actor, before=before, personal=personal)
    return membership


def keep_an_administrator(*, without: User) -> None:
    """Refuse what would leave the instance without an active administrator. Raises Refused.

    Locks every administrator's role, so that two who end each other's cannot both succeed."""
    now = clock.now()
    current = Membership.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now), role=Role.ADMINISTRATOR, starts_at__lte=now
    )
    holders = {membership.user_id for membership in current.select_for_update().order_by("pk")}
    if (
        without.pk in holders
        and not User.objects.filter(pk__in=holders - {without.pk}, is_active=True).exists()
    ):
        raise Refused(
            Verdict.because(
                "last_administrator",
                "This is the last administrator. Make another person administrator first.",
            )
        )


def _check_reach_and_period(
    role: Role, team: Team | None, starts_at: datetime, ends_at: datetime | None, now: datetime
) -> None:
    if not duties.fits_its_reach(role, team):
        sentence = (
            f"The role {role} is held in a team: name one."
            if role in TEAM_ROLES
            else f"The role {role} is held for the whole instance: leave the team out."
        )
        raise Invalid(sentence, fields={"team": [sentence]}, code="role_reach")
    if starts_at < now:
        sentence = "A role begins now or later, never in the past."
        raise Invalid(sentence, fields={"starts_at": [sentence]})
    if ends_at is not None and ends_at <= starts_at:
        sentence = "A role ends after it begins. Choose a later end, or none."
        raise Invalid(sentence, fields={"ends_at": [sentence]})


def _holding(user: User, starts_at: datetime, ends_at: datetime | None) -> list[Membership]:
    """What the person holds at any moment of the period."""
    overlapping = Membership.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=starts_at), user=user)
    if ends_at is not None:
        overlapping = overlapping.filter(starts_at__lt=ends_at)
    return list(overlapping)
