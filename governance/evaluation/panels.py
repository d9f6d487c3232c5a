"""What evaluations add to the page of a version: a tab, and the newest evidence on the overview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from governance.evaluation.queries import evaluations_of, latest_evidence, newest_evaluation
from governance.evaluation.tables import measure_rows
from governance.evaluation.views import WEAK_ISOLATION, address
from governance.evaluation.yardstick import yardstick_of
from registry.versions.models import ModelVersion

DRAWING_WIDTH = 150


def tab(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The tab “Evaluations” with their number."""
    return {"evaluation_count": evaluations_of(version).count()}


def evidence(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The evidence that counts against the policy's limits, and what became of a newer evaluation."""
    newest, counting = newest_evaluation(version), latest_evidence(version)
    context: dict[str, Any] = {
        "newest": newest,
        "newest_url": address(newest, version) if newest else "",
        "counting": counting,
        "list_url": reverse("governance:evaluations", args=[version.model.name, version.number]),
        "may": actor_of_request(request).holds(Permission.EVALUATE, version.model.team_id),
    }
    if counting is not None:
        counting.version = version
        yardstick = yardstick_of(counting)
        level = (counting.circumstances_document.get("isolation") or {}).get("level", WEAK_ISOLATION)
        context |= {
            "counting_url": address(counting, version),
            "rows": counting.results_document["n"],
            "yardstick": yardstick,
            "measures": measure_rows(counting, yardstick, width=DRAWING_WIDTH, headlines=True),
            "isolation_level": level,
            "weak": level < WEAK_ISOLATION,
        }
    return context


register(
    page="registry.version",
    panel=Panel("evaluations", 10, "tab", "governance/evaluation/tab.html", tab),
)
register(
    page="registry.version",
    panel=Panel("evidence", 30, "main", "governance/evaluation/panel.html", evidence),
)
