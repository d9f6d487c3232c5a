"""A team, somebody who makes things in it, their client, and a model."""

from __future__ import annotations

from typing import Any

import pytest

from countersign.accounts.models import Team, User
from countersign.permissions import Role
from tests.factories.people import make_team, make_user
from tests.test_registry.api_kit import Api


@pytest.fixture
def team() -> Team:
    """A team."""
    return make_team("Risk")


@pytest.fixture
def maker(team: Team) -> User:
    """A contributor and owner of it."""
    return make_user("maker", full_name="Maker", roles=[(Role.CONTRIBUTOR, team), (Role.OWNER, team)])


@pytest.fixture
def api(maker: User) -> Api:
    """Their client."""
    return Api(maker)


@pytest.fixture
def model(api: Api, team: Team) -> dict[str, Any]:
    """A model."""
    body: dict[str, Any] = api.make(
        "models", {"name": "credit default", "team": team.slug, "description": "Scores."}
    )
    return body
