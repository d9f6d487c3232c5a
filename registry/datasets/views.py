"""Pages of datasets and their versions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from countersign.errors import Conflict, Invalid
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page
from registry.datasets.access import get_dataset, get_dataset_version
from registry.datasets.actions import update_dataset
from registry.datasets.forms import DescribeForm
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.queries import (
    datasets_visible_to,
    licences_of,
    narrowed,
    newest_versions,
    with_counts,
)

TEMPLATE = "registry/dataset.html"


@page(Permission.SEE)
@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    """Datasets the actor may see, newest first; `?q=`, `?licence=`, `?team=` and `?sensitive=1` narrow the list."""
    actor = actor_of_request(request)
    visible = datasets_visible_to(actor)
    wanted = {name: request.GET.get(name, "").strip() for name in ("q", "licence", "team", "sensitive")}
    found = narrowed(
        visible,
        q=wanted["q"],
        licence=wanted["licence"],
        team=wanted["team"],
        sensitive=bool(wanted["sensitive"]),
    )
    datasets, window = window_of(request, with_counts(found, actor), order_by=("-pk",))
    newest = newest_versions(datasets)
    teams = visible.order_by("team__name").values_list("team__slug", "team__name").distinct()
    context = {
        "rows": [(dataset, newest.get(dataset.pk)) for dataset in datasets],
        "window": window,
        "q": wanted["q"],
        "wanted": wanted,
        "chips": [
            *(_chip(wanted, "team", slug, f"Team {name}") for slug, name in teams[:12]),
            *(_chip(wanted, "licence", licence, f"Licence {licence}") for licence in licences_of(visible)),
            _chip(wanted, "sensitive", "1", "With sensitive attributes"),
        ],
        "filtered": any(wanted.values()),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return render_page(request, "registry/datasets.html", context)


def _chip(wanted: dict[str, str], name: str, value: str, words: str) -> tuple[str, str, bool]:
    """The words of a filter, the URL that applies it or drops it, and whether it is applied."""
    on = wanted[name] == value
    query = wanted | {name: "" if on else value}
    return words, f"?{urlencode({key: kept for key, kept in query.items() if kept})}", on


@page(Permission.SEE)
@require_safe
def dataset_page(request: HttpRequest, name: str) -> HttpResponse:
    """The newest version of a dataset."""
    dataset = get_dataset(actor_of_request(request), name)
    return render_page(
        request, TEMPLATE, _context(request, dataset, dataset.versions.order_by("-number").first())
    )


@page(Permission.SEE)
@require_safe
def dataset_version_page(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """One version of a dataset: schema, target, sensitive attributes, licence, and what read it."""
    version = get_dataset_version(actor_of_request(request), name, number)
    return render_page(request, TEMPLATE, _context(request, version.dataset, version))


@page(Permission.REGISTER)
@require_POST
def dataset_describe(request: HttpRequest, name: str) -> HttpResponseBase:
    """Replace the description."""
    actor = actor_of_request(request)
    dataset = get_dataset(actor, name)
    form = DescribeForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            update_dataset(dataset=dataset, actor=actor, **form.cleaned_data)
        except (Invalid, Conflict) as error:
            dataset.refresh_from_db()
            form = DescribeForm(
                {"description": request.POST.get("description", ""), "seen": dataset.description}
            )
            form.add_error("description", error.message)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            return redirect_after_post(request, "registry:dataset", dataset.name)
    newest = dataset.versions.order_by("-number").first()
    context = _context(request, dataset, newest) | {"form": form, "nothing_saved": True}
    return render_page(request, TEMPLATE, context, status=status)


def _context(request: HttpRequest, dataset: Dataset, version: DatasetVersion | None) -> dict[str, Any]:
    actor = actor_of_request(request)
    context: dict[str, Any] = {
        "dataset": dataset,
        "version": version,
        "versions": list(dataset.versions.order_by("-number")),
        "may_describe": actor.may(Permission.REGISTER, dataset.team_id),
        "may_download": actor.may(Permission.DOWNLOAD, dataset.team_id),
        "form": DescribeForm(initial={"description": dataset.description, "seen": dataset.description}),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    if version is None:
        return context
    return context | {"columns": _columns(version)}


def _columns(version: DatasetVersion) -> list[tuple[dict[str, str], str, bool]]:
    """Each column with its role and whether it is sensitive; those with a role first, then as in the file."""
    sensitive = set(version.sensitive_attributes)
    roles = {
        version.target: "target",
        version.row_key: "row key",
        version.time_column: "time",
        version.query_column: "query",
    }
    rows = [
        (column, roles.get(column["name"], ""), column["name"] in sensitive) for column in version.columns
    ]
    return sorted(rows, key=lambda row: (row[1] != "target", not row[2], not row[1]))
