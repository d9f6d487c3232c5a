"""Facts of a card that an evaluation measured: each number with its interval, as the evidence has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from countersign.web.formats import duration, plural, quantity, score, size, thousands
from governance.cards.absence import Absence
from governance.cards.facts import Drawn, Fact, MeasuredRow, Source, fact
from governance.evaluation.measures.catalogue import (
    AGAINST_EACH,
    FAIRNESS,
    FAIRNESS_RULES,
    METRICS,
    Task,
    enough_rows,
    of_task,
)
from governance.evaluation.models import Evaluation
from governance.evaluation.suites import SUITES
from registry import links


def source_of(evaluation: Evaluation) -> Source:
    """An evaluation as the source of a number."""
    version = evaluation.version
    return Source(
        f"evaluation {evaluation.number}",
        reverse("governance:evaluation", args=[version.model.name, version.number, evaluation.number]),
    )


def _evaluation_data(evaluation: Evaluation) -> Drawn:
    source = source_of(evaluation)
    results, used = evaluation.results_document, evaluation.dataset_version
    data = results["dataset"]
    page = links.dataset_version(used)
    trained = evaluation.version.inputs.filter(
        context="training", dataset_version__digest=used.digest
    ).exists()
    declared = ", ".join(data["sensitive_attributes"])
    facts = [
        Fact("Data", f"{data['name']} {data['number']}", source, page),
        Fact("Digest", data["digest"], source),
        Fact("Rows", _rows(results), source),
        Fact(
            "Independent",
            "No: the version was trained on it." if trained else "Not among the training data.",
            source,
        ),
        Fact("Compared by", declared, source)
        if declared
        else Fact(
            "Compared by",
            "The dataset declares no sensitive attribute.",
            source,
            absence=Absence.NONE_DECLARED,
        ),
    ]
    return Drawn(source, tuple(facts))


def _performance(evaluation: Evaluation) -> Drawn:
    source = source_of(evaluation)
    results = evaluation.results_document
    task = SUITES[evaluation.suite].task
    rows = tuple(
        MeasuredRow.of(measure, results["metrics"].get(name))
        for name, measure in of_task(METRICS, task).items()
    )
    return Drawn(source, _decided_by(results, task, source), rows)


def _rows(results: dict[str, Any]) -> str:
    said = thousands(results["n"])
    if "positives" in results:
        return f"{said}, of which {thousands(results['positives'])} positive"
    if "queries" in results:
        queries = results["queries"]
        counting = f"{thousands(queries['measured'])} with a relevant row"
        return f"{said} in {plural(queries['total'], 'query', 'queries')}, {counting}"
    if "classes" in results:
        return f"{said} of {plural(len(results['classes']), 'class', 'classes')}"
    target = results["target"]
    spread = quantity(target["standard_deviation"])
    return f"{said}; the target is {quantity(target['mean'])} on average, standard deviation {spread}"


def _decided_by(results: dict[str, Any], task: Task, source: Source) -> tuple[Fact, ...]:
    """What turns the model's answer into right or wrong: the threshold, the tolerance of a regression, the most
    probable of several classes, a relevance above 0."""
    if task is Task.BINARY:
        return (Fact("Threshold", score(results["threshold"]), source),)
    if task is Task.MULTICLASS:
        return (Fact("Predicted", "The most probable class.", source),)
    if task is Task.RANKING:
        return (Fact("Relevant", f"A {results['dataset']['target']} above 0.", source),)
    tolerance = results["tolerance"]
    said = "" if tolerance is None else quantity(tolerance)
    return (fact("Tolerance", said, source, "The signature declares no tolerance."),)


def _fairness(evaluation: Evaluation) -> Drawn:
    source = source_of(evaluation)
    entries = evaluation.results_document.get("fairness", [])
    if not entries and evaluation.results_document["dataset"]["sensitive_attributes"]:
        unmeasured = evaluation.results_document.get("not_measured", ())
        reasons = [one["why"] for one in unmeasured if one["what"].startswith("Groups by ")]
        note = " ".join(["No groups were compared.", *reasons])
        return Drawn(source, (Fact("Compared by", note, source, absence=Absence.NOT_MEASURED),))
    if not entries:
        note = "The dataset declares no sensitive attribute, so no groups were compared."
        return Drawn(source, (Fact("Compared by", note, source, absence=Absence.NONE_DECLARED),))
    rows: list[MeasuredRow] = []
    small: list[Fact] = []
    task = SUITES[evaluation.suite].task
    rules = of_task(FAIRNESS_RULES, task)
    ratio = next(name for name in rules if name in AGAINST_EACH)
    counted = ("query", "queries") if task is Task.RANKING else ("row", "rows")
    others = f"all other {counted[1]}"
    for entry in entries:
        attribute, against = entry["attribute"], entry["reference"] or others
        for group in entry["groups"]:
            if group["status"] == "measured":
                row = MeasuredRow.of(
                    FAIRNESS[ratio],
                    group[ratio],
                    attribute=attribute,
                    group=group["group"],
                    against=against,
                )
                rows.append(row)
            elif group["status"] == "insufficient":
                need = f"{plural(group['n'], *counted)}; {enough_rows(task)} are needed"
                label = f"{attribute}: {group['group']}"
                small.append(Fact(label, need, source, absence=Absence.INSUFFICIENT))
        rows += [
            MeasuredRow.of(FAIRNESS[name], entry[name], attribute=attribute)
            for name in rules
            if name not in AGAINST_EACH and name in entry  # older evidence has fewer
        ]
    return Drawn(source, tuple(small), tuple(rows))


def _robustness(evaluation: Evaluation) -> Drawn:
    source = source_of(evaluation)
    scan = evaluation.results_document["scan"]
    isolation = evaluation.circumstances_document.get("isolation", {})
    facts = (
        Fact("Scan", f"{scan['verdict'].replace('_', ' ')}: {scan['reason']}", source),
        Fact("Isolation it ran in", f"level {isolation.get('level', 'not recorded')}", source),
        Fact(
            "Missing and noisy input",
            "The suite has no robustness measure.",
            source,
            absence=Absence.NOT_MEASURED,
        ),
    )
    return Drawn(source, facts)


def _footprint(evaluation: Evaluation) -> Drawn:
    source = source_of(evaluation)
    ran = evaluation.circumstances_document
    facts = (
        Fact(
            "Artifact", size(evaluation.version.size), Source("manifest", links.version(evaluation.version))
        ),
        Fact(
            "Scoring",
            f"{duration(ran.get('wall_seconds'))} for {thousands(ran.get('rows'))} rows, loading included",
            source,
        ),
        Fact("Processor time", duration(ran.get("cpu_seconds")), source),
        Fact("Most memory", size(ran.get("peak_rss_bytes")), source),
        Fact(
            "Energy",
            "The suite has no energy measure. Nothing is claimed.",
            source,
            absence=Absence.NOT_MEASURED,
        ),
    )
    return Drawn(source, facts)


DRAWERS: dict[str, Callable[[Evaluation], Drawn]] = {
    "evaluation_data": _evaluation_data,
    "performance": _performance,
    "fairness": _fairness,
    "robustness": _robustness,
    "footprint": _footprint,
}
