"""You get an experiment or a run only through a function that knows who asks."""

from __future__ import annotations

from uuid import UUID

from countersign.actors import Actor
from countersign.permissions import Permission
from registry.names import folded
from registry.runs.models import Experiment, Run
from registry.runs.queries import experiments_visible_to, runs_visible_to
from registry.visibility import found, require


def get_experiment(actor: Actor, name: str, permission: Permission = Permission.SEE) -> Experiment:
    """The experiment of this name. Raises NotFound, Refused."""
    experiment = found(experiments_visible_to(actor).filter(name_folded=folded(name)).first(), "experiment")
    require(actor, permission, experiment.team_id)
    return experiment


def get_run(actor: Actor, run: UUID, permission: Permission = Permission.SEE) -> Run:
    """The run of this id. Raises NotFound, Refused."""
    row = found(runs_visible_to(actor).filter(pk=run).first(), "run")
    require(actor, permission, row.experiment.team_id)
    return row
