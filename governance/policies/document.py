"""What a policy says, once parsed: plain values, no table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from governance.evaluation.measures.catalogue import FAIRNESS, METRICS, Task
from governance.evaluation.suites import SUITES
from registry.versions.tasks import task_of

if TYPE_CHECKING:
    from registry.versions.models import ModelVersion


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
    `limit` is an exact decimal, a tuple of allowed words, or None for the operator `recorded`."""

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

    @property
    def task(self) -> Task | None:
        """The task whose measure the rule reads; None for a fact, which every version has."""
        name = self.path.removeprefix("metrics.").removeprefix("comparison.diffs.")
        measure = METRICS.get(name) or FAIRNESS.get(name)
        return measure.task if measure else None


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
