"""Who may do what with one model, and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.errors import NotFound
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from governance.environments.queries import environment_of, environments_in_order
from governance.rights.queries import SHORT, Row, rights_on
from registry.versions.access import get_model, get_version
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import newest_version

VERSIONS_OFFERED = 50


@page(Permission.SEE)
@require_safe
def model_access(request: HttpRequest, name: str) -> HttpResponse:
    """Each person × act, for the newest version or `?version=`, towards production or `?environment=`; `?person=`
    lists one person's answers with their reasons."""
    actor = actor_of_request(request)
    model = get_model(actor, name)
    version = _version(request, model)
    places = list(environments_in_order())
    wanted = request.GET.get("environment", "")
    environment = environment_of(wanted) if wanted else (places[-1] if places else None)
    rows = rights_on(model, version, environment)
    names: dict[str, Any] = {
        "model": model,
        "version": version,
        "versions": model.versions.order_by("-number")[:VERSIONS_OFFERED],
        "environment": environment,
        "environments": places,
        "heads": SHORT.values(),
        "rows": rows,
        "chosen": _chosen(rows, request.GET.get("person", "") or str(actor.ref)),
    }
    return render_page(request, "governance/rights/model.html", names)


def _version(request: HttpRequest, model: RegisteredModel) -> ModelVersion | None:
    asked = request.GET.get("version", "")
    if not asked:
        return newest_version(model)
    if not asked.isdecimal() or len(asked) > 9:
        raise NotFound(f"{model.name} has no version “{asked[:20]}”.")
    return get_version(actor_of_request(request), model.name, int(asked))


def _chosen(rows: list[Row], person: str) -> Row | None:
    """The row of this person, else the first."""
    return next((row for row in rows if str(row.ref) == person), rows[0] if rows else None)
