"""Reads of evaluations."""

from __future__ import annotations

from django.db.models import QuerySet

from countersign.actors import Actor
from governance.evaluation.models import Evaluation, EvaluationState
from registry.versions.models import ModelVersion
from registry.versions.queries import models_visible_to


def evaluations_visible_to(actor: Actor) -> QuerySet[Evaluation]:
    """Evaluations of models the actor may see, newest first."""
    return (
        Evaluation.objects.filter(version__model__in=models_visible_to(actor))
        .select_related("version__model", "dataset_version__dataset", "job")
        .order_by("-number")
    )


def evaluations_of(version: ModelVersion) -> QuerySet[Evaluation]:
    """Evaluations of a version, newest first, without the documents."""
    return (
        Evaluation.objects.filter(version=version)
        .select_related("dataset_version__dataset", "job")
        .defer("results", "circumstances")
        .order_by("-number")
    )


def latest_evidence(version: ModelVersion, suite: str | None = None) -> Evaluation | None:
    """The newest evaluation of the version that succeeded (of this suite, if named): its evidence counts."""
    succeeded = Evaluation.objects.filter(version=version, state=EvaluationState.SUCCEEDED)
    if suite is not None:
        succeeded = succeeded.filter(suite=suite)
    return succeeded.select_related("version__model", "dataset_version__dataset").order_by("-number").first()


def newest_evaluation(version: ModelVersion) -> Evaluation | None:
    """The newest evaluation whatever became of it."""
    return evaluations_of(version).first()
