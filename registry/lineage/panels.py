"""What was made from a dataset, on its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from registry.datasets.models import Dataset
from registry.versions.models import VersionInput

SHOWN = 50


def trained(request: HttpRequest, dataset: Dataset) -> Mapping[str, Any]:
    """Versions the actor may see that were made from a version of the dataset, newest first. What it was named for as
    evaluation data made nothing; evaluations have a panel of their own."""
    teams = actor_of_request(request).teams_with(Permission.SEE)
    uses = VersionInput.objects.filter(dataset_version__dataset=dataset).exclude(context="evaluation")
    if teams is not None:
        uses = uses.filter(version__model__team__in=teams)
    listed = uses.select_related("version__model", "dataset_version").order_by(
        "-version__created_at", "dataset_version__number", "context"
    )
    return {"uses": list(listed[:SHOWN]), "uses_total": uses.count()}


register(
    page="registry.dataset",
    panel=Panel("trained", 10, "main", "registry/panels/dataset_trained.html", trained),
)
