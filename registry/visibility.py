"""Querysets that know who asks. Everything in the registry belongs to a team, directly or through what it is
of."""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission

Row = TypeVar("Row", bound=models.Model)


class OfTeam(models.QuerySet[Any]):
    """Rows of a team; `team` is the way to it."""

    team: ClassVar[str] = "team"

    def visible_to(self, actor: Actor, permission: Permission = Permission.SEE) -> Self:
        """Rows of the teams in which the actor holds the permission, chosen in SQL."""
        teams = actor.teams_with(permission)
        return self if teams is None else self.filter(**{f"{self.team}__in": teams})


class OfModel(OfTeam):
    """Rows of a registered model."""

    team = "model__team"


class OfVersion(OfTeam):
    """Rows of a model version."""

    team = "version__model__team"


class OfDataset(OfTeam):
    """Rows of a dataset."""

    team = "dataset__team"


class OfExperiment(OfTeam):
    """Rows of an experiment."""

    team = "experiment__team"


def found(row: Row | None, what: str) -> Row:
    """The row, or NotFound: whether it exists is not told to who may not see it."""
    if row is None:
        raise NotFound(f"There is no such {what}, or you may not see it.")
    return row


def require(actor: Actor, permission: Permission, team: Any) -> None:
    """Raise Refused unless the actor may do this to a thing of the team (its id)."""
    if not (verdict := actor.may(permission, team)):
        raise Refused(verdict)
