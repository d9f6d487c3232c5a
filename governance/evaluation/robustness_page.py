"""What a second process of the model was asked, on the page of evidence: disturbed inputs, flipped attributes, shuffled
features, the same rows again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import charts, formats
from governance.evaluation.evidence_rows import Row, by_path, metric_of, row, why_absent
from governance.evaluation.measures.catalogue import DROP, EVIDENCE, Measure
from governance.evaluation.models import Evaluation
from governance.evaluation.tables import judged, shared_axis, words
from governance.evaluation.writing import span, written
from governance.evaluation.yardstick import Yardstick

#: How rules call what they judged of a scenario.
SCENARIO = "scenario"
#: Features whose loss is drawn; all of them stand in the table behind the drawing.
DRAWN_FEATURES = 12

VERDICTS = {
    "identical": ("met", "Identical"),
    "equivalent": ("met", "Equivalent but for rounding"),
    "different": ("not_met", "Different"),
}


@dataclass(frozen=True, slots=True)
class ScenarioRow:
    """The inputs disturbed in one way: the measure on them, and what it lost. `failed` says why there is no number."""

    title: str
    value: str
    value_interval: str
    drop: Row
    failed: str


@dataclass(frozen=True, slots=True)
class FlipRow:
    """One sensitive attribute: how many answers follow it. `sentence` says why it was not flipped."""

    attribute: str
    rate: Row | None
    moved: str
    sentence: str
    directions: SafeString | str


def context(evaluation: Evaluation, yardstick: Yardstick) -> dict[str, Any]:
    """Robustness, the flip test, importance of features and reproduction in another process."""
    results = evaluation.results_document
    return {
        "robustness": _robustness(results, yardstick),
        "robustness_absent": _absent(evaluation, results, "robustness"),
        "flips": [_flip(one) for one in results.get("flip", [])],
        "flip_worst": by_path("flip_rate", results, yardstick, lowest=0.0),
        "flip_absent": _absent(evaluation, results, "flip"),
        "importance": _importance(results),
        "importance_absent": _absent(evaluation, results, "importance"),
        "again": _reproduction(results),
        "again_absent": _absent(evaluation, results, "reproduction"),
    }


def _absent(evaluation: Evaluation, results: Mapping[str, Any], section: str) -> str:
    return "" if results.get(section) else why_absent(evaluation, results, section)


def _robustness(results: Mapping[str, Any], yardstick: Yardstick) -> dict[str, Any] | None:
    found = results.get("robustness")
    if not found:
        return None
    measure, scenarios = metric_of(found, results), found.get("scenarios", [])
    drops = [one.get("drop", {}) for one in scenarios]
    limits = [
        limit.value for limit in yardstick.limits if (limit.each, limit.measure) == ("robustness", DROP.name)
    ]
    axis = shared_axis(drops, 0.0, *limits)
    return {
        "label": measure.label,
        "rows": found.get("rows"),
        "undisturbed": row(measure, found["undisturbed"]) if "undisturbed" in found else None,
        "scenarios": [_scenario(one, measure, yardstick, axis) for one in scenarios],
        "worst": by_path("robustness.largest_drop", results, yardstick, axis=axis, reference=0.0),
        "worst_in": found.get("largest_drop_in", ""),
    }


def _scenario(
    entry: Mapping[str, Any], measure: Measure, yardstick: Yardstick, axis: tuple[float, float]
) -> ScenarioRow:
    limits = yardstick.limits_on(DROP.name, each="robustness", attribute=entry["name"])
    value = entry.get("value", {})
    drop = row(
        DROP,
        entry.get("drop", {}),
        label=f"{entry['title']}: drop",
        limits=limits,
        judgement=judged(limits, yardstick, group=(SCENARIO, entry["title"])),
        axis=axis,
        reference=0.0,
    )
    return ScenarioRow(
        title=entry["title"],
        value=written(measure, value.get("value")),
        value_interval=span(measure, value),
        drop=drop,
        failed=str(entry.get("failed") or drop.undefined),
    )


def _flip(entry: Mapping[str, Any]) -> FlipRow:
    name = words(entry["attribute"])
    if not entry.get("feature", True) or "rate" not in entry:
        return FlipRow(name, None, "", str(entry.get("sentence", "")), "")
    moved = entry.get("mean_distance", {})
    return FlipRow(
        attribute=name,
        rate=row(EVIDENCE["flip_rate"], entry["rate"], label=f"{name}: answers that follow it", lowest=0.0),
        moved=formats.score(moved["value"]) if moved.get("value") is not None else "",
        sentence=str(entry.get("failed") or entry["rate"].get("undefined", "")),
        directions=_directions(name, entry.get("directions", [])),
    )


def _directions(name: str, directions: list[dict[str, Any]]) -> SafeString | str:
    if not directions:
        return ""
    return charts.twin(
        ("Set to", "Rows", "Answers that change", "Mean change of the score"),
        [
            (
                one["to"],
                formats.thousands(one["rows"]),
                formats.percent(one.get("rate", {}).get("value")),
                formats.difference(one["mean_change"]["value"]) if "mean_change" in one else "not one number",
            )
            for one in directions
        ],
        summary=f"{name}: by the value it is set to",
    )


def _importance(results: Mapping[str, Any]) -> dict[str, Any] | None:
    found = results.get("importance")
    if not found:
        return None
    entries = found[:DRAWN_FEATURES]
    axis = shared_axis([one["drop"] for one in entries], 0.0)
    return {
        "rows": [row(DROP, one["drop"], label=one["feature"], axis=axis, reference=0.0) for one in entries],
        "total": len(found),
        "twin": charts.twin(
            ("Feature", "Drop", "95 % interval"),
            [
                (one["feature"], written(DROP, one["drop"].get("value")), span(DROP, one["drop"]) or "none")
                for one in found
            ],
            summary=f"All {formats.plural(len(found), 'feature')}",
        )
        if len(found) > DRAWN_FEATURES
        else "",
    }


def _reproduction(results: Mapping[str, Any]) -> dict[str, Any] | None:
    found = results.get("reproduction")
    if not found:
        return None
    kind, word = VERDICTS.get(found["verdict"], ("not_measured", found["verdict"]))
    largest = found.get("largest_difference")
    return {
        "kind": kind,
        "word": word,
        "rows": found.get("rows"),
        "largest": "" if largest is None else f"{largest:.3g}",
        "tolerance": f"{found['tolerance']:g}" if "tolerance" in found else "",
        "why": found.get("why", ""),
    }
