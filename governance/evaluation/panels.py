"""What evaluations add to the page of a version: a tab, and the newest evidence on the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from countersign.web.panels import Panel, register
from governance.evaluation import regression_tables, rest_tables, tables
from governance.evaluation.measures.catalogue import METRICS
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import evaluations_of, latest_evidence, newest_evaluation, runs_like
from governance.evaluation.slices_page import OF_GROUPS
from governance.evaluation.tables import measure_rows, task_of_results
from governance.evaluation.views import WEAK_ISOLATION, address
from governance.evaluation.yardstick import Yardstick, yardstick_of
from registry.versions.models import ModelVersion
from registry.versions.tasks import Task

DRAWING_WIDTH = 150
GROUPS_SHOWN = 5


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
        context |= _groups(counting, yardstick)
    return context


def _groups(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """The groups that come off worst, by the measure that the page of the evidence sorts them by."""
    task = task_of_results(evaluation.results_document)
    measure = METRICS[OF_GROUPS[task]]
    rows: Sequence[Any]
    if task is Task.REGRESSION:
        rows = regression_tables.group_rows(evaluation, yardstick, width=DRAWING_WIDTH)
    elif task is Task.BINARY:
        rows = tables.group_rows(evaluation, yardstick, width=DRAWING_WIDTH)
    else:
        rows = rest_tables.group_rows(evaluation, yardstick, measure, rest_tables.each(), width=DRAWING_WIDTH)
    return {
        "groups": rows[:GROUPS_SHOWN],
        "group_count": len(rows),
        "group_measure": measure.label,
        "counted": "Queries" if task is Task.RANKING else "Rows",
    }


def checks(request: HttpRequest, version: ModelVersion) -> Mapping[str, Any] | None:
    """What running the version showed beside its measures: scan, isolation, the same results again."""
    counting = latest_evidence(version)
    if counting is None:
        return None
    same = list(runs_like(counting).values_list("results_digest", flat=True))
    return {
        "scan": counting.results_document.get("scan") or {},
        "isolation": counting.circumstances_document.get("isolation") or {},
        "reruns": len(same),
        "identical": sum(digest == counting.results_digest for digest in same),
        "evidence_url": address(counting, version),
    }


register(
    page="registry.version",
    panel=Panel("evaluations", 10, "tab", "governance/evaluation/tab.html", tab),
)
register(
    page="registry.version",
    panel=Panel("evidence", 30, "main", "governance/evaluation/panel.html", evidence),
)
register(
    page="registry.version",
    panel=Panel("checks", 30, "aside", "governance/evaluation/checks.html", checks),
)
