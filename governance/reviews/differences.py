"""What a version changes against the one that is live: facts, and measures where both were measured on the same
data. Two intervals beside each other say what each is; whether the difference is real is not judged by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.safestring import SafeString

from countersign.web import formats
from countersign.web.charts import Champion, interval
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from governance.cards.sections import SECTIONS
from governance.evaluation.measures.catalogue import HEADLINES, METRICS, Measure, Task, of_task
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import latest_evidence
from governance.evaluation.suites import SUITES
from governance.evaluation.writing import written
from governance.policies.document import PolicyDocument
from registry.versions.models import ModelVersion
from registry.versions.tasks import task_of

PARAMETERS_SHOWN = 6
NAMES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of both versions, in words."""

    name: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of both versions on the same data; a value is None where it was not measured."""

    measure: Measure
    was: dict[str, Any] | None
    now: dict[str, Any] | None
    drawn: SafeString | None

    @property
    def written(self) -> Callable[[Any], str]:
        """How values of this measure are written."""
        return partial(written, self.measure)

    @property
    def was_value(self) -> str:
        """The live version's value."""
        return self.written(self.was["value"] if self.was else None)

    @property
    def now_value(self) -> str:
        """This version's value."""
        return self.written(self.now["value"] if self.now else None)

    @property
    def was_span(self) -> str:
        """The live version's interval."""
        return self._span(self.was)

    @property
    def now_span(self) -> str:
        """This version's interval."""
        return self._span(self.now)

    def _span(self, estimate: dict[str, Any] | None) -> str:
        if estimate is None or estimate["ci_low"] is None or estimate["ci_high"] is None:
            return "no interval"
        return f"{self.written(estimate['ci_low'])} to {self.written(estimate['ci_high'])}"


@dataclass(frozen=True, slots=True)
class Differences:
    """`measures` is empty with a sentence in `not_compared` where the two were not measured on the same rows.
    `same` counts the facts that are equal."""

    live: ModelVersion
    facts: list[Fact]
    same: int
    measures: list[Comparison]
    not_compared: str
    data: str
    live_evidence: Evaluation | None


def differences(
    *,
    version: ModelVersion,
    live: ModelVersion,
    policy: PolicyDocument,
    evidence: Evaluation | None,
    card: CardRevision | None,
) -> Differences:
    """What the version changes against the live one, with the evidence and card its review rests on."""
    facts = list(_facts(version, live, card))
    changed = [fact for fact in facts if fact.was != fact.now]
    before = latest_evidence(live, policy.suite_for(live))
    measures = []
    if evidence is None:
        not_compared = f"Version {version.number} has no evidence yet."
    elif before is None:
        not_compared = f"Version {live.number}, which is live, has no evidence of this suite."
    else:
        not_compared = why_not_compared(
            evidence, before, here=f"version {version.number}", there=f"version {live.number}"
        )
        if not not_compared:
            measures = list(measures_between(evidence, before, policy))
    return Differences(
        live=live,
        facts=changed,
        same=len(facts) - len(changed),
        measures=measures,
        not_compared=not_compared,
        data=str(evidence.dataset_version) if evidence else "",
        live_evidence=before,
    )


def why_not_compared(evidence: Evaluation, before: Evaluation, *, here: str, there: str) -> str:
    """Why the measures of two evaluations cannot stand beside each other; empty where they can. `here` and `there`
    are what the evidence and the one before are called."""
    if evidence.dataset_version_id != before.dataset_version_id:
        return (
            f"Not the same rows: {here} was measured on {evidence.dataset_version}, {there} on "
            f"{before.dataset_version}. Evaluate both on one of them."
        )
    if evidence.suite_revision != before.suite_revision:
        return (
            f"Not the same suite: revision {evidence.suite_revision} here, revision {before.suite_revision} for "
            f"{there}. Evaluate that one again."
        )
    return ""


def measures_between(
    evidence: Evaluation, before: Evaluation, policy: PolicyDocument
) -> Iterable[Comparison]:
    """The headline measures and those the policy asks about, of two evaluations on the same rows."""
    now, was = evidence.results_document["metrics"], before.results_document["metrics"]
    asked = {rule.path.rsplit(".", 1)[-1] for rule in policy.rules if rule.path.startswith("metrics.")}
    task = SUITES[evidence.suite].task
    for name, measure in of_task(METRICS, task).items():
        if name in HEADLINES[task] or name in asked:
            mine, theirs = _measured(now.get(name)), _measured(was.get(name))
            yield Comparison(measure, theirs, mine, _drawn(measure, mine, theirs))


def _measured(estimate: dict[str, Any] | None) -> dict[str, Any] | None:
    return estimate if estimate is not None and estimate["value"] is not None else None


def _drawn(measure: Measure, mine: dict[str, Any] | None, theirs: dict[str, Any] | None) -> SafeString | None:
    if mine is None or mine["ci_low"] is None or mine["ci_high"] is None:
        return None
    ends = [end for one in (mine, theirs) if one for end in (one["value"], one["ci_low"], one["ci_high"])]
    known = [end for end in ends if end is not None]
    room = (max(known) - min(known)) * 0.15 or 0.01
    rival = Champion(theirs["value"], theirs["ci_low"], theirs["ci_high"]) if theirs else None
    return interval(
        mine["value"],
        mine["ci_low"],
        mine["ci_high"],
        axis=(min(known) - room, max(known) + room),
        label=measure.label,
        champion=rival,
        width=160,
    )


def _facts(version: ModelVersion, live: ModelVersion, card: CardRevision | None) -> Iterable[Fact]:
    yield Fact("Artifact", _artifact(live), _artifact(version))
    yield Fact("Built with", _libraries(live), _libraries(version))
    yield Fact("Inputs", *_inputs(live, version))
    name = "Tolerance" if task_of(version.signature) is Task.REGRESSION else "Threshold"
    yield Fact("Predicts", _task(live), _task(version))
    yield Fact(name, _declared(live, name), _declared(version, name))
    yield Fact("Training data", _data(live), _data(version))
    yield Fact("Source", _source(live), _source(version))
    yield from _parameters(live, version)
    yield Fact("Card", *_cards(newest_revision(live), card))


def _artifact(version: ModelVersion) -> str:
    return f"{version.flavour}, {formats.size(version.size)}"


def _libraries(version: ModelVersion) -> str:
    said = ", ".join(f"{name} {release}" for name, release in sorted(version.libraries.items()))
    return said or "not declared"


def _inputs(live: ModelVersion, version: ModelVersion) -> tuple[str, str]:
    was = {one["name"] for one in live.signature.get("features", [])}
    now = {one["name"] for one in version.signature.get("features", [])}
    said = formats.plural(len(now), "column")
    changes = [
        f"{_some(sorted(names))} {verb}"
        for names, verb in ((was - now, "removed"), (now - was, "added"))
        if names
    ]
    if changes:
        return formats.plural(len(was), "column"), f"{said}: {'; '.join(changes)}"
    return (said, said)


def _some(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _task(version: ModelVersion) -> str:
    target = version.signature.get("target")
    return f"{target}, {task_of(version.signature).words}" if target else task_of(version.signature).words


def _declared(version: ModelVersion, name: str) -> str:
    value = version.signature.get(name.lower())
    return "not declared" if value is None else str(value)


def _data(version: ModelVersion) -> str:
    used = version.inputs.filter(context="training").select_related("dataset_version__dataset")
    said = [
        str(one.dataset_version)
        + (f", {formats.plural(one.dataset_version.rows, 'row')}" if one.dataset_version.rows else "")
        for one in used.order_by("dataset_version_id")
    ]
    return "; ".join(said) or "not recorded"


def _source(version: ModelVersion) -> str:
    run = version.run
    if run is None or not run.source_commit:
        return "no commit recorded"
    state = ", with changes that were not committed" if run.source_clean is False else ""
    return f"{run.source_commit[:12]}{state}"


def _parameters(live: ModelVersion, version: ModelVersion) -> Iterable[Fact]:
    """Parameters of the training runs, those that differ first and only the first few of them."""
    was = dict(live.run.parameters.values_list("key", "value")) if live.run else {}
    now = dict(version.run.parameters.values_list("key", "value")) if version.run else {}
    differing = [key for key in sorted({*was, *now}) if was.get(key) != now.get(key)]
    for key in differing[:PARAMETERS_SHOWN]:
        yield Fact(f"Parameter {key}", was.get(key, "not set")[:200], now.get(key, "not set")[:200])
    if (more := len(differing) - PARAMETERS_SHOWN) > 0:
        yield Fact("More parameters", "", f"{more} more differ; see the training runs")
    for key in sorted({*was} & {*now} - {*differing}):
        yield Fact(f"Parameter {key}", was[key], now[key])


def _cards(was: CardRevision | None, now: CardRevision | None) -> tuple[str, str]:
    if was is None and now is None:
        return "no card", "no card"
    if was is None or now is None:
        return (
            f"revision {was.number}" if was else "no card",
            f"revision {now.number}" if now else "no card",
        )
    if was.digest == now.digest:
        return "the same text", "the same text"
    differ = [
        SECTIONS[name].title if name in SECTIONS else name
        for name in sorted({*was.sections, *now.sections})
        if was.sections.get(name) != now.sections.get(name)
    ]
    return (
        f"revision {was.number}",
        f"revision {now.number}: {_some(differ)} {'differ' if len(differ) > 1 else 'differs'}",
    )
