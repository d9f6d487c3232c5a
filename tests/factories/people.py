"""People, teams, service accounts and tokens for tests, made by the product's own actions.

risk = make_team("Risk")
reviewer = make_user("reviewer.risk", roles=[(Role.REVIEWER, risk)])
actor = actor_for(reviewer)                      # as a page would build it
client.force_login(reviewer)                     # a signed-in browser
api = api_client(token_for(reviewer, Scope.READ, Scope.WRITE))
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from django.test import Client

from countersign.accounts import actions
from countersign.accounts.models import ServiceAccount, Team, User
from countersign.accounts.queries import person_actor, service_actor
from countersign.actors import Actor
from countersign.permissions import Role, Scope

PASSWORD = "correct horse battery staple"

_numbers = count(1)


def make_team(name: str = "") -> Team:
    """A team; a name of its own without one."""
    return actions.create_team(name=name or f"Team {next(_numbers)}", actor=Actor.system())


def make_user(
    username: str = "", *, full_name: str = "", roles: Iterable[tuple[Role, Team | None]] = ()
) -> User:
    """A person with PASSWORD and these roles from now on."""
    username = username or f"person{next(_numbers)}"
    user = actions.create_user(
        username=username,
        full_name=full_name or username.replace(".", " ").capitalize(),
        password=PASSWORD,
        actor=Actor.system(),
    )
    for role, team in roles:
        actions.grant_role(user=user, role=role, team=team, actor=Actor.system())
    return user


def make_administrator(username: str = "") -> User:
    """A person who manages people."""
    return make_user(username, roles=[(Role.ADMINISTRATOR, None)])


def make_service_account(
    team: Team, responsible: User, *, name: str = "", role: Role = Role.CONTRIBUTOR
) -> ServiceAccount:
    """A service account of the team."""
    return actions.create_service_account(
        name=name or f"ci-{next(_numbers)}",
        team=team,
        responsible=responsible,
        role=role,
        actor=Actor.system(),
    )


def actor_for(holder: User | ServiceAccount, *, via: str = "page") -> Actor:
    """The actor of a person or service account, with the grants held now."""
    if isinstance(holder, User):
        return person_actor(holder, via=via)
    return service_actor(ServiceAccount.objects.select_related("responsible").get(pk=holder.pk), via=via)


def token_for(holder: User | ServiceAccount, *scopes: Scope) -> str:
    """The plaintext of a fresh token for 30 days (scopes: read and write)."""
    _, plaintext = actions.create_token(
        holder=holder, name="test", scopes=scopes or (Scope.READ, Scope.WRITE), days=30, actor=Actor.system()
    )
    return plaintext


def api_client(token: str) -> Client:
    """A client that sends the token with every request."""
    return Client(headers={"Authorization": f"Bearer {token}"})
