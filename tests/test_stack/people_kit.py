"""A team of its own on the running stack, made by the API, for tests that do without the demonstration."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.stack import Stack


@dataclass(frozen=True, slots=True)
class Team:
    """A team's slug, the token of its contributor, and that person."""

    slug: str
    token: str
    person: dict[str, Any]


@cache
def administrator(stack: Stack) -> str:
    """A token that manages people."""
    return stack.token(stack.administrator["username"], "administer")


def make_team(stack: Stack, name: str) -> Team:
    """A team with one contributor, who holds a token that reads and writes."""
    with stack.client(administrator(stack)) as api:
        team = api.post("teams", json={"name": name}).raise_for_status().json()
        person = (
            api.post(
                "users",
                json={
                    "username": f"maker.{team['slug']}",
                    "full_name": f"Maker of {name}",
                    "password": secrets.token_urlsafe(16),
                },
            )
            .raise_for_status()
            .json()
        )
        grant = {"user": person["id"], "role": "contributor", "team": team["slug"]}
        api.post("memberships", json=grant).raise_for_status()
    return Team(team["slug"], stack.token(person["username"], "read", "write"), person)
