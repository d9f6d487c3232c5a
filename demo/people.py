"""The people of the demonstration, each with a role of their own and a random password, shown once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from demo.client import Client

TEAM = "Retail credit"


@dataclass(frozen=True, slots=True)
class Role:
    """Who somebody is in the demonstration, and what they may do."""

    title: str
    username: str
    full_name: str
    roles: tuple[tuple[str, bool], ...]  # (role, in the team?)


CAST = (
    Role("ML engineer", "mara", "Mara Lindqvist", (("contributor", True),)),
    Role("model owner", "owen", "Owen Adeyemi", (("owner", True),)),
    Role("reviewer", "rosa", "Rosa Ferreira", (("reviewer", True),)),
    Role("approver", "anil", "Anil Sharma", (("approver", True),)),
    Role("compliance officer", "clara", "Clara Novak", (("compliance", False),)),
    Role("auditor", "august", "August Meyer", (("auditor", False),)),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a browser of their own."""

    role: Role
    id: str
    password: str
    browser: Client


def hire(administrator: Client, base: str) -> tuple[str, dict[str, Person]]:
    """Make the team and its people as the administrator, then let each choose their own password.

    Returns the team's address and the people by title."""
    team = administrator.post("teams", {"name": TEAM})["slug"]
    people = {}
    for role in CAST:
        temporary, password = (secrets.token_urlsafe(12) for _ in range(2))
        user = administrator.post(
            "users", {"username": role.username, "full_name": role.full_name, "password": temporary}
        )["id"]
        for name, in_team in role.roles:
            grant = {"user": user, "role": name, "reason": "Set up by the demonstration"}
            administrator.post("memberships", grant | ({"team": team} if in_team else {}))
        browser = Client(base)
        browser.sign_in(role.username, temporary)
        browser.submit("/profile/password/", {"current": temporary, "password": password, "again": password})
        people[role.title] = Person(role, user, password, browser)
    return team, people
