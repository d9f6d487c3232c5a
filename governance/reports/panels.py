"""What reports add to the page of a version's evaluations: what others measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from countersign.web.panels import Panel, register
from governance.reports.queries import reports_on
from governance.reports.views import address, status_of
from registry.versions.models import ModelVersion

SHOWN = 5


def newest(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any]:
    """The newest reports, and how many there are."""
    found = reports_on(version).select_related("version__model")
    return {
        "reports": [(report, address(report), status_of(report)) for report in found[:SHOWN]],
        "report_count": found.count(),
    }


register(
    page="governance.evaluations",
    panel=Panel("reports", 10, "main", "governance/reports/panel.html", newest),
)
