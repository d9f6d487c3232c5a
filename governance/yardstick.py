"""What the pages of evaluations hold evidence against: the policy in force where models end their journey, and
the version that is live there. Plugged in from above, since the capability `evaluation` knows neither."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from django.urls import reverse

from governance.cards.queries import newest_revision
from governance.comparisons.queries import evidence_on_same_rows
from governance.environments.models import Environment
from governance.environments.queries import environments_in_order
from governance.evaluation.measures.catalogue import DROP, EVIDENCE, FAIRNESS_RULES, METRICS
from governance.evaluation.models import Evaluation
from governance.evaluation.yardstick import Demand, Limit, Requirement, Yardstick, register
from governance.policies.around import around_of
from governance.policies.document import OF_GROUPS, Rule
from governance.policies.queries import policy_in_force
from governance.policies.requirements import RequirementResult
from governance.policies.rules import document_of
from governance.policies.sentences import OPERATORS, limit_text
from governance.policies.verdict import judge
from governance.profiles.queries import profile_of
from registry.versions.tasks import Task, task_of

_ENDS: dict[str, Literal["low", "high", ""]] = {
    "value": "",
    "ci_low": "low",
    "ci_high": "high",
    "diff_ci_low": "low",
    "diff_ci_high": "high",
}
#: The measures a limit may be drawn on, by what the rule reads one after the other; empty for one thing.
_KNOWN = {
    "": METRICS | EVIDENCE,
    "fairness": FAIRNESS_RULES,
    "robustness": {DROP.name: DROP},
} | OF_GROUPS
#: Facts of an evaluation that are no estimates, and stand in a section of its page.
_FACTS = frozenset({"scan.verdict", "reproduction.verdict", "source", "circumstances.isolation_level"})


def yardstick_of(evaluation: Evaluation) -> Yardstick:
    """The policy in force for the model's tier in the last environment, with how this evidence stands on it."""
    environment = environments_in_order().last()
    if environment is None:
        return Yardstick(missing="There is no environment yet, so no policy applies.")
    version = evaluation.version
    around = around_of([version])[version.pk]
    rival = around.rivals.of(version, environment.slug)
    beside = around.rivals.beside(evaluation, version, environment.slug)
    compared: dict[str, Any] = {
        "environment": environment.name,
        "live": rival.version if rival else None,
        "champion": evidence_on_same_rows(evaluation, rival.version) if rival else None,
        "role": rival.role if rival else "champion",
        "differences": beside.comparison.differences["diffs"] if beside.comparison else {},
        "not_compared": beside.why if rival else "",
    }
    profile = profile_of(version.model)
    revision = policy_in_force(profile.risk_tier, environment) if profile else None
    if revision is None:
        missing = _why_no_policy(profile.risk_tier if profile else None, environment)
        return Yardstick(missing=missing, **compared)
    document = document_of(revision)
    name, url = (
        f"{document.name}, revision {revision.number}",
        reverse("governance:policy", args=[revision.policy_id]),
    )
    read = document.suite_for(version)
    if read and evaluation.suite != read:
        other = (
            f"The policy reads the suite {read}; this evaluation ran {evaluation.suite}, so no requirement is judged "
            "by it."
        )
        return Yardstick(policy=name, url=url, other_suite=other, margins=document.margins, **compared)
    judged = judge(
        version=version,
        document=document,
        evaluation=evaluation if read else None,
        card=newest_revision(version),
        around=around,
    )
    rules, task = {rule.id: rule for rule in document.rules}, task_of(version.signature)
    return Yardstick(
        policy=name,
        url=url,
        limits=tuple(limit for rule in document.rules if (limit := _limit(rule))),
        demands=tuple(_demand(rule) for rule in document.rules if rule.path in _FACTS),
        requirements=tuple(_requirement(one) for one in judged if _reads_evidence(one, rules, task)),
        margins=document.margins,
        **compared,
    )


def _why_no_policy(tier: str | None, environment: Environment) -> str:
    if tier is None:
        return "The model has no risk tier yet, so no policy applies. Its owner sets one on the model's page."
    return f"No policy is in force for {tier} tier in {environment.name}, so no limit is drawn."


def _limit(rule: Rule) -> Limit | None:
    """A rule that compares a number of the evidence with a number; None for the others."""
    measure = rule.path.removeprefix("metrics.")
    known = _KNOWN.get(rule.over, {})
    if not isinstance(rule.limit, Decimal) or measure not in known or rule.compare_to:
        return None
    end = _ENDS[rule.bound]
    read = {"low": "lower end ", "high": "upper end ", "": ""}[end]
    return Limit(
        rule_id=rule.id,
        measure=measure,
        value=float(rule.limit),
        refused="below" if rule.op in (">=", ">") else "above",
        end=end,
        demand=f"{read}{OPERATORS[rule.op]} {limit_text(rule)}",
        each=rule.over,
        attribute=rule.within or "",
    )


def _demand(rule: Rule) -> Demand:
    at = f"{OPERATORS[rule.op]} " if rule.op in OPERATORS else ""
    return Demand(rule.id, rule.path, f"{at}{limit_text(rule)}")


def _reads_evidence(result: RequirementResult, rules: dict[str, Rule], task: Task) -> bool:
    """Whether the requirement asks something of the evidence, and not of card, lineage, format, reports or another
    task."""
    rule = rules.get(result.rule_id)
    if rule is None:
        return result.rule_id in ("evaluation", "evaluation-age")
    if task not in rule.tasks:
        return False
    return rule.reads_evaluation


def _requirement(result: RequirementResult) -> Requirement:
    groups: list[dict[str, Any]] = result.looked_at.get("groups", [])
    return Requirement(
        rule_id=result.rule_id,
        title=result.title,
        state=result.state,
        blocks=result.blocks,
        message=result.message,
        groups={(one["attribute"], one["group"]): one["state"] for one in groups},
    )


register(yardstick_of)
