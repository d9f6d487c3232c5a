"""Parsing a policy: YAML to a PolicyDocument, with errors that name the line and the mend.

There is no expression language on purpose: a rule is a path, an end of an interval, an operator and a limit, so
that it can be read as one sentence and a missing measure can never satisfy it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from countersign.canonical import canonical
from countersign.errors import Invalid
from governance.cards.sections import SECTIONS
from governance.evaluation.measures import catalogue
from governance.evaluation.suites import SUITES
from governance.policies.clauses import CLAUSES
from governance.policies.document import PolicyDocument, RequiredSignOff, Rule
from governance.policies.models import PolicyRevision
from governance.policies.yaml_lines import Path as YamlPath
from governance.policies.yaml_lines import YamlProblem, read

__all__ = ["PolicyDocument", "RequiredSignOff", "Rule", "canonical_form", "document_of", "parse"]

_SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8")))
_ENOUGH = frozenset({">=", "<=", ">", "<"})
# What a path may point at beside measures: path → the operators that make sense of it.
FACTS: dict[str, frozenset[str]] = {
    "evaluation.age_days": _ENOUGH,
    "scan.verdict": frozenset({"in"}),
    "circumstances.isolation_level": _ENOUGH,
    "version.flavour": frozenset({"in"}),
    "lineage.run": frozenset({"recorded"}),
    "lineage.commit": frozenset({"recorded"}),
    "lineage.clean_commit": frozenset({"recorded"}),
    "lineage.data": frozenset({"recorded"}),
}
SIGNING_ROLE = {
    "authorship": {"owner"},
    "validation": {"reviewer"},
    "approval": {"approver"},
    "compliance review": {"compliance"},
}


def parse(text: str) -> PolicyDocument:
    """The policy a YAML text states. Raises Invalid (code `policy_invalid`) whose field `text` lists every error as
    “line N: …”."""
    try:
        value, lines = read(text)
    except YamlProblem as problem:
        raise _invalid([(problem.line, problem.message)]) from problem
    problems = [
        (_line(lines, tuple(error.absolute_path)), _schema_sentence(error))
        for error in _SCHEMA.iter_errors(_for_schema(value))
    ]
    if not problems:
        problems = _meaning_problems(value, lines)
    if problems:
        raise _invalid(sorted(problems))
    return _document(value, lines)


def canonical_form(text: str) -> Any:
    """What a policy's digest is of: the parsed value of a text that was accepted, decimals as text."""
    return _ledger_form(read(text)[0])


def document_of(revision: PolicyRevision) -> PolicyDocument:
    """The parsed document of a revision that was accepted once."""
    return _parsed(revision.text)


@lru_cache(maxsize=64)
def _parsed(text: str) -> PolicyDocument:
    return parse(text)


def _invalid(problems: list[tuple[int, str]]) -> Invalid:
    sentences = [f"line {line}: {message}" for line, message in problems]
    return Invalid("The policy was not saved.", code="policy_invalid", fields={"text": sentences})


def _line(lines: dict[YamlPath, tuple[int, int]], path: YamlPath) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, (1, 1))[0]


def _for_schema(value: Any) -> Any:
    """The same value with decimals as floats, which JSON Schema knows; limits are read from the original."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _for_schema(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_for_schema(inner) for inner in value]
    return value


def _schema_sentence(error: Any) -> str:
    name = str(error.absolute_path[-1]) if error.absolute_path else "the policy"
    match error.validator:
        case "required":
            missing = error.message.split("'")[1]
            return f"“{missing}” is missing here."
        case "additionalProperties":
            unknown = error.message.split("'")[1]
            return f"“{unknown}” is not a key this place knows. Known: {', '.join(error.schema['properties'])}."
        case "enum":
            allowed = ", ".join(str(word) for word in error.validator_value)
            return f"“{error.instance}” is not allowed for “{name}”. Choose one of: {allowed}."
        case "type":
            return f"“{name}” must be a {error.validator_value}, not {type(error.instance).__name__}."
        case "pattern":
            return f"“{error.instance}” does not fit “{name}” (pattern {error.validator_value})."
    return f"“{name}”: {error.message}."


def _meaning_problems(value: dict[str, Any], lines: dict[YamlPath, tuple[int, int]]) -> list[tuple[int, str]]:
    problems: list[tuple[int, str]] = []
    if value["suite"] not in SUITES:
        problems.append((_line(lines, ("suite",)), f"There is no suite “{value['suite']}”. Known: {', '.join(SUITES)}."))
    for number, section in enumerate(value.get("card_sections", [])):
        if section not in SECTIONS:
            problems.append(
                (
                    _line(lines, ("card_sections", number)),
                    f"There is no card section “{section}”. Known: {', '.join(SECTIONS)}.",
                )
            )
    keys: set[str] = set()
    slots: set[tuple[str, str]] = set()
    for number, sign_off in enumerate(value["sign_offs"]):
        at = _line(lines, ("sign_offs", number))
        if sign_off["key"] in keys:
            problems.append((at, f"The sign-off “{sign_off['key']}” stands here twice."))
        keys.add(sign_off["key"])
        slot = (sign_off["meaning"], sign_off["role"])
        if slot in slots:
            problems.append((at, f"Two sign-offs ask a {slot[1]} for {slot[0]}; they could not be told apart."))
        slots.add(slot)
        if sign_off["role"] not in SIGNING_ROLE[sign_off["meaning"]]:
            able = " or ".join(sorted(SIGNING_ROLE[sign_off["meaning"]]))
            problems.append(
                (at, f"Nobody could sign this: {sign_off['meaning']} is signed by the role {able}, not {sign_off['role']}.")
            )
        elif sign_off["role"] == "owner" and sign_off.get("independent"):
            problems.append((at, "Nobody could sign this: an owner is never independent of the owning team."))
    ids: set[str] = set()
    for number, rule in enumerate(value["rules"]):
        at = _line(lines, ("rules", number))
        if rule["id"] in ids:
            problems.append((at, f"The rule “{rule['id']}” stands here twice."))
        ids.add(rule["id"])
        problems += [(_line(lines, ("rules", number, key)), message) for key, message in _rule_problems(rule)]
    return problems


def _rule_problems(rule: dict[str, Any]) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    path, op, limit = rule["path"], rule["op"], rule.get("limit")
    each = rule.get("each")
    known = _known_paths(each, rule.get("compare_to"))
    if path not in known:
        problems.append(("path", f"“{path}” is not measured{_where(each)}. Known: {', '.join(sorted(known))}."))
    elif op not in known[path]:
        problems.append(("op", f"“{op}” makes no sense of “{path}”. Use one of: {', '.join(sorted(known[path]))}."))
    if op == "in":
        if not isinstance(limit, list) or not limit or not all(isinstance(word, str) for word in limit):
            problems.append(("limit", "The operator “in” needs a list of words as its limit, such as [clean]."))
    elif op == "recorded":
        if limit is not None:
            problems.append(("limit", "The operator “recorded” takes no limit."))
    elif not isinstance(limit, int | Decimal) or isinstance(limit, bool):
        problems.append(("limit", "The limit must be a number, such as 0.80."))
    if rule.get("compare_to") and rule.get("bound", "diff_ci_low") == "ci_low":
        problems.append(("bound", "A comparison is judged on its difference: use diff_ci_low or value."))
    for clause in rule.get("serves", []):
        if clause not in CLAUSES:
            problems.append(("serves", f"There is no clause “{clause}” in the register."))
    return problems


def _where(each: str | None) -> str:
    return f" for each of {each}" if each else ""


def _known_paths(each: str | None, compare_to: str | None) -> dict[str, frozenset[str]]:
    """Paths a rule may name where it stands, with the operators that fit."""
    if each and each.startswith("fairness"):
        return dict.fromkeys(catalogue.FAIRNESS_RULES, _ENOUGH)
    if each:
        return {f"metrics.{name}": _ENOUGH for name in catalogue.GROUP_METRICS}
    if compare_to:
        return {f"comparison.diffs.{name}": _ENOUGH for name in catalogue.METRICS}
    return {f"metrics.{name}": _ENOUGH for name in catalogue.METRICS} | FACTS


def _document(value: dict[str, Any], lines: dict[YamlPath, tuple[int, int]]) -> PolicyDocument:
    rules = tuple(
        Rule(
            id=rule["id"],
            title=rule["title"],
            path=rule["path"],
            op=rule["op"],
            limit=_limit(rule.get("limit")),
            bound=rule.get("bound", "diff_ci_low" if rule.get("compare_to") else "value"),
            min_n=rule.get("min_n", 0),
            each=rule.get("each"),
            compare_to=rule.get("compare_to"),
            on_missing=rule.get("on_missing", "fail"),
            on_insufficient=rule.get("on_insufficient", "note"),
            severity=rule.get("severity", "block"),
            serves=tuple(rule.get("serves", [])),
            why=rule["why"],
            lines=lines[("rules", number)],
        )
        for number, rule in enumerate(value["rules"])
    )
    return PolicyDocument(
        name=value["policy"],
        risk_tier=value["risk_tier"],
        environment=value["environment"],
        suite=value["suite"],
        rules=rules,
        card_sections=tuple(value.get("card_sections", [])),
        sign_offs=tuple(
            RequiredSignOff(s["key"], s["title"], s["meaning"], s["role"], s.get("independent", False))
            for s in value["sign_offs"]
        ),
        approval_valid_days=value["approval_valid_days"],
        evaluation_max_age_days=value.get("evaluation_max_age_days"),
        digest=sha256(canonical(_ledger_form(value))).hexdigest(),
    )


def _limit(value: Any) -> Decimal | tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else Decimal(value)


def _ledger_form(value: Any) -> Any:
    """The parsed value in the closed set of the canonical encoder: decimals as text without trailing zeros."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict):
        return {key: _ledger_form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_ledger_form(inner) for inner in value]
    return value
