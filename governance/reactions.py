"""What follows, after commit, from what happened below: handlers only enqueue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from countersign.jobs.actions import enqueue
from countersign.jobs.runner import actor_for
from countersign.ledger.reactions import subscribe
from governance.evaluation.jobs import EVALUATE_NEW_VERSION
from registry.versions.models import ModelVersion


def evaluate_new_version(leaf: dict[str, Any]) -> None:
    """A version was registered: evaluate it on the data its upload named for that, in the uploader's name."""
    version = ModelVersion.objects.select_related("model").get(id=UUID(leaf["subject"]["ref"]))
    if not version.inputs.filter(context="evaluation").exists():
        return
    with transaction.atomic():
        enqueue(
            kind=EVALUATE_NEW_VERSION,
            key=str(version.id),
            actor=actor_for(leaf),
            args={"version": str(version.id)},
            subject=version,
            team=version.model.team_id,
        )


subscribe("registry.version.registered", evaluate_new_version)
