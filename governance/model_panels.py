"""What governance adds to the page of a registered model: the gate's answer for its newest version, and a measure
over all versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from countersign.web.panels import Panel, register
from governance.cards.models import CardRevision
from governance.environments.queries import environments_in_order
from governance.evaluation.models import Evaluation
from governance.over_versions import over_versions_of
from governance.profiles.models import ModelProfile
from governance.promotion.models import Promotion
from governance.promotion.queries import gate_of, gate_title, live_in
from governance.reviews.models import Review
from registry.versions.activity import register_subjects
from registry.versions.listing import newest_versions
from registry.versions.models import RegisteredModel

NEWEST = 25


def newest(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any] | None:
    """How the newest version stands before the last environment; None without a version or an environment."""
    environment = environments_in_order().last()
    version = newest_versions([model]).first()
    if environment is None or version is None:
        return None
    gate = gate_of(version=version, environment=environment)
    period = live_in(environment, model)
    blocking = [one for one in gate.requirements if one.blocks]
    return {
        "environment": environment,
        "version": version,
        "gate": gate,
        "title": gate_title(gate, environment),
        "unmet": len(blocking),
        "asked": len(gate.requirements),
        "missing": len(gate.standing.missing) if gate.standing else None,
        "live": period.version if period else None,
        "review": gate.standing.review if gate.standing else None,
    }


def trend(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any] | None:
    """The measure that `?measure=` names, over versions; None while nothing was measured."""
    environment = environments_in_order().last()
    period = live_in(environment, model) if environment else None
    found = over_versions_of(model, request.GET.get("measure", ""), period.version.number if period else None)
    return {"trend": found} if found else None


PANELS = "governance/panels"
register(page="registry.model", panel=Panel("newest", 5, "main", f"{PANELS}/newest.html", newest))
register(page="registry.model", panel=Panel("trend", 20, "main", f"{PANELS}/trend.html", trend))


# --- activity -----------------------------------------------------------------------------------------------------


def decided(model: RegisteredModel, versions: Sequence[UUID]) -> list[UUID]:
    """Things whose entries belong to the model: its profile, and the reviews, promotions, evaluations and cards of
    these versions, the newest of each."""
    found = list(ModelProfile.objects.filter(model=model).values_list("pk", flat=True))
    for table in (Review, Promotion, Evaluation, CardRevision):
        rows = table._default_manager.filter(version__in=versions).order_by("-pk")
        found += rows.values_list("pk", flat=True)[:NEWEST]
    return found


register_subjects("governance", decided)
