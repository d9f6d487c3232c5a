"""Pages of datasets and their versions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from registry.datasets.access import get_dataset, get_dataset_version
from registry.datasets.models import DatasetVersion
from registry.datasets.queries import datasets_visible_to


@page(Permission.SEE)
@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    """Datasets the actor may see, newest first; `?q=` narrows the list."""
    q = request.GET.get("q", "").strip()
    found = datasets_visible_to(actor_of_request(request))
    if q:
        found = found.filter(name__icontains=q)
    datasets, window = window_of(request, found, order_by=("-pk",))
    newest: dict[object, DatasetVersion] = {}
    for version in (
        DatasetVersion.objects.filter(dataset__in=datasets)
        .order_by("dataset_id", "-number")
        .distinct("dataset_id")
    ):
        newest[version.dataset_id] = version
    context = {
        "rows": [(dataset, newest.get(dataset.pk)) for dataset in datasets],
        "window": window,
        "q": q,
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/datasets.html", context)


@page(Permission.SEE)
@require_safe
def dataset_page(request: HttpRequest, name: str) -> HttpResponse:
    """The newest version of a dataset."""
    dataset = get_dataset(actor_of_request(request), name)
    newest = dataset.versions.order_by("-number").first()
    if newest is None:
        return render_page(request, "registry/dataset.html", {"dataset": dataset, "version": None})
    return _render(request, newest)


@page(Permission.SEE)
@require_safe
def dataset_version_page(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """One version of a dataset: schema, target, sensitive attributes, licence, and what read it."""
    return _render(request, get_dataset_version(actor_of_request(request), name, number))


def _render(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    sensitive = set(version.sensitive_attributes)
    roles = {version.target: "target", version.row_key: "row key", version.time_column: "time"}
    context = {
        "dataset": version.dataset,
        "version": version,
        "columns": [
            (column, roles.get(column["name"], ""), column["name"] in sensitive) for column in version.columns
        ],
        "versions": version.dataset.versions.order_by("-number"),
        "trained": version.trained.select_related("version__model").order_by("-version__created_at")[:50],
    }
    return render_page(request, "registry/dataset.html", context)
