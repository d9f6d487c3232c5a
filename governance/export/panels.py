"""Where people find audit exports: on the ledger, and on the page of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from registry.versions.models import RegisteredModel


def on_ledger(request: HttpRequest, subject: Any) -> Mapping[str, Any] | None:
    """The way to all exports, for who may take one away somewhere."""
    actor = actor_of_request(request)
    return {"exports_url": reverse("governance:exports")} if actor.holds_anywhere(Permission.EXPORT) else None


def on_model(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any]:
    """The way to an export of this model; refused with its reason for who may not."""
    return {
        "may_export": actor_of_request(request).may(Permission.EXPORT, model.team_id),
        "exports_url": f"{reverse('governance:exports')}?{urlencode({'model': model.name})}#ask",
    }


register(page="ledger.trail", panel=Panel("exports", 10, "head", "governance/export/head.html", on_ledger))
register(page="registry.model", panel=Panel("export", 80, "aside", "governance/export/aside.html", on_model))
