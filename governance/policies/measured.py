"""Judging rules that read one estimate: a measure of the whole data, a difference to the champion, or anything else
the evidence holds at a path. What is undefined, missing or rests on too few rows never passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from countersign.web.formats import plural, thousands
from governance.comparisons.rivals import Beside
from governance.evaluation.measures.catalogue import EVIDENCE, METRICS, SECTIONS, Unit
from governance.policies.document import Rule
from governance.policies.requirements import Outcome, State, exact, exact_text, holds, plainly, shown
from governance.policies.sentences import OPERATORS, inside, limit_text, words_of

_ENDS = {"low": "lower", "high": "upper"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One estimate held against the rule. `end` is the number the limit is compared with, None where
    undefined."""

    estimate: Mapping[str, Any]
    state: State
    end: Decimal | None
    says: str

    def looked_at(self, rule: Rule) -> dict[str, Any]:
        """The numbers and the demand, as the gate's answer keeps them."""
        low, high = ("diff_ci_low", "diff_ci_high") if rule.compare_to else ("ci_low", "ci_high")
        return {
            "value": exact_text(self.estimate.get("value")),
            low: exact_text(self.estimate.get(low)),
            high: exact_text(self.estimate.get(high)),
            "n": rows_of(self.estimate),
            "bound": rule.bound,
            "op": rule.op,
            "limit": f"{rule.limit:f}" if isinstance(rule.limit, Decimal) else None,
        }


def rows_of(estimate: Mapping[str, Any]) -> int:
    """The rows an estimate rests on; 0 where it does not say."""
    n = estimate.get("n")
    return n if isinstance(n, int) else 0


def read(rule: Rule, label: str, estimate: Mapping[str, Any], *, rows: int | None = None) -> Reading:
    """Hold an estimate against the rule; `rows` are those that count against `min_n` where they are not its
    own."""
    n = rows_of(estimate)
    if rule.min_n and (n if rows is None else rows) < rule.min_n:
        counted = plural(n if rows is None else rows, "row")
        says = f"{label} rests on {counted}; at least {thousands(rule.min_n)} are needed."
        return Reading(estimate, "insufficient", None, says)
    value, end = exact(estimate.get("value")), exact(estimate.get(rule.bound))
    if value is None:
        why = str(estimate.get("undefined") or "It has no value in the evidence.")
        return Reading(estimate, "not_measured", None, f"{label} is not defined. {why}")
    if end is None:
        method = estimate.get("method", "none was made")
        says = f"{label} is {plainly(value)} and has no 95 % interval ({method})."
        return Reading(estimate, "not_measured", None, says)
    met = holds(end, rule)
    if rule.bound == "value":
        counted_whole = rule.measure is not None and rule.measure.unit is Unit.COUNT
        says = f"{label} is {shown(value, rule, places=0 if counted_whole else 3)}"
    else:
        side = _ENDS[rule.bound.rsplit("_", 1)[-1]]
        says = f"{label} is {plainly(value)}; the {side} end of its 95 % interval is {shown(end, rule)}"
    demand = f"{OPERATORS[rule.op]} {limit_text(rule)}"
    says += f" ({demand} is required)" if met else f" and must be {demand}"
    if n:
        says += f", on {plural(n, 'row')}"
    return Reading(estimate, "met" if met else "not_met", end, f"{says}.")


def of_whole(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A measure of all rows: `metrics.roc_auc`."""
    name = rule.path.removeprefix("metrics.")
    return _of_one(rule, METRICS[name].label, results.get("metrics", {}).get(name), results)


def of_evidence(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """An estimate at any other path: `leakage.row_overlap`. Where the evidence calls its section inconclusive, the
    number decides nothing."""
    section, _, name = rule.path.rpartition(".")
    holder = results.get(section) if section else results
    found = holder.get(name) if isinstance(holder, Mapping) else None
    label = EVIDENCE[rule.path].label
    inconclusive = holder.get("inconclusive") if section and isinstance(holder, Mapping) else None
    if rule.path == "leakage.row_overlap" and inconclusive:
        why = inconclusive if isinstance(inconclusive, str) else "Rows repeat too often by chance alone."
        return Outcome.missing(f"{label} is inconclusive. {why}")
    outcome = _of_one(rule, label, found if isinstance(found, Mapping) else None, results)
    if outcome.state == "not_met" and (detail := _in_particular(rule.path, results)):
        return replace(outcome, message=f"{outcome.message} {detail}")
    return outcome


def of_comparison(rule: Rule, beside: Beside) -> Outcome:
    """A difference to the champion, or to the declared baseline: `comparison.diffs.roc_auc`. Without either it does
    not apply; without a comparison of the evidence that counts it is not measured."""
    looked_at = beside.looked_at
    if beside.comparison is None:
        return Outcome(beside.state, beside.why, looked_at)
    name = rule.path.removeprefix("comparison.diffs.")
    label = f"The difference in {METRICS[name].label} to {beside.whom}"
    estimate = beside.comparison.differences["diffs"].get(name)
    if estimate is None:
        return Outcome.missing(f"{label} was not measured: it has no paired difference.", looked_at)
    reading = read(rule, label, estimate)
    return Outcome(reading.state, reading.says, looked_at | reading.looked_at(rule))


def _of_one(
    rule: Rule, label: str, estimate: Mapping[str, Any] | None, results: Mapping[str, Any]
) -> Outcome:
    if estimate is None:
        return Outcome.missing(f"{label} was not measured: {why_missing(rule, results)}")
    reading = read(rule, label, estimate)
    return Outcome(reading.state, reading.says, reading.looked_at(rule))


def why_missing(rule: Rule, results: Mapping[str, Any]) -> str:
    """Why the evidence does not hold what the rule reads: the reasons it gives itself, else that its suite does not
    report it. Sentences, for after a colon."""
    names = {rule.path, rule.over or rule.path.partition(".")[0]}
    names |= {SECTIONS[name] for name in names if name in SECTIONS}
    if rule.path in EVIDENCE:
        names.add(EVIDENCE[rule.path].label)
    given = (one for one in results.get("not_measured", []) if _about(str(one.get("what", "")), names))
    why = " ".join(dict.fromkeys(str(one["why"]) for one in given if one.get("why")))
    return why or "the evaluation's suite does not report it."


def _about(what: str, names: set[str]) -> bool:
    """Whether a section that was not measured is one of these, or a part of one: “Flip test: sex”."""
    return what in names or what.partition(":")[0] in names


def _in_particular(path: str, results: Mapping[str, Any]) -> str:
    """What the number is about in this evidence: the feature, the disturbance, the defects. A sentence, or nothing."""
    match path:
        case "leakage.single_feature":
            features = results["leakage"].get("features") or []
            return f"It is “{features[0]['feature']}”." if features else ""
        case "robustness.largest_drop":
            worst = results["robustness"].get("largest_drop_in")
            return f"The worst: {inside(worst)}." if worst else ""
        case "data_quality.blockers":
            found = results["data_quality"].get("findings", [])
            return " ".join(one["sentence"] for one in found if one.get("severity") == "blocker")
        case "flip_rate":
            rates = [
                (one["rate"]["value"], one["attribute"])
                for one in results.get("flip", [])
                if one.get("rate", {}).get("value")
            ]
            return f"It is {words_of(max(rates)[1])}." if rates else ""
    return ""
