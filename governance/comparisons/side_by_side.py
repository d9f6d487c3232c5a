"""The page of up to four versions beside each other: their measures on the same rows, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from governance.comparisons.queries import declared_threshold, evidence_on_same_rows, why_not_beside
from governance.evaluation.measures.catalogue import METRICS, Measure, of_task
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.queries import latest_evidence
from governance.evaluation.tables import drawn, shared_axis, task_of_results
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Limit, yardstick_of
from registry.versions.access import get_model
from registry.versions.models import ModelVersion, RegisteredModel

MOST = 4
"""Versions beside each other: more columns say less, and fit on no page."""
CHOICES = 40
DRAWING_WIDTH = 150


@dataclass(frozen=True, slots=True)
class Cell:
    """A measure of one version; `undefined` says why there is no value."""

    number: int
    value: str
    interval: str
    drawing: SafeString | str
    undefined: str


@dataclass(frozen=True, slots=True)
class Line:
    """A measure of every version, on one axis."""

    measure: Measure
    cells: tuple[Cell, ...]
    demands: tuple[str, ...]


@page(Permission.SEE)
@require_safe
def side_by_side(request: HttpRequest, name: str) -> HttpResponseBase:
    """Versions named by `v`, or the newest with evidence, by the newest evidence that the newest of them shares."""
    model = get_model(actor_of_request(request), name)
    known = list(_measured_versions(model)[:CHOICES])
    asked = _numbers(request.GET)
    chosen = _chosen(model, asked) if asked else known[:MOST]
    shown, aside = _evidence(chosen)
    limits = yardstick_of(shown[0]).limits if shown else ()
    context = {
        "model": model,
        "choices": [(version.number, version in chosen) for version in known],
        "most": MOST,
        "more": len(asked) > MOST,
        "unknown": sorted(set(asked[:MOST]) - {version.number for version in chosen}),
        "shown": shown,
        "aside": aside,
        "data": shown[0].dataset_version if shown else None,
        "lines": _lines(shown, limits),
        "thresholds": _thresholds(shown),
    }
    return render_page(request, "governance/comparisons/side_by_side.html", context)


def _numbers(query: QueryDict) -> list[int]:
    """The numbers asked for, each once, in the order they came; what is no number is left out."""
    texts = [text for text in query.getlist("v") if text.isascii() and text.isdigit() and len(text) < 10]
    return list(dict.fromkeys(int(text) for text in texts))


def _measured_versions(model: RegisteredModel) -> Any:
    evidence = Evaluation.objects.filter(version=OuterRef("pk"), state=EvaluationState.SUCCEEDED)
    return ModelVersion.objects.filter(Exists(evidence), model=model).order_by("-number")


def _chosen(model: RegisteredModel, numbers: Sequence[int]) -> list[ModelVersion]:
    return list(ModelVersion.objects.filter(model=model, number__in=numbers[:MOST]).order_by("-number"))


def _evidence(versions: Iterable[ModelVersion]) -> tuple[list[Evaluation], list[tuple[ModelVersion, str]]]:
    """The evidence on the same rows by the same suite, newest version first; and the versions that have none, with
    why."""
    shown: list[Evaluation] = []
    aside: list[tuple[ModelVersion, str]] = []
    for version in versions:
        newest = latest_evidence(version)
        if newest is None:
            aside.append((version, "It was not evaluated yet."))
        elif not shown:
            shown.append(newest)
        elif (beside := evidence_on_same_rows(shown[0], version)) is not None:
            shown.append(beside)
        else:
            aside.append((version, why_not_beside(newest, shown[0])))
    return shown, aside


def _thresholds(shown: Sequence[Evaluation]) -> list[tuple[int, Any]]:
    """The version and threshold of each, where they declare different ones."""
    declared = [(one.version.number, declared_threshold(one)) for one in shown]
    return declared if len({threshold for _, threshold in declared}) > 1 else []


def _lines(shown: Sequence[Evaluation], limits: Sequence[Limit]) -> list[Line]:
    if not shown:
        return []
    documents = [one.results_document for one in shown]
    lines = []
    for name, measure in of_task(METRICS, task_of_results(documents[0])).items():
        estimates = [document["metrics"].get(name, {}) for document in documents]
        if not any(estimates):
            continue
        found = [limit for limit in limits if (limit.measure, limit.each) == (name, "")]
        limit = found[0] if found else None
        axis = shared_axis(estimates, *(one.value for one in found))
        cells = tuple(
            Cell(
                number=one.version.number,
                value=written(measure, estimate.get("value")),
                interval=span(measure, estimate),
                drawing=drawn(
                    f"Version {one.version.number}: {measure.label}",
                    estimate,
                    axis=axis,
                    limit=limit,
                    width=DRAWING_WIDTH,
                ),
                undefined=str(estimate.get("undefined", "")),
            )
            for one, estimate in zip(shown, estimates, strict=True)
        )
        lines.append(Line(measure, cells, tuple(one.demand for one in found)))
    return sorted(lines, key=lambda line: not line.demands)
