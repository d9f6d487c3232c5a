"""Judging rules that read measures: of the whole data, of each group, of the distance between groups, and
against the champion. What is undefined, missing or rests on too few rows never passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countersign.web.formats import plural, thousands
from governance.evaluation.measures.catalogue import (
    AGAINST_EACH,
    FAIRNESS_RULES,
    METRICS,
    MIN_POSITIVES,
    MIN_ROWS,
    Task,
)
from governance.policies.document import Rule
from governance.policies.requirements import Outcome, State, exact, exact_text, holds, plainly, shown
from governance.policies.sentences import OPERATORS, attribute_of, inside, limit_text, words_of

_ENDS = {"low": "lower", "high": "upper"}
SHOWN_GROUPS = 20
"""Groups listed in `looked_at`, worst first."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One estimate held against the rule. `end` is the number the limit is compared with, None where
    undefined."""

    estimate: Mapping[str, Any]
    state: State
    end: Decimal | None
    says: str

    def looked_at(self, rule: Rule) -> dict[str, Any]:
        low, high = ("diff_ci_low", "diff_ci_high") if rule.compare_to else ("ci_low", "ci_high")
        return {
            "value": exact_text(self.estimate.get("value")),
            low: exact_text(self.estimate.get(low)),
            high: exact_text(self.estimate.get(high)),
            "n": _rows(self.estimate),
            "bound": rule.bound,
            "op": rule.op,
            "limit": f"{rule.limit:f}" if isinstance(rule.limit, Decimal) else None,
        }


def _rows(estimate: Mapping[str, Any]) -> int:
    n = estimate.get("n")
    return n if isinstance(n, int) else 0


def _read(rule: Rule, label: str, estimate: Mapping[str, Any], *, rows: int | None = None) -> _Reading:
    """Hold an estimate against the rule; `rows` are those that count against `min_n` where they are not its
    own."""
    n = _rows(estimate)
    if rule.min_n and (n if rows is None else rows) < rule.min_n:
        counted = plural(n if rows is None else rows, "row")
        says = f"{label} rests on {counted}; at least {thousands(rule.min_n)} are needed."
        return _Reading(estimate, "insufficient", None, says)
    value, end = exact(estimate.get("value")), exact(estimate.get(rule.bound))
    if value is None:
        why = str(estimate.get("undefined") or "It has no value in the evidence.")
        return _Reading(estimate, "not_measured", None, f"{label} is not defined. {why}")
    if end is None:
        method = estimate.get("method", "none was made")
        says = f"{label} is {plainly(value)} and has no 95 % interval ({method})."
        return _Reading(estimate, "not_measured", None, says)
    met = holds(end, rule)
    if rule.bound == "value":
        says = f"{label} is {shown(value, rule)}"
    else:
        side = _ENDS[rule.bound.rsplit("_", 1)[-1]]
        says = f"{label} is {plainly(value)}; the {side} end of its 95 % interval is {shown(end, rule)}"
    demand = f"{OPERATORS[rule.op]} {limit_text(rule)}"
    says += f" ({demand} is required)" if met else f" and must be {demand}"
    return _Reading(estimate, "met" if met else "not_met", end, f"{says}, on {plural(n, 'row')}.")


def of_whole(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A measure of all rows: `metrics.roc_auc`."""
    label = METRICS[rule.path.removeprefix("metrics.")].label
    return _of_one(rule, label, results.get("metrics", {}).get(rule.path.removeprefix("metrics.")))


def of_comparison(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A difference to the champion: `comparison.diffs.roc_auc`. Without a champion it does not apply."""
    comparison = results.get("comparison")
    if not comparison:
        return Outcome(
            "not_applicable", "No champion was measured beside this version, so nothing is compared."
        )
    name = rule.path.removeprefix("comparison.diffs.")
    return _of_one(
        rule, f"The difference in {METRICS[name].label} to the champion", comparison["diffs"].get(name)
    )


def _of_one(rule: Rule, label: str, estimate: Mapping[str, Any] | None) -> Outcome:
    if estimate is None:
        return Outcome.missing(f"{label} was not measured: the evaluation's suite does not report it.")
    reading = _read(rule, label, estimate)
    return Outcome(reading.state, reading.says, reading.looked_at(rule))


@dataclass(frozen=True, slots=True)
class _Group:
    """A group, or an attribute as a whole (`group` empty), and how it reads. `small`: too few rows to
    judge."""

    attribute: str
    group: str
    against: str
    n: int
    reading: _Reading | None

    @property
    def small(self) -> bool:
        return self.reading is None or self.reading.state == "insufficient"

    @property
    def name(self) -> str:
        return f"{words_of(self.attribute)} “{self.group}”" if self.group else words_of(self.attribute)


def of_groups(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A measure in every group: `each: groups`."""
    name = rule.path.removeprefix("metrics.")
    groups = []
    for entry in _of_attribute(rule, results.get("groups", [])):
        group = _Group(entry["attribute"], entry["group"], "", entry["n"], None)
        if entry["sufficient"]:
            estimate = entry["metrics"].get(name, {})
            label = f"{_capital(group.name)}: {METRICS[name].label}"
            group = _with(group, _read(rule, label, estimate, rows=entry["n"]))
        groups.append(group)
    return _of_many(rule, results, groups)


def of_fairness(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """The distance between groups: `each: fairness`. A ratio is read of every group against its reference (of
    an error: all other rows), the others of each attribute as a whole."""
    groups: list[_Group] = []
    for entry in _of_attribute(rule, results.get("fairness", [])):
        compared = [group for group in entry["groups"] if group["status"] != "insufficient"]
        small = [
            _Group(entry["attribute"], group["group"], entry["reference"] or "", group["n"], None)
            for group in entry["groups"]
            if group["status"] == "insufficient"
        ]
        if rule.path in AGAINST_EACH:
            groups += [_ratio(rule, entry, group) for group in compared if group["status"] == "measured"]
        elif len(compared) > 1:
            groups.append(_gap(rule, entry, compared, results))
        if len(compared) < 2 and not small:
            reading = _Reading(
                {}, "not_measured", None, f"{_capital(words_of(entry['attribute']))} has one group only."
            )
            groups.append(_Group(entry["attribute"], "", "", sum(g["n"] for g in compared), reading))
        groups += small
    return _of_many(rule, results, groups)


def _ratio(rule: Rule, entry: Mapping[str, Any], group: Mapping[str, Any]) -> _Group:
    found = _Group(entry["attribute"], group["group"], entry["reference"] or "", group["n"], None)
    against = f"“{entry['reference']}”" if entry["reference"] else "all other rows"
    label = f"{_capital(found.name)} against {against}: the {_label(rule)}"
    return _with(found, _read(rule, label, group[rule.path], rows=group["n"]))


def _gap(
    rule: Rule, entry: Mapping[str, Any], compared: list[Mapping[str, Any]], results: Mapping[str, Any]
) -> _Group:
    attribute = entry["attribute"]
    label = f"{_capital(words_of(attribute))}: the {_label(rule)}"
    if rule.path == "true_positive_rate_gap" and (ends := _extremes(attribute, results)):
        label += f" between “{ends[0]}” and “{ends[1]}”"
    smallest = min(group["n"] for group in compared)
    reading = _read(rule, label, entry[rule.path], rows=smallest)
    return _Group(attribute, "", "", _rows(entry[rule.path]), reading)


def _extremes(attribute: str, results: Mapping[str, Any]) -> tuple[str, str] | None:
    """The groups with the highest and the lowest true-positive rate."""
    rates = [
        (rate, entry["group"])
        for entry in results.get("groups", [])
        if entry["attribute"] == attribute and entry["sufficient"]
        if (rate := exact(entry["metrics"].get("recall", {}).get("value"))) is not None
    ]
    return (max(rates)[1], min(rates)[1]) if len(rates) > 1 else None


def _of_attribute(rule: Rule, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    attribute = attribute_of(rule)
    return [entry for entry in entries if attribute is None or entry["attribute"] == attribute]


def _with(group: _Group, reading: _Reading) -> _Group:
    return _Group(group.attribute, group.group, group.against, group.n, reading)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _label(rule: Rule) -> str:
    return inside(FAIRNESS_RULES[rule.path].label)


_WORST_FIRST: dict[State, int] = {"not_met": 0, "not_measured": 1, "met": 2, "insufficient": 3}


def _of_many(rule: Rule, results: Mapping[str, Any], groups: list[_Group]) -> Outcome:
    """One outcome for all groups: the worst decides and is shown, the small ones are named."""
    if not groups:
        attribute = attribute_of(rule)
        data = results.get("dataset", {})
        what = f"no sensitive attribute “{attribute}”" if attribute else "no sensitive attribute"
        name = f"{data.get('name', 'The data')} {data.get('number', '')}".strip()
        return Outcome.missing(f"{name} declares {what}, so no groups were compared.")
    towards: Callable[[Decimal], Decimal] = (
        (lambda end: end) if rule.op in (">=", ">") else (lambda end: -end)
    )

    def place(group: _Group) -> tuple[int, Decimal]:
        reading = group.reading
        if group.small or reading is None:
            return _WORST_FIRST["insufficient"], Decimal(group.n)
        return _WORST_FIRST[reading.state], towards(reading.end) if reading.end is not None else Decimal(0)

    ordered = sorted(groups, key=place)
    looked_at = _looked_at(rule, ordered)
    judged = [group for group in ordered if not group.small]
    small = [group for group in ordered if group.small]
    parts = []
    if judged and judged[0].reading is not None:
        parts.append(judged[0].reading.says)
        missed = sum(group.reading is not None and group.reading.state != "met" for group in judged)
        if missed and len(judged) > 1:
            parts.append(f"{thousands(missed)} of {thousands(len(judged))} compared do not meet it.")
    if small:
        parts.append(_small_sentence(rule, small))
    state: State = "insufficient" if small else "met"
    if judged and judged[0].reading is not None and judged[0].reading.state != "met":
        state = judged[0].reading.state
    return Outcome(state, " ".join(parts), looked_at)


def _small_sentence(rule: Rule, small: list[_Group]) -> str:
    named = "; ".join(f"{group.name} ({plural(group.n, 'row')})" for group in small[:3])
    more = f" and {plural(len(small) - 3, 'other')}" if len(small) > 3 else ""
    need = max(MIN_ROWS, rule.min_n)
    needed = f"a group needs {thousands(need)} rows"
    if rule.task is Task.BINARY:
        needed += f" with {MIN_POSITIVES} positives"
    return f"Too small to judge: {named}{more}; {needed}."


def _looked_at(rule: Rule, ordered: list[_Group]) -> dict[str, Any]:
    groups = []
    for group in ordered[:SHOWN_GROUPS]:
        reading = group.reading
        row: dict[str, Any] = {"attribute": group.attribute, "group": group.group, "against": group.against}
        row |= reading.looked_at(rule) if reading else {}
        row |= {"n": group.n, "state": reading.state if reading else "insufficient"}
        groups.append(row)
    return {"path": rule.path, "groups": groups, "more": max(0, len(ordered) - SHOWN_GROUPS)}
