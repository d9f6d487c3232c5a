"""What came of a version, for its lineage: evaluations on data by digest, reviews, and where it is live. And what was
evaluated on a dataset, for its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from countersign.web import panels
from countersign.web.formats import day
from countersign.web.guards import actor_of_request
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.queries import evaluations_visible_to
from governance.promotion.models import LivePeriod
from governance.reviews.models import Review
from registry import links
from registry.datasets.models import Dataset
from registry.lineage.uses import Use, register
from registry.versions.models import ModelVersion


def evaluations(version: ModelVersion) -> Iterator[Use]:
    """Evidence, newest first: its digest covers the version's and the data's."""
    done = Evaluation.objects.filter(version=version, state=EvaluationState.SUCCEEDED)
    rows = done.select_related("dataset_version__dataset").defer("results", "circumstances")
    for row in rows.order_by("-number"):
        data = row.dataset_version
        yield Use(
            kind="Evaluation",
            name=f"{row.number} on {data}",
            link=reverse("governance:evaluation", args=[version.model.name, version.number, row.number]),
            note=row.results_digest[:12],
            claim="verified",
            stage="evidence",
            data=(str(data), links.dataset_version(data), data.digest[:12]),
        )


def reviews(version: ModelVersion) -> Iterator[Use]:
    """Reviews, newest first: what was signed names the version by digest."""
    for row in Review.objects.filter(version=version).select_related("environment").order_by("-number"):
        yield Use(
            kind=f"Review for {row.environment.name}",
            name=f"Review {row.number}",
            link=reverse("governance:review", args=[row.number]),
            note=row.get_state_display(),
            claim="verified",
            stage="decision",
        )


def live(version: ModelVersion) -> Iterator[Use]:
    """Where it is live now, by promotion."""
    rows = LivePeriod.objects.filter(version=version, during__upper_inf=True).select_related("environment")
    for row in rows.order_by("environment__position"):
        yield Use(
            kind="Environment",
            name=row.environment.name,
            link=reverse("governance:environments"),
            note=f"live since {day(row.during.lower.date())}",
            claim="verified",
            stage="decision",
        )


register("evaluations", evaluations)
register("reviews", reviews)
register("live", live)


SHOWN = 50


def evaluated(request: HttpRequest, dataset: Dataset) -> Mapping[str, Any]:
    """Evaluations the actor may see on a version of the dataset, newest first."""
    rows = evaluations_visible_to(actor_of_request(request)).filter(dataset_version__dataset=dataset)
    listed = rows.select_related("version__model", "dataset_version").defer("results", "circumstances")
    return {"evaluated": list(listed.order_by("-number")[:SHOWN]), "evaluated_total": rows.count()}


panels.register(
    page="registry.dataset",
    panel=panels.Panel("evaluated", 20, "main", "governance/panels/dataset_evaluated.html", evaluated),
)
