"""Whether the people who hold roles today could sign what a policy asks, for every team whose models it governs.

One person fills one sign-off, and an independent one is nobody's who makes models in that team; so the sign-offs of
a review need as many different people. What is counted are roles held now by active people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from countersign.accounts.models import Team
from countersign.accounts.queries import holding_now
from countersign.permissions import TEAM_ROLES, Role
from countersign.web.formats import plural
from governance.policies.document import PolicyDocument, RequiredSignOff

_MAKERS = frozenset({Role.CONTRIBUTOR, Role.OWNER})
_TEAMS_NAMED = 3

Holders = Mapping[tuple[UUID | None, str], set[UUID]]
"""Who holds a role now, by team (None: the instance) and role."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A sign-off, by its place in the policy, that nobody could give for the models of these teams."""

    place: int
    teams: tuple[Team, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Signers:
    """Whether a policy's sign-offs can be given. `lacks` name what cannot, for which teams; `nobody`: for no team
    it governs can all be given."""

    lacks: tuple[Lack, ...]
    nobody: bool


def signers_for(document: PolicyDocument) -> Signers:
    """What the people who hold roles now could not sign of the models a policy governs. Two queries."""
    teams = list(
        Team.objects.filter(
            registered_models__profile__risk_tier=document.risk_tier,
            registered_models__archived_at__isnull=True,
        )
        .distinct()
        .order_by("name")
    )
    holders: dict[tuple[UUID | None, str], set[UUID]] = {}
    held = holding_now().filter(user__is_active=True).values_list("team_id", "role", "user_id")
    for place, role, user in held if teams else ():
        holders.setdefault((place, role), set()).add(user)
    lacking: dict[int, list[tuple[Team, str]]] = {}
    short: set[UUID] = set()
    for team in teams:
        for number, why in _lacking_in(team.pk, document.sign_offs, holders):
            lacking.setdefault(number, []).append((team, why))
            short.add(team.pk)
    lacks = tuple(
        Lack(number, tuple(team for team, _ in found), _sentence(document.sign_offs[number], found))
        for number, found in sorted(lacking.items())
    )
    return Signers(lacks, nobody=bool(teams) and len(short) == len(teams))


def _lacking_in(team: UUID, sign_offs: Sequence[RequiredSignOff], holders: Holders) -> list[tuple[int, str]]:
    may = [_who_may(one, team, holders) for one in sign_offs]
    if empty := [number for number, people in enumerate(may) if not people]:
        return [(number, "nobody") for number in empty]
    taken: dict[UUID, int] = {}
    for number in range(len(sign_offs)):
        if not _seat(number, may, taken, set()):
            return [(number, f"only {plural(len(set().union(*may)), 'person', 'people')}")]
    return []


def _who_may(required: RequiredSignOff, team: UUID, holders: Holders) -> set[UUID]:
    role = Role(required.role)
    people = holders.get((team if role in TEAM_ROLES else None, role.value), set())
    if not required.independent:
        return set(people)
    return people - set().union(*(holders.get((team, maker.value), set()) for maker in _MAKERS))


def _seat(number: int, may: Sequence[set[UUID]], taken: dict[UUID, int], asked: set[UUID]) -> bool:
    """Find a person for this sign-off, moving others to another one they may fill (an augmenting path)."""
    for person in may[number] - asked:
        asked.add(person)
        if person not in taken or _seat(taken[person], may, taken, asked):
            taken[person] = number
            return True
    return False


def _sentence(required: RequiredSignOff, found: list[tuple[Team, str]]) -> str:
    teams = ", ".join(team.name for team, _ in found[:_TEAMS_NAMED])
    if (more := len(found) - _TEAMS_NAMED) > 0:
        teams += f" and {more} more"
    where = f"for the models of {teams}"
    mend = "Have the role granted first, or leave the sign-off out"
    who = f"the role {required.role}"
    if required.independent:
        who += " without being contributor or owner there"
    if found[0][1] == "nobody":
        return f"Nobody could sign “{required.title}” {where}: no active person holds {who}. {mend}."
    return (
        f"Nobody could sign “{required.title}” {where} beside the other sign-offs: one person fills one, and "
        f"{found[0][1]} may sign there at all. {mend}."
    )
