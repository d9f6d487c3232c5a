"""What a policy says, once parsed: plain values, no table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from governance.evaluation.measures.catalogue import (
    DROP,
    EVIDENCE,
    EVIDENCE_TASKS,
    FAIRNESS,
    GROUP_METRICS,
    METRICS,
    Better,
    Measure,
    Task,
)
from governance.evaluation.suites import SUITES
from registry.versions.tasks import task_of

if TYPE_CHECKING:
    from registry.versions.models import ModelVersion

#: How the paths of rules on reports begin; the kind of report follows.
REPORTS = "reports."
#: How the paths begin that read the version, its lineage or what others reported, and not its evaluation.
_OF_NO_EVALUATION = ("version.", "lineage.", REPORTS)
#: What entries of one form hold of every group, by `each` of a rule. A crossing is held against that selected most
#: often (the impact ratio of intersectional categories, New York City Local Law 144).
OF_GROUPS = {
    "groups": GROUP_METRICS,
    "crossings": GROUP_METRICS | {"selection_rate_ratio": FAIRNESS["selection_rate_ratio"]},
    "slices": GROUP_METRICS,
}


@dataclass(frozen=True, slots=True)
class RequiredSignOff:
    """One signature a policy asks for. `independent`: the signer holds no contributor or owner role in the
    model's team (separation of duties S3)."""

    key: str
    title: str
    meaning: str
    role: str
    independent: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement. `path` points into the evidence; `bound` names the end of the interval the rule reads;
    `limit` is an exact decimal, a tuple of allowed words, or None for the operator `recorded`. Of a rule on reports
    `trust` is the least trust that counts and `named` the report's name (empty: any)."""

    id: str
    title: str
    path: str
    op: str
    limit: Decimal | tuple[str, ...] | None
    bound: str
    min_n: int
    each: str | None
    compare_to: str | None
    on_missing: str
    on_insufficient: str
    severity: str
    serves: tuple[str, ...]
    why: str
    lines: tuple[int, int]
    trust: str = ""
    named: str = ""

    @property
    def reads_evaluation(self) -> bool:
        """Whether the rule asks something of an evaluation, and not of version, lineage or reports."""
        return not self.path.startswith(_OF_NO_EVALUATION)

    @property
    def over(self) -> str:
        """What the rule reads one after the other: groups, crossings, slices, fairness or robustness; empty where
        it reads one thing."""
        return (self.each or "").partition("[")[0]

    @property
    def within(self) -> str | None:
        """The one attribute, or scenario, the rule looks at; None for every one."""
        return self.each.split("=", 1)[1].removesuffix("]") if self.each and "=" in self.each else None

    @property
    def measure(self) -> Measure | None:
        """What the rule reads, as people call it; None for a fact that is no number of the evidence."""
        if self.over == "robustness":
            return DROP
        if self.path in EVIDENCE:
            return EVIDENCE[self.path]
        name = self.path.removeprefix("metrics.").removeprefix("comparison.diffs.")
        if self.over in OF_GROUPS:
            return OF_GROUPS[self.over].get(name)
        return METRICS.get(name) or FAIRNESS.get(name)

    @property
    def margin(self) -> float | None:
        """How much worse than the champion the rule lets its measure be, at the worse end of the difference; None
        for a rule that asks for no such thing."""
        if not self.compare_to or self.measure is None or not isinstance(self.limit, Decimal):
            return None
        if self.bound == "diff_ci_low" and self.op in (">=", ">") and self.measure.better is Better.HIGHER:
            return max(0.0, float(-self.limit))
        if self.bound == "diff_ci_high" and self.op in ("<=", "<") and self.measure.better is Better.LOWER:
            return max(0.0, float(self.limit))
        return None

    @property
    def tasks(self) -> frozenset[Task]:
        """The tasks whose evidence holds what the rule reads; every one for what is measured of all."""
        if self.path in EVIDENCE_TASKS:
            return EVIDENCE_TASKS[self.path]
        if self.measure is None or self.over == "robustness":
            return frozenset(Task)
        return self.measure.tasks


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A whole policy. `suites` has one suite for each task it governs. `digest` is the SHA-256 (hex) of the
    canonical form of what was parsed, so that comments and line breaks of the YAML change nothing."""

    name: str
    risk_tier: str
    environment: str
    suites: tuple[str, ...]
    rules: tuple[Rule, ...]
    card_sections: tuple[str, ...]
    sign_offs: tuple[RequiredSignOff, ...]
    approval_valid_days: int
    evaluation_max_age_days: int | None
    digest: str

    def suite_for(self, version: ModelVersion) -> str:
        """The suite that measures what this version does; empty where the policy names none for its task."""
        task = task_of(version.signature)
        return next((name for name in self.suites if SUITES[name].task is task), "")

    @property
    def margins(self) -> dict[str, float]:
        """How much worse than the champion the policy lets a measure be at the worse end of the difference, by its
        name."""
        return {
            rule.measure.name: rule.margin for rule in self.rules if rule.measure and rule.margin is not None
        }
