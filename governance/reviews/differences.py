"""What a version changes against the one that is live: facts, and measures where both were measured on the same
data. Two intervals beside each other say what each is; whether the difference is real is said by the paired difference,
once its job has measured it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from countersign.web.charts import Champion, interval
from governance.cards.models import CardRevision
from governance.comparisons.facts import Fact, facts_between
from governance.comparisons.lines import MeasureLine
from governance.comparisons.queries import comparison_of, evidence_on_same_rows, why_not_beside
from governance.evaluation.measures.catalogue import HEADLINES, METRICS, Measure, of_task
from governance.evaluation.models import Evaluation
from governance.evaluation.queries import latest_evidence
from governance.evaluation.suites import SUITES
from governance.policies.document import PolicyDocument
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Comparison(MeasureLine):
    """One measure of both versions on the same data, with both intervals drawn."""

    drawn: SafeString | None


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

    @property
    def paired(self) -> bool:
        """Whether differences were measured row by row."""
        return any(one.difference for one in self.measures)


def differences(
    *,
    version: ModelVersion,
    live: ModelVersion,
    policy: PolicyDocument,
    evidence: Evaluation | None,
    card: CardRevision | None,
) -> Differences:
    """What the version changes against the live one, with the evidence and card its review rests on."""
    facts = list(facts_between(version, live, card))
    changed = [fact for fact in facts if fact.was != fact.now]
    before = evidence_on_same_rows(evidence, live) if evidence else None
    before = before or latest_evidence(live, policy.suite_for(live))
    measures = []
    if evidence is None:
        not_compared = f"Version {version.number} has no evidence yet."
    elif before is None:
        not_compared = f"Version {live.number}, which is live, has no evidence of this suite."
    else:
        not_compared = why_not_beside(
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


def measures_between(
    evidence: Evaluation, before: Evaluation, policy: PolicyDocument
) -> Iterable[Comparison]:
    """The headline measures and those the policy asks about, of two evaluations on the same rows."""
    now, was = evidence.results_document["metrics"], before.results_document["metrics"]
    paired = comparison_of(evidence, before)
    diffs = paired.differences["diffs"] if paired else {}
    asked = {rule.path.rsplit(".", 1)[-1] for rule in policy.rules if rule.path.startswith("metrics.")}
    task = SUITES[evidence.suite].task
    for name, measure in of_task(METRICS, task).items():
        if name in HEADLINES[task] or name in asked:
            mine, theirs = _measured(now.get(name)), _measured(was.get(name))
            drawn = _drawn(measure, mine, theirs)
            yield Comparison(
                measure, theirs, mine, diffs.get(name), drawn=drawn, margin=policy.margins.get(name)
            )


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
