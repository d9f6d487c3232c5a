"""Reads of people: who acts with which grants, who holds what, what they are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from countersign import clock
from countersign.accounts.models import SOON, STALE, ApiToken, Membership, ServiceAccount, Team, User
from countersign.actors import Actor, ActorKind
from countersign.errors import NotFound
from countersign.identifiers import fold, new_id
from countersign.permissions import Grant, Permission, Role


def actor_of(
    kind: ActorKind, ref: UUID | None, *, via: str, act: UUID | None = None, request: str | None = None
) -> Actor:
    """The actor of this kind and id with the grants held now; `act` continues an act that began elsewhere.

    A deactivated person holds nothing, nor does a service account that is closed or whose responsible person
    is deactivated. Raises NotFound for an id nobody has."""
    if kind is ActorKind.SYSTEM:
        return Actor(kind=kind, ref=None, label="Countersign", via=via, request=request, act=act or new_id())
    if kind is ActorKind.PERSON:
        user = User.objects.filter(pk=ref).first() if ref else None
        if user is None:
            raise NotFound("There is no such person.")
        return person_actor(user, via=via, act=act, request=request)
    accounts = ServiceAccount.objects.select_related("responsible")
    account = accounts.filter(pk=ref).first() if ref else None
    if account is None:
        raise NotFound("There is no such service account.")
    return service_actor(account, via=via, act=act, request=request)


def person_actor(user: User, *, via: str, act: UUID | None = None, request: str | None = None) -> Actor:
    """`actor_of` for a person whose row is at hand."""
    held = holding_now().filter(user=user).values_list("role", "team_id") if user.is_active else ()
    return Actor(
        kind=ActorKind.PERSON,
        ref=user.pk,
        label=user.full_name,
        via=via,
        grants=frozenset(Grant(Role(role), team) for role, team in held),
        person=user.pk,
        request=request,
        act=act or new_id(),
    )


def service_actor(
    account: ServiceAccount, *, via: str, act: UUID | None = None, request: str | None = None
) -> Actor:
    """`actor_of` for a service account whose row is at hand, with its responsible person."""
    opens = account.is_active and account.responsible.is_active
    return Actor(
        kind=ActorKind.SERVICE,
        ref=account.pk,
        label=account.name,
        via=via,
        grants=frozenset({Grant(Role(account.role), account.team_id)} if opens else ()),
        person=account.responsible_id,
        request=request,
        act=act or new_id(),
    )


def holding(at: datetime) -> QuerySet[Membership]:
    """Roles whose period contains this instant (the end is not part of it)."""
    return Membership.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


def holding_now() -> QuerySet[Membership]:
    """Roles held at this moment, also of people who were deactivated since."""
    return holding(clock.now())


def not_ended() -> QuerySet[Membership]:
    """Roles held now or later."""
    return Membership.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=clock.now()))


def administrators() -> QuerySet[User]:
    """Active people who manage people now, by name: whom to ask for a role."""
    holders = holding_now().filter(role=Role.ADMINISTRATOR).values("user")
    return User.objects.filter(pk__in=holders, is_active=True).order_by("full_name")


def owners_of(teams: Collection[UUID], *, at_most: int = 5) -> dict[Team, list[User]]:
    """Active owners of each team now, by name: whom to ask about what the team has."""
    found: dict[Team, list[User]] = {team: [] for team in Team.objects.filter(pk__in=teams).order_by("name")}
    held = holding_now().filter(role=Role.OWNER, team__in=teams, user__is_active=True)
    for one in held.select_related("team", "user").order_by("user__full_name"):
        if one.team is not None and len(found[one.team]) < at_most:
            found[one.team].append(one.user)
    return found


def person_named(username: str) -> User | None:
    """The active person of this sign-in name, however its case and spaces were typed."""
    return User.objects.filter(username_folded=fold(username), is_active=True).first()


def labels_of(refs: Iterable[UUID]) -> dict[UUID, str]:
    """What people and service accounts are called, by id; ids of neither are left out."""
    wanted = set(refs)
    labels = dict(User.objects.filter(pk__in=wanted).values_list("pk", "full_name"))
    if missing := wanted - labels.keys():
        labels |= dict(ServiceAccount.objects.filter(pk__in=missing).values_list("pk", "name"))
    return labels


def refs_called(said: str) -> list[UUID]:
    """People and service accounts whose sign-in name is this, or whose name contains it; at most a hundred."""
    wanted = said.strip()
    people = User.objects.filter(Q(username_folded=fold(wanted)) | Q(full_name__icontains=wanted))
    accounts = ServiceAccount.objects.filter(name__icontains=wanted)
    return [*people.values_list("pk", flat=True)[:100], *accounts.values_list("pk", flat=True)[:100]]


def knows_people(actor: Actor) -> bool:
    """Whether the actor may see who is here: whoever holds any role does, since names stand beside every
    act."""
    return actor.holds(Permission.MANAGE_PEOPLE) or actor.teams_with(Permission.SEE) != frozenset()


@dataclass(frozen=True, slots=True)
class Overview:
    """How many of what there is, and what needs eyes."""

    people: int
    teams: int
    service_accounts: int
    tokens: int
    ending: int  # roles that end soon
    orphans: int  # open service accounts whose responsible person is deactivated or holds no role past soon


def overview(actor: Actor) -> Overview:
    """The head of the pages of people, in a fixed number of queries."""
    now = clock.now()
    staying = not_ended().filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now + SOON)).values("user")
    machines = ServiceAccount.objects.filter(is_active=True)
    return Overview(
        people=User.objects.filter(is_active=True).count(),
        teams=Team.objects.count(),
        service_accounts=machines.count(),
        tokens=tokens_visible_to(actor).filter(revoked_at__isnull=True, expires_at__gt=now).count(),
        ending=Membership.objects.filter(ends_at__gt=now, ends_at__lte=now + SOON).count(),
        orphans=machines.exclude(responsible__in=staying, responsible__is_active=True).count(),
    )


def leaving(people: Iterable[UUID]) -> dict[UUID, datetime]:
    """When the last role of each of these people ends, for those who hold none past soon."""
    now = clock.now()
    last: dict[UUID, datetime | None] = {}
    held = not_ended().filter(user__in=set(people)).values_list("user_id", "ends_at")
    for user, end in held:
        known = last.get(user, now)
        last[user] = None if end is None or known is None else max(known, end)
    return {user: end for user, end in last.items() if end is not None and end <= now + SOON}


def tokens_narrowed(rows: QuerySet[ApiToken], query: str, state: str, use: str) -> QuerySet[ApiToken]:
    """Tokens by holder or name (`query`), state (usable; `all`; `ended`) and use (`stale`, `ending`)."""
    now = clock.now()
    usable = Q(revoked_at__isnull=True, expires_at__gt=now)
    if state != "all":
        rows = rows.exclude(usable) if state == "ended" else rows.filter(usable)
    if use == "stale":
        unused = Q(last_used_at__lt=now - STALE) | Q(last_used_at__isnull=True, created_at__lt=now - STALE)
        rows = rows.filter(unused)
    if use == "ending":
        rows = rows.filter(expires_at__lte=now + SOON)
    if query:
        rows = rows.filter(
            Q(name__icontains=query)
            | Q(user__full_name__icontains=query)
            | Q(user__username__icontains=query)
            | Q(service_account__name__icontains=query)
        )
    return rows


def _self(actor: Actor) -> list[UUID]:
    return [actor.person] if actor.person else []


def users_visible_to(actor: Actor) -> QuerySet[User]:
    """Everybody for who holds a role, else only oneself."""
    everybody = User.objects.all()
    return everybody if knows_people(actor) else everybody.filter(pk__in=_self(actor))


def teams_visible_to(actor: Actor) -> QuerySet[Team]:
    """Every team for who holds a role."""
    return Team.objects.all() if knows_people(actor) else Team.objects.none()


def memberships_visible_to(actor: Actor) -> QuerySet[Membership]:
    """Who held which role when: for whoever holds a role, else only one's own."""
    all_roles = Membership.objects.select_related("user", "team")
    return all_roles if knows_people(actor) else all_roles.filter(user=actor.person)


def service_accounts_visible_to(actor: Actor) -> QuerySet[ServiceAccount]:
    """Service accounts, for whoever holds a role."""
    accounts = ServiceAccount.objects.select_related("team", "responsible")
    return accounts if knows_people(actor) else accounts.none()


def tokens_visible_to(actor: Actor) -> QuerySet[ApiToken]:
    """All tokens for who manages people or reads the whole ledger; else one's own and those one answers
    for."""
    tokens = ApiToken.objects.select_related("user", "service_account__team", "service_account__responsible")
    if actor.holds(Permission.MANAGE_PEOPLE) or actor.holds(Permission.READ_LEDGER):
        return tokens
    if actor.kind is ActorKind.SERVICE:
        return tokens.filter(service_account=actor.ref)
    return tokens.filter(Q(user=actor.person) | Q(service_account__responsible=actor.person))
