"""A measure over the versions of a model, for its page: each version by the evidence that can be put beside the
newest one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, JSONField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from countersign.web import charts
from countersign.web.blocks import scroll
from countersign.web.charts.versions import Bound, Measured, over_versions
from countersign.web.formats import plural
from governance.evaluation.measures.catalogue import EVIDENCE, METRICS, Better, Measure
from governance.evaluation.models import Evaluation, EvaluationState
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Limit, yardstick_of
from registry.versions.models import ModelVersion, RegisteredModel

SHOWN = 40
"""Versions drawn at most, the newest: a line through more says nothing more on 760 pixels."""

_ELSEWHERE = {path: measure for path, measure in EVIDENCE.items() if not path.startswith("custom.")}
_MEASURES = METRICS | _ELSEWHERE
#: Every estimate that can be chosen, by its name or path, out of one reading of a results document.
_NUMBERS = (  # the paths are names of ours
    "(SELECT (document -> 'metrics') || jsonb_build_object("  # noqa: S608
    + ", ".join(f"'{path}', document #> '{{{path.replace('.', ',')}}}'" for path in _ELSEWHERE)
    + ") FROM (SELECT convert_from(%(expressions)s, 'UTF8')::jsonb AS document) AS read)"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one version that is drawn. `same`: on the rows and by the suite revision of the newest."""

    version: ModelVersion
    rows: str
    same: bool
    metrics: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class OverVersions:
    """What the page shows: the measures to choose from, the one chosen, and the figure."""

    measures: list[Measure]
    chosen: Measure
    figure: SafeString
    left_out: str


def over_versions_of(model: RegisteredModel, wanted: str, live: int | None) -> OverVersions | None:
    """The figure for a measure (without one, or an unknown one: the first there is); None while no version has
    evidence. `live` is the number of the version in the last environment."""
    versions = list(ModelVersion.objects.filter(model=model).order_by("-number")[:SHOWN])
    found, reference = _evidence(versions)
    if reference is None:
        return None
    reference.version.model = model
    measures = [
        measure
        for name, measure in _MEASURES.items()
        if any((one.metrics.get(name) or {}).get("value") is not None for one in found)
    ]
    if not measures:
        return None
    chosen = next((one for one in measures if one.name == wanted), measures[0])
    limits = yardstick_of(reference).limits_on(chosen.name)
    total = ModelVersion.objects.filter(model=model).count()
    left_out = f"the newest {SHOWN} of {plural(total, 'version')}" if total > SHOWN else ""
    return OverVersions(measures, chosen, _figure(chosen, versions, found, limits, live), left_out)


def _evidence(versions: Sequence[ModelVersion]) -> tuple[list[Evidence], Evaluation | None]:
    """The evidence of each version, oldest first, and that of the newest. A version that was evaluated on the
    newest one's rows counts by that; else by its newest evidence."""
    by_id = {version.pk: version for version in versions}
    succeeded = (
        Evaluation.objects.filter(version__in=by_id, state=EvaluationState.SUCCEEDED)
        .select_related("dataset_version__dataset")
        .defer("results", "circumstances")
        .order_by("-version__number", "-number")
    )
    chosen: dict[Any, Evaluation] = {}
    reference: Evaluation | None = None
    for one in succeeded:
        reference = reference or one
        known = chosen.get(one.version_id)
        if known is None or (_alike(one, reference) and not _alike(known, reference)):
            chosen[one.version_id] = one
    if reference is None:
        return [], None
    metrics = Func(F("results"), template=_NUMBERS, output_field=JSONField())
    drawn = dict(
        Evaluation.objects.filter(pk__in=[one.pk for one in chosen.values()])
        .annotate(measured=metrics)
        .values_list("pk", "measured")
    )
    found = [
        Evidence(by_id[one.version_id], str(one.dataset_version), _alike(one, reference), drawn[one.pk] or {})
        for one in chosen.values()
    ]
    reference.version = by_id[reference.version_id]
    return sorted(found, key=lambda one: one.version.number), reference


def _alike(one: Evaluation, other: Evaluation) -> bool:
    """Whether two pieces of evidence may be put beside each other: same rows, same suite."""
    return (one.dataset_version_id, one.suite, one.suite_revision) == (
        other.dataset_version_id,
        other.suite,
        other.suite_revision,
    )


def _figure(
    measure: Measure,
    versions: Sequence[ModelVersion],
    found: Sequence[Evidence],
    limits: Sequence[Limit],
    live: int | None,
) -> SafeString:
    points = []
    for one in found:
        estimate = one.metrics.get(measure.name) or {}
        if estimate.get("value") is not None:
            points.append(
                Measured(
                    one.version.number,
                    estimate["value"],
                    estimate.get("ci_low"),
                    estimate.get("ci_high"),
                    one.rows,
                    one.same,
                    "live" if one.version.number == live else "",
                )
            )
    limit = limits[0] if limits else None
    bound = Bound(limit.value, limit.refused, limit.end, limit.demand) if limit else None
    title = _title(measure, [one for one in points if one.same])
    last = written(measure, points[-1].value)
    note = "Estimate and 95 % interval" + (
        "; the cap is the end the rule reads" if bound and bound.end else ""
    )
    if any(not one.same for one in points):
        note += ". Hollow: measured on other rows, so not joined"
    return charts.figure(
        title,
        f"{note}. {measure.better.value.capitalize()}.",
        scroll(over_versions(points, title=title, shown=last, limit=bound), f"{measure.label} over versions"),
        _twin(measure, versions, found),
    )


def _title(measure: Measure, same: Sequence[Measured]) -> str:
    """What the line says, in one sentence; where no way is better, only what it shows."""
    if not same:
        return measure.label
    newest, rows = same[-1], same[-1].rows
    if len(same) == 1:
        return f"{measure.label}: version {newest.number} is the only one measured on {rows}"
    if measure.better not in (Better.HIGHER, Better.LOWER):
        return f"{measure.label} on {rows}"
    pick, word = (max, "highest") if measure.better is Better.HIGHER else (min, "lowest")
    best = pick(same, key=lambda one: one.value)
    return f"{measure.label}: version {best.number} is the {word} so far on {rows}"


def _twin(measure: Measure, versions: Sequence[ModelVersion], found: Sequence[Evidence]) -> SafeString:
    known = {one.version.pk: one for one in found}
    rows = []
    for version in reversed(versions):
        one = known.get(version.pk)
        estimate = (one.metrics.get(measure.name) or {}) if one else {}
        rows.append(
            (
                format_html("{}", version.number),
                one.rows if one else "not measured",
                written(measure, estimate.get("value")),
                span(measure, estimate) or "none",
            )
        )
    return charts.twin(("Version", "Data", measure.label, "95 % interval"), rows)
