"""What can be wrong with a policy that is well-formed YAML: against the schema first, then against what the
suites measure, the cards hold and the roles may sign. Each problem names its line and the mend."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from countersign.web.formats import plural
from governance.cards.sections import SECTIONS
from governance.evaluation.measures import catalogue
from governance.evaluation.suites import SUITES
from governance.policies.bounds import contradictions, limit_problem
from governance.policies.clauses import CLAUSES
from governance.policies.document import OF_GROUPS, REPORTS
from governance.policies.yaml_lines import Lines
from governance.policies.yaml_lines import Path as YamlPath
from governance.reports.models import Trust
from registry.versions.flavours import Flavour
from registry.versions.tasks import Task

_SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
)
_ORDER = frozenset({">=", "<=", ">", "<"})
_DIFFERENCE_BOUNDS = ("value", "diff_ci_low", "diff_ci_high")
_BOUNDS = ("value", "ci_low", "ci_high")

#: What a path may point at beside measures: path → the operators that make sense of it.
FACTS: dict[str, frozenset[str]] = {
    "evaluation.age_days": _ORDER,
    "scan.verdict": frozenset({"in"}),
    "reproduction.verdict": frozenset({"in"}),
    "source": frozenset({"in"}),
    "circumstances.isolation_level": _ORDER,
    "version.flavour": frozenset({"in"}),
    "lineage.run": frozenset({"recorded"}),
    "lineage.commit": frozenset({"recorded"}),
    "lineage.clean_commit": frozenset({"recorded"}),
    "lineage.data": frozenset({"recorded"}),
    "reports.in-toto": frozenset({"in", "recorded"}),
    "reports.junit": frozenset({"in", "recorded"}),
    "reports.lm-evaluation-harness": frozenset({"recorded"}),
}
#: The words a fact may be, so that a slip of the pen is found here and not at the gate.
WORDS: dict[str, tuple[str, ...]] = {
    "scan.verdict": ("clean", "unlisted_names"),
    "reproduction.verdict": ("identical", "equivalent", "different"),
    "source": ("computed", "reported"),
    "reports.in-toto": ("passed", "warned", "failed"),
    "reports.junit": ("passed", "failed"),
    "version.flavour": tuple(flavour.value for flavour in Flavour if flavour is not Flavour.UNKNOWN),
}
#: Reports of this kind name digests, so only they can be bound to a version's bytes.
BINDING = "reports.in-toto"
SIGNING_ROLE = {
    "authorship": "owner",
    "validation": "reviewer",
    "approval": "approver",
    "compliance review": "compliance",
}
#: Ids of the requirements that follow from a policy without being rules of it.
BUILT_IN = ("evaluation", "evaluation-age", "card")

_TYPES: dict[str | tuple[str, ...], str] = {
    "object": "a mapping (key: value)",
    "array": "a list",
    ("string", "array"): "text, or a list of texts",
    "string": "text (put it in quotes)",
    "integer": "a whole number",
    "boolean": "true or false",
}
_PATTERNS = {
    "key": "write small letters, digits and hyphens, a letter first, at most 60 characters",
    "each": "write groups, crossings, fairness, slices or robustness, or one attribute or scenario of them, such as "
    "fairness[attribute=sex]",
}

Problems = Iterator[tuple[int, str]]


def problems_of(value: Any, lines: Lines) -> list[tuple[int, str]]:
    """Every problem as (line, sentence), by line. What the policy means is looked at once its form is
    right."""
    found = {*_form_problems(value, lines)}
    return sorted(found or {*_meaning_problems(value, lines)})


def _line(lines: Lines, path: YamlPath) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, (1, 1))[0]


def _form_problems(value: Any, lines: Lines) -> Problems:
    for error in _SCHEMA.iter_errors(_for_schema(value)):
        path: YamlPath = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = ", ".join(error.schema["properties"])
            for key in sorted(set(error.instance) - set(error.schema["properties"])):
                yield (
                    _line(lines, (*path, key)),
                    f"“{key[:60]}” is not a key this place knows. Known: {known}.",
                )
        elif error.validator == "required":
            for key in sorted(set(error.validator_value) - set(error.instance)):
                yield _line(lines, path), f"“{key}” is missing here."
        else:
            yield _line(lines, path), _form_sentence(error, str(path[-1]) if path else "the policy")


def _for_schema(value: Any) -> Any:
    """The same value with decimals as floats, which JSON Schema knows; limits are read from the original."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _for_schema(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_for_schema(inner) for inner in value]
    return value


def _form_sentence(error: Any, name: str) -> str:
    wanted, given = error.validator_value, str(error.instance)[:60]
    match error.validator:
        case "enum":
            return f"“{given}” is not allowed for “{name}”. Choose one of: {', '.join(map(str, wanted))}."
        case "type":
            kind = wanted if isinstance(wanted, str) else tuple(wanted)
            return f"“{name}” must be {_TYPES[kind]}."
        case "pattern":
            return f"“{given}” does not fit “{name}”: {_PATTERNS.get(name, _PATTERNS['key'])}."
        case "minLength" | "maxLength":
            unit = f"at {'least' if error.validator == 'minLength' else 'most'} {wanted} characters"
            return f"“{name}” has {unit}."
        case "minItems" | "maxItems":
            most = "least" if error.validator == "minItems" else "most"
            return f"“{name}” has at {most} {plural(wanted, 'entry', 'entries')}."
        case "minimum" | "maximum":
            return (
                f"“{name}” is at {'least' if error.validator == 'minimum' else 'most'} {wanted}, not {given}."
            )
        case "uniqueItems":
            return f"“{name}” names something twice."
    raise AssertionError(f"the schema uses {error.validator}, which has no sentence")


def _meaning_problems(value: dict[str, Any], lines: Lines) -> Problems:
    yield from _suite_problems(value, lines)
    for number, section in enumerate(value.get("card_sections", [])):
        if section not in SECTIONS:
            yield (
                _line(lines, ("card_sections", number)),
                _unknown("There is no card section", section, SECTIONS),
            )
    yield from _sign_off_problems(value["sign_offs"], lines)
    ids: set[str] = set()
    for number, rule in enumerate(value["rules"]):
        at = _line(lines, ("rules", number))
        if rule["id"] in ids:
            yield at, f"The rule “{rule['id']}” stands here twice."
        if rule["id"] in BUILT_IN:
            yield (
                at,
                f"“{rule['id']}” is the name of a requirement every policy has. Name the rule otherwise.",
            )
        ids.add(rule["id"])
        for key, message in _rule_problems(rule):
            yield _line(lines, ("rules", number, key)), message
    for number, message in contradictions(value["rules"]):
        yield _line(lines, ("rules", number, "limit")), message


def suites_of(value: Mapping[str, Any]) -> list[str]:
    """The suites a policy names: one, or one for each task."""
    named = value["suite"]
    return [named] if isinstance(named, str) else list(named)


def _suite_problems(value: dict[str, Any], lines: Lines) -> Problems:
    tasks: set[Task] = set()
    for name in suites_of(value):
        if name not in SUITES:
            known = ", ".join(SUITES)
            yield _line(lines, ("suite",)), f"There is no suite “{name[:60]}”. Known: {known}."
        elif SUITES[name].task in tasks:
            yield _line(lines, ("suite",)), f"Name one suite for {SUITES[name].task.words}, not two."
        else:
            tasks.add(SUITES[name].task)


def _unknown(begin: str, word: str, known: Any) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.7)
    rest = f"Did you mean “{near[0]}”?" if near else f"Known: {', '.join(sorted(known))}."
    return f"{begin} “{word[:60]}”. {rest}"


def _sign_off_problems(sign_offs: list[dict[str, Any]], lines: Lines) -> Problems:
    keys: set[str] = set()
    slots: set[str] = set()
    for number, sign_off in enumerate(sign_offs):
        at = _line(lines, ("sign_offs", number))
        meaning, role = sign_off["meaning"], sign_off["role"]
        if sign_off["key"] in keys:
            yield at, f"The sign-off “{sign_off['key']}” stands here twice."
        keys.add(sign_off["key"])
        if role != SIGNING_ROLE[meaning]:
            yield (
                at,
                f"Nobody could sign this: {meaning} is for the role {SIGNING_ROLE[meaning]}, not {role}.",
            )
        elif role == "owner" and sign_off.get("independent"):
            yield at, "Nobody could sign this: an owner is never independent of the owning team."
        elif meaning in slots:
            yield at, f"Two sign-offs ask for {meaning}; they could not be told apart."
        slots.add(meaning)


def _rule_problems(rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    path, op, each = rule["path"], rule["op"], rule.get("each")
    if each and rule.get("compare_to"):
        yield "compare_to", "Groups are not compared with the champion. Leave out “each” or “compare_to”."
        return
    known = _known_paths(each, rule.get("compare_to"))
    if path not in known:
        where = f" for each of {each}" if each else ""
        yield "path", _unknown(f"Nothing measures this{where}:", path, known)
    elif op not in known[path]:
        yield "op", f"“{op}” makes no sense of “{path}”. Use one of: {', '.join(sorted(known[path]))}."
    else:
        yield from _limit_problems(path, op, rule.get("limit"))
    if path in FACTS:
        for key in ("bound", "min_n"):
            if key in rule:
                yield key, f"“{path}” is a fact without an interval or rows. Leave out “{key}”."
    else:
        fitting = _DIFFERENCE_BOUNDS if rule.get("compare_to") else _BOUNDS
        if "bound" in rule and rule["bound"] not in fitting:
            yield "bound", f"Here the bound is one of: {', '.join(fitting)}."
    yield from _report_problems(path, rule)
    for clause in rule.get("serves", []):
        if clause not in CLAUSES:
            yield "serves", _unknown("The clause register has no", clause, CLAUSES)


def _report_problems(path: str, rule: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not path.startswith(REPORTS):
        for key in ("trust", "named"):
            if key in rule:
                yield key, f"“{key}” is for rules on reports, such as {BINDING}. Leave it out."
    elif "trust" not in rule:
        yield (
            "path",
            "Say from which trust on a report counts. trust: bound, where it names the version's bytes by digest; "
            "trust: reported, where its reporter's word is enough.",
        )
    elif rule["trust"] == Trust.BOUND and path != BINDING:
        yield (
            "trust",
            f"Nobody could meet this: only {BINDING} names digests, so a report of this kind is never bound. Write "
            "trust: reported.",
        )


def _limit_problems(path: str, op: str, limit: Any) -> Iterator[tuple[str, str]]:
    if op == "recorded":
        if limit is not None:
            yield "limit", "The operator “recorded” takes no limit."
    elif op == "in":
        if not isinstance(limit, list) or not limit or not all(isinstance(word, str) for word in limit):
            yield "limit", "The operator “in” needs a list of words as its limit, such as [clean]."
            return
        for word in limit:
            if path in WORDS and word not in WORDS[path]:
                yield "limit", _unknown(f"“{path}” is never", word, WORDS[path])
    elif isinstance(limit, bool) or not isinstance(limit, int | Decimal):
        yield "limit", "The limit must be a number, such as 0.80."
    elif problem := limit_problem(path, op, Decimal(limit)):
        yield "limit", problem


def _known_paths(each: str | None, compare_to: str | None) -> dict[str, frozenset[str]]:
    """Paths a rule may name where it stands, with the operators that fit."""
    if each and each.startswith("fairness"):
        return dict.fromkeys(catalogue.FAIRNESS_RULES, _ORDER)
    if each and each.startswith("robustness"):
        return {catalogue.DROP.name: _ORDER}
    if each:
        return {f"metrics.{name}": _ORDER for name in OF_GROUPS[each.partition("[")[0]]}
    if compare_to:
        return {f"comparison.diffs.{name}": _ORDER for name in catalogue.METRICS}
    measured = {f"metrics.{name}": _ORDER for name in catalogue.METRICS}
    return measured | dict.fromkeys(catalogue.EVIDENCE, _ORDER) | FACTS
