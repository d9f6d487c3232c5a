"""Parsing a policy: YAML to a PolicyDocument, with errors that name the line and the mend.

There is no expression language on purpose: a rule is a path, an end of an interval, an operator and a
limit, so that it can be read as one sentence and a missing measure can never satisfy it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any

from countersign.canonical import canonical
from countersign.errors import Invalid
from governance.policies.checks import problems_of, suites_of
from governance.policies.document import PolicyDocument, RequiredSignOff, Rule
from governance.policies.models import PolicyRevision
from governance.policies.yaml_lines import Lines, Path, YamlProblem, read

__all__ = [
    "PolicyDocument",
    "RequiredSignOff",
    "Rule",
    "canonical_form",
    "document_of",
    "parse",
    "refused_at",
]

SHOWN_PROBLEMS = 30


@lru_cache(maxsize=64)
def parse(text: str) -> PolicyDocument:
    """The policy a YAML text states, read once a process. Raises Invalid (code `policy_invalid`) whose field `text`
    lists the errors as “line N: …”."""
    try:
        value, lines = read(text)
    except YamlProblem as problem:
        raise _invalid([(problem.line, problem.message)]) from problem
    if problems := problems_of(value, lines):
        raise _invalid(problems)
    return _document(value, lines)


def refused_at(text: str, problems: list[tuple[Path, str]]) -> Invalid:
    """The error for a text that reads well but cannot be kept, with the lines of what is named by path."""
    _, lines = read(text)
    return _invalid([(lines[path][0], sentence) for path, sentence in problems])


def canonical_form(text: str) -> Any:
    """What a policy's digest is of: the parsed value of a text that was accepted, decimals as text."""
    return _ledger_form(read(text)[0])


def document_of(revision: PolicyRevision) -> PolicyDocument:
    """The parsed document of a revision that was accepted once."""
    return parse(revision.text)


def _invalid(problems: list[tuple[int, str]]) -> Invalid:
    sentences = [f"line {line}: {message}" for line, message in problems[:SHOWN_PROBLEMS]]
    if (left := len(problems) - SHOWN_PROBLEMS) > 0:
        sentences.append(f"And {left} more errors; mend these first.")
    return Invalid("The policy was not saved.", code="policy_invalid", fields={"text": sentences})


def _document(value: dict[str, Any], lines: Lines) -> PolicyDocument:
    return PolicyDocument(
        name=value["policy"],
        risk_tier=value["risk_tier"],
        environment=value["environment"],
        suites=tuple(suites_of(value)),
        rules=tuple(_rule(rule, lines[("rules", number)]) for number, rule in enumerate(value["rules"])),
        card_sections=tuple(value.get("card_sections", [])),
        sign_offs=tuple(
            RequiredSignOff(
                key=sign_off["key"],
                title=sign_off["title"],
                meaning=sign_off["meaning"],
                role=sign_off["role"],
                independent=sign_off.get("independent", False),
            )
            for sign_off in value["sign_offs"]
        ),
        approval_valid_days=int(value["approval_valid_days"]),
        evaluation_max_age_days=int(age) if (age := value.get("evaluation_max_age_days")) else None,
        digest=sha256(canonical(_ledger_form(value), limit=None)).hexdigest(),
    )


def _rule(rule: dict[str, Any], lines: tuple[int, int]) -> Rule:
    each, compare_to = rule.get("each"), rule.get("compare_to")
    disturbed = each is not None and each.startswith("robustness")
    # The cautious end of a difference is the one nearer to worse than the champion.
    cautious = "diff_ci_high" if rule["op"] in ("<=", "<") else "diff_ci_low"
    return Rule(
        id=rule["id"],
        title=rule["title"],
        path=rule["path"],
        op=rule["op"],
        limit=_limit(rule.get("limit")),
        bound=rule.get("bound", cautious if compare_to else "value"),
        min_n=int(rule.get("min_n", 0)),
        each=each,
        compare_to=compare_to,
        on_missing=rule.get("on_missing", "fail"),
        # A small group is noted beside the groups that count; too few rows altogether prove nothing.
        on_insufficient=rule.get("on_insufficient", "note" if each and not disturbed else "fail"),
        severity=rule.get("severity", "block"),
        serves=tuple(rule.get("serves", [])),
        why=rule["why"],
        lines=lines,
        trust=rule.get("trust", ""),
        named=rule.get("named", ""),
    )


def _limit(value: Any) -> Decimal | tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else Decimal(value)


def _ledger_form(value: Any) -> Any:
    """The parsed value in the closed set of the canonical encoder: decimals as text without trailing
    zeros."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict):
        return {key: _ledger_form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_ledger_form(inner) for inner in value]
    return value
