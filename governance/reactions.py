"""What follows, after commit, from what happened below: handlers only enqueue."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from countersign.jobs.actions import enqueue
from countersign.jobs.runner import actor_for
from countersign.ledger.reactions import subscribe
from governance.comparisons.actions import request_comparison
from governance.comparisons.queries import evidence_on_same_rows, why_not_paired
from governance.evaluation.jobs import EVALUATE_NEW_VERSION
from governance.evaluation.models import Evaluation
from governance.promotion.models import LivePeriod
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


def compare_with_what_is_live(leaf: dict[str, Any]) -> None:
    """Evidence was recorded: measure its differences to every version of the model that is live, on the same rows."""
    evaluation = Evaluation.objects.select_related("version__model", "dataset_version__dataset").get(
        id=UUID(leaf["subject"]["ref"])
    )
    live = LivePeriod.objects.filter(during__upper_inf=True, model=evaluation.version.model_id).exclude(
        version=evaluation.version_id
    )
    for period in live.select_related("version").distinct("version"):
        against = evidence_on_same_rows(evaluation, period.version)
        if against is not None and not why_not_paired(evaluation, against):
            request_comparison(evaluation=evaluation, against=against, actor=actor_for(leaf))


subscribe("registry.version.registered", evaluate_new_version)
subscribe("governance.evaluation.succeeded", compare_with_what_is_live)
