"""What the card adds to the pages of a version and of its model: the tab, and how far the card is for the tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from countersign.web.panels import Panel, register
from governance.cards.queries import completeness
from governance.profiles.queries import profile_of
from registry.versions.models import ModelVersion, RegisteredModel
from registry.versions.queries import newest_version

MISSING_SHOWN = 5


def tab(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The tab “Card” with its per cent; without a tier nothing is required of it yet."""
    profile = profile_of(version.model)
    return {"card_count": f"{completeness(version, profile.risk_tier).percent} %" if profile else None}


def of_version(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """How far its card is: n of m required sections, and which are open."""
    profile = profile_of(version.model)
    how_far = completeness(version, profile.risk_tier) if profile else None
    return {
        "version": version,
        "tier": profile.risk_tier if profile else None,
        "how_far": how_far,
        "missing": how_far.missing[:MISSING_SHOWN] if how_far else [],
        "more": max(len(how_far.missing) - MISSING_SHOWN, 0) if how_far else 0,
    }


def of_model(request: HttpRequest, model: RegisteredModel) -> Mapping[str, Any] | None:
    """The same of the newest version; None while there is none."""
    version = newest_version(model)
    if version is None:
        return None
    version.model = model
    return {**of_version(request, version), "newest": True}


register(page="registry.version", panel=Panel("card", 20, "tab", "governance/cards/tab.html", tab))
register(
    page="registry.version", panel=Panel("card-state", 30, "aside", "governance/cards/panel.html", of_version)
)
register(
    page="registry.model", panel=Panel("card-state", 30, "aside", "governance/cards/panel.html", of_model)
)
