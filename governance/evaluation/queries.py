"""Reads of evaluations."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Func, JSONField, QuerySet, When

from countersign.actors import Actor
from governance.evaluation.measures.catalogue import HEADLINES
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.suites import SUITES
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


def with_headline(evaluations: QuerySet[Evaluation]) -> QuerySet[Any]:
    """Each with `headline`, the estimate of its task's first measure (None without evidence), read by PostgreSQL:
    a list of fifty need not carry fifty documents."""
    estimates = [
        When(suite=suite.name, then=_Estimate(F("results"), measure=HEADLINES[suite.task][0]))
        for suite in SUITES.values()
    ]
    return evaluations.annotate(headline=Case(*estimates, output_field=JSONField(null=True)))


class _Estimate(Func):
    """One estimate out of the bytes of a results document; `measure` is a name of ours."""

    template = "convert_from(%(expressions)s, 'UTF8')::jsonb #> '{metrics,%(measure)s}'"
    output_field = JSONField(null=True)


def runs_like(evaluation: Evaluation) -> QuerySet[Evaluation]:
    """The other evaluations that succeeded of the same version, data and suite revision: equal evidence is what
    their equal digests prove."""
    return Evaluation.objects.filter(
        version=evaluation.version_id,
        dataset_version=evaluation.dataset_version_id,
        suite=evaluation.suite,
        suite_revision=evaluation.suite_revision,
        state=EvaluationState.SUCCEEDED,
    ).exclude(pk=evaluation.pk)
