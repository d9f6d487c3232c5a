"""Judging rules that read many estimates of one kind: of every group, crossing or slice, of the distance between
groups, of every disturbance of the inputs. The worst decides; what is too small to judge is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countersign.web.formats import plural, thousands
from governance.evaluation.measures.catalogue import (
    AGAINST_EACH,
    FAIRNESS_RULES,
    MIN_POSITIVES,
    MIN_ROWS,
    Task,
)
from governance.policies.document import Rule
from governance.policies.measured import Reading, read, rows_of, why_missing
from governance.policies.requirements import Outcome, State, exact
from governance.policies.sentences import inside, words_of

SHOWN_GROUPS = 20
"""Groups listed in `looked_at`, worst first."""
SLICE, SCENARIO = "slice", "scenario"
"""What stands for the attribute of a slice of several columns, and of a disturbance of the inputs."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A group, or an attribute as a whole (`group` empty), and how it reads. `small`: too few rows to
    judge."""

    attribute: str
    group: str
    against: str
    n: int
    reading: Reading | None

    @property
    def small(self) -> bool:
        return self.reading is None or self.reading.state == "insufficient"

    @property
    def name(self) -> str:
        return f"{words_of(self.attribute)} “{self.group}”" if self.group else words_of(self.attribute)


def of_each(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """What a rule with `each` finds, whatever it is of."""
    match rule.over:
        case "fairness":
            return _of_fairness(rule, results)
        case "robustness":
            return _of_robustness(rule, results)
        case "slices":
            return _of_slices(rule, results)
    return _of_groups(rule, results)


def _of_groups(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A measure in every group, or in every crossing of attributes: entries of one form."""
    if rule.over == "crossings" and (nothing := _nothing_crosses(rule, results)):
        return nothing
    groups = []
    for entry in _of_attribute(rule, results.get(rule.over, [])):
        group = _Group(entry["attribute"], entry["group"], "", entry["n"], None)
        groups.append(_measured(rule, group, entry))
    return _of_many(rule, results, groups)


def _nothing_crosses(rule: Rule, results: Mapping[str, Any]) -> Outcome | None:
    """What follows where there are no crossings: with one attribute there can be none, with more they may be too small
    or not measured. A rule on one crossing asks for that crossing."""
    declared = results.get("dataset", {}).get("sensitive_attributes", [])
    if len(declared) < 2 and not rule.within and not results.get("crossings"):
        said = f"{_data(results)} declares {plural(len(declared), 'sensitive attribute')}, so no two of them cross."
        return Outcome("not_applicable", said)
    if "crossings" not in results:
        return Outcome.missing(f"Crossings were not measured: {why_missing(rule, results)}")
    if not results["crossings"] and not rule.within:
        return Outcome(
            "insufficient", "No crossing of two sensitive attributes has enough rows to be judged."
        )
    return None


def _data(results: Mapping[str, Any]) -> str:
    data = results.get("dataset", {})
    return f"{data.get('name', 'The data')} {data.get('number', '')}".strip()


def _of_slices(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """A measure in every slice that the search found worst."""
    if not isinstance(results.get("slices"), Mapping):
        return Outcome.missing(f"Slices were not searched: {why_missing(rule, results)}")
    groups = []
    for entry in results["slices"].get("worst", []):
        where = ", ".join(f"{words_of(str(one['column']))} {one['value']}" for one in entry["where"])
        groups.append(_measured(rule, _Group(SLICE, where, "", entry["n"], None), entry))
    if not groups:
        return _no_worse_slice(results["slices"])
    return _of_many(rule, results, groups)


def _no_worse_slice(found: Mapping[str, Any]) -> Outcome:
    """The search lists only what is worse than the rest; of nothing searched it says nothing."""
    if scanned := found.get("scanned"):
        says = f"None of {plural(scanned, 'slice')} searched is worse than the other rows."
        return Outcome("met", says, {"scanned": scanned})
    return Outcome.missing("No slice has enough rows to be searched.")


def _measured(rule: Rule, group: _Group, entry: Mapping[str, Any]) -> _Group:
    """The group with what the rule reads of it, where it has enough rows."""
    if not entry["sufficient"]:
        return group
    name = rule.path.removeprefix("metrics.")
    label = f"{_capital(group.name)}: {rule.measure.label if rule.measure else name}"
    return _with(group, read(rule, label, entry["metrics"].get(name, {}), rows=entry["n"]))


def _of_robustness(rule: Rule, results: Mapping[str, Any]) -> Outcome:
    """What every disturbance of the inputs costs. One that the model could not answer is not measured."""
    if not isinstance(results.get("robustness"), Mapping):
        return Outcome.missing(f"Robustness was not measured: {why_missing(rule, results)}")
    groups = []
    for scenario in results["robustness"].get("scenarios", []):
        if rule.within in (None, scenario["name"]):
            group = _Group(SCENARIO, scenario["title"], "", scenario.get("rows", 0), None)
            label = f"{_capital(group.name)}: the drop"
            estimate = scenario.get("drop") or {}
            if (failed := scenario.get("failed")) and estimate.get("value") is None:
                reading = Reading(estimate, "not_measured", None, f"{label} is not measured. {failed}")
            else:
                reading = read(rule, label, estimate, rows=group.n)
            groups.append(_with(group, reading))
    if not groups:
        which = f"no disturbance “{rule.within}”" if rule.within else "no disturbance"
        return Outcome.missing(f"The evaluation tried {which}.")
    return _of_many(rule, results, groups)


def _of_fairness(rule: Rule, results: Mapping[str, Any]) -> Outcome:
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
            reading = Reading(
                {}, "not_measured", None, f"{_capital(words_of(entry['attribute']))} has one group only."
            )
            groups.append(_Group(entry["attribute"], "", "", sum(g["n"] for g in compared), reading))
        groups += small
    return _of_many(rule, results, groups)


def _ratio(rule: Rule, entry: Mapping[str, Any], group: Mapping[str, Any]) -> _Group:
    found = _Group(entry["attribute"], group["group"], entry["reference"] or "", group["n"], None)
    against = f"“{entry['reference']}”" if entry["reference"] else "all other rows"
    label = f"{_capital(found.name)} against {against}: the {_label(rule)}"
    return _with(found, read(rule, label, group[rule.path], rows=group["n"]))


def _gap(
    rule: Rule, entry: Mapping[str, Any], compared: list[Mapping[str, Any]], results: Mapping[str, Any]
) -> _Group:
    attribute = entry["attribute"]
    label = f"{_capital(words_of(attribute))}: the {_label(rule)}"
    if rule.path == "true_positive_rate_gap" and (ends := _extremes(attribute, results)):
        label += f" between “{ends[0]}” and “{ends[1]}”"
    smallest = min(group["n"] for group in compared)
    estimate = entry.get(rule.path, {})  # evidence from before there was this measure lacks it
    reading = read(rule, label, estimate, rows=smallest)
    return _Group(attribute, "", "", rows_of(estimate), reading)


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
    return [entry for entry in entries if rule.within in (None, entry["attribute"])]


def _with(group: _Group, reading: Reading) -> _Group:
    return _Group(group.attribute, group.group, group.against, group.n, reading)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _label(rule: Rule) -> str:
    return inside(FAIRNESS_RULES[rule.path].label)


_WORST_FIRST: dict[State, int] = {"not_met": 0, "not_measured": 1, "met": 2, "insufficient": 3}


def _of_many(rule: Rule, results: Mapping[str, Any], groups: list[_Group]) -> Outcome:
    """One outcome for all groups: the worst decides and is shown, the small ones are named."""
    if not groups:
        return Outcome.missing(_nobody(rule, results))
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


def _nobody(rule: Rule, results: Mapping[str, Any]) -> str:
    """Why there is no group to judge."""
    name = _data(results)
    if rule.over == "crossings":
        return (
            f"Of the sensitive attributes of {name}, “{rule.within}” is no crossing, so it was not measured."
        )
    what = f"no sensitive attribute “{rule.within}”" if rule.within else "no sensitive attribute"
    return f"{name} declares {what}, so no groups were compared."


def _small_sentence(rule: Rule, small: list[_Group]) -> str:
    named = "; ".join(f"{group.name} ({plural(group.n, 'row')})" for group in small[:3])
    more = f" and {plural(len(small) - 3, 'other')}" if len(small) > 3 else ""
    need = max(MIN_ROWS, rule.min_n)
    needed = f"a group needs {thousands(need)} rows"
    if rule.tasks == {Task.BINARY}:
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
