"""What the card adds to the page of a version: its tab, with how far it is for the model's tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from countersign.web.panels import Panel, register
from governance.cards.queries import completeness
from governance.profiles.queries import profile_of
from registry.versions.models import ModelVersion


def tab(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The tab “Card” with its per cent; without a tier nothing is required of it yet."""
    profile = profile_of(version.model)
    return {"card_count": f"{completeness(version, profile.risk_tier).percent} %" if profile else None}


register(page="registry.version", panel=Panel("card", 20, "tab", "governance/cards/tab.html", tab))
